//! How much is logged.

use std::str::FromStr;

use mesh_core::env::{EnvVars, Environment};

use super::value::invalid;
use crate::error::CliError;

/// How much a process logs. One rule for the flag and the environment: any case, `WARN` is
/// `WARNING`, `FATAL` is `CRITICAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl LogLevel {
    /// The spelling that the registry and every SDK read.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }

    /// What `MCP_MESH_LOG_LEVEL` says, if anything.
    pub(crate) fn of_environment(environment: &Environment) -> Result<Option<Self>, CliError> {
        environment
            .get(EnvVars::MCP_MESH_LOG_LEVEL)
            .map(str::parse)
            .transpose()
            .map_err(|problem: UnknownLogLevel| invalid(EnvVars::MCP_MESH_LOG_LEVEL, &problem))
    }
}

/// A level that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, FATAL")]
pub(crate) struct UnknownLogLevel(String);

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_ascii_uppercase().as_str() {
            "TRACE" => Ok(Self::Trace),
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARN" | "WARNING" => Ok(Self::Warning),
            "ERROR" => Ok(Self::Error),
            "CRITICAL" | "FATAL" => Ok(Self::Critical),
            _ => Err(UnknownLogLevel(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_level_is_read() {
        for (text, level) in [
            ("warn", LogLevel::Warning),
            ("WARNING", LogLevel::Warning),
            ("Info", LogLevel::Info),
            ("fatal", LogLevel::Critical),
        ] {
            assert_eq!(text.parse(), Ok(level));
        }
        assert!("loud".parse::<LogLevel>().is_err());
        let environment = [(EnvVars::MCP_MESH_LOG_LEVEL, "loud")]
            .into_iter()
            .collect();
        assert!(LogLevel::of_environment(&environment).is_err());
    }
}
