//! What a check says.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::CliError;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Things work, perhaps not as they are meant to.
    Warning,
    /// Something cannot work.
    Problem,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What was looked at; scripts know it by this name.
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) message: String,
    /// A command that helps.
    pub(crate) cure: Option<String>,
}

/// The findings of one group of checks.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) findings: Vec<Finding>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, message: impl fmt::Display) -> Self {
        Self::new(check, Verdict::Ok, message)
    }

    pub(crate) fn warning(check: &'static str, message: impl fmt::Display) -> Self {
        Self::new(check, Verdict::Warning, message)
    }

    pub(crate) fn problem(check: &'static str, message: impl fmt::Display) -> Self {
        Self::new(check, Verdict::Problem, message)
    }

    /// What commands fail with.
    pub(crate) fn failure(check: &'static str, error: &CliError) -> Self {
        Self::problem(check, error)
    }

    fn new(check: &'static str, verdict: Verdict, message: impl fmt::Display) -> Self {
        Self {
            check,
            verdict,
            message: message.to_string(),
            cure: None,
        }
    }

    /// Adds the command that helps.
    pub(crate) fn cure(mut self, command: impl Into<String>) -> Self {
        self.cure = Some(command.into());
        self
    }
}

/// `1 agent`, `2 agents`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
