//! What the configuration file may say.

use std::path::Path;

use mesh_core::env::{EnvVars, Environment};

use super::address;
use super::log_level::LogLevel;
use super::value::truth;
use crate::error::{CliError, Kind};
use crate::suggestion::did_you_mean;

/// One setting that the file may hold. The file counts less than the variable that says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConfigKey {
    pub(crate) name: &'static str,
    /// The variable that overrides it.
    pub(crate) variable: &'static str,
    shape: Shape,
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Url,
    Host,
    Port,
    Path,
    Level,
    Seconds,
    Switch,
}

/// All of them, in the order in which `config show` prints them.
pub(crate) const KEYS: [ConfigKey; 9] = [
    key("registry_url", EnvVars::MCP_MESH_REGISTRY_URL, Shape::Url),
    key(
        "registry_host",
        EnvVars::MCP_MESH_REGISTRY_HOST,
        Shape::Host,
    ),
    key(
        "registry_port",
        EnvVars::MCP_MESH_REGISTRY_PORT,
        Shape::Port,
    ),
    key("db_path", EnvVars::MCP_MESH_DB_PATH, Shape::Path),
    key("log_level", EnvVars::MCP_MESH_LOG_LEVEL, Shape::Level),
    key(
        "health_check_interval",
        EnvVars::MCP_MESH_HEALTH_CHECK_INTERVAL,
        Shape::Seconds,
    ),
    key("debug_mode", EnvVars::MCP_MESH_DEBUG_MODE, Shape::Switch),
    key(
        "startup_timeout",
        EnvVars::MCP_MESH_STARTUP_TIMEOUT,
        Shape::Seconds,
    ),
    key(
        "shutdown_timeout",
        EnvVars::MCP_MESH_SHUTDOWN_TIMEOUT,
        Shape::Seconds,
    ),
];

const fn key(name: &'static str, variable: &'static str, shape: Shape) -> ConfigKey {
    ConfigKey {
        name,
        variable,
        shape,
    }
}

impl ConfigKey {
    /// The key that is called `name`.
    pub(crate) fn named(name: &str) -> Result<Self, CliError> {
        if let Some(key) = KEYS.into_iter().find(|key| key.name == name) {
            return Ok(key);
        }
        let error = CliError::new(format!("unknown key `{name}`")).of_kind(Kind::Usage);
        Err(
            match (name, did_you_mean(name, KEYS.iter().map(|key| key.name))) {
                ("state_dir", _) => error.hint(format!(
                    "the file cannot move the state directory; set `{}`",
                    EnvVars::MCP_MESH_HOME
                )),
                (_, Some(hint)) => error.hint(hint),
                (_, None) => error.hint(format!("the keys are {}", names())),
            },
        )
    }

    /// `text` as the file holds it, or what is wrong with it.
    pub(crate) fn parse(self, text: &str) -> Result<toml_edit::Value, String> {
        let number = |most: i64| {
            text.parse::<i64>()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .map(toml_edit::Value::from)
                .ok_or_else(|| format!("`{text}` is not {}", self.shape.description()))
        };
        match self.shape {
            Shape::Port => number(u16::MAX.into()),
            Shape::Seconds => number(i64::from(u32::MAX)),
            Shape::Switch => truth(text)
                .map(Into::into)
                .ok_or_else(|| format!("`{text}` is not {}", self.shape.description())),
            Shape::Level => text
                .parse::<LogLevel>()
                .map(|level| level.as_str().into())
                .map_err(|problem| problem.to_string()),
            Shape::Url => address::parse(text, self.name)
                .map(|_| text.into())
                .map_err(|_| format!("`{text}` is not {}", self.shape.description())),
            Shape::Host if text.trim().is_empty() || text.contains(['/', ' ']) => {
                Err(format!("`{text}` is not {}", self.shape.description()))
            }
            Shape::Path if !(Path::new(text).is_absolute() || text.starts_with("~/")) => {
                Err(format!("`{text}` is not {}", self.shape.description()))
            }
            Shape::Host | Shape::Path => Ok(text.into()),
        }
    }

    /// What the file says, in the spelling of the variable, or what is wrong with it.
    pub(super) fn read(self, value: &toml_edit::Value) -> Result<String, String> {
        let text = match (value, self.shape) {
            (toml_edit::Value::Integer(number), Shape::Port | Shape::Seconds) => {
                number.value().to_string()
            }
            (toml_edit::Value::Boolean(truth), Shape::Switch) => truth.value().to_string(),
            (
                toml_edit::Value::String(text),
                Shape::Url | Shape::Host | Shape::Path | Shape::Level,
            ) => text.value().clone(),
            (other, shape) => {
                let (wanted, found) = (shape.description(), other.type_name());
                return Err(format!("it must be {wanted}, and is of the type {found}"));
            }
        };
        self.parse(&text)?;
        match (self.shape, text.strip_prefix("~/"), std::env::home_dir()) {
            (Shape::Path, Some(rest), Some(home)) => Ok(home.join(rest).display().to_string()),
            _ => Ok(text),
        }
    }

    /// Whether the file's value counts beside what the environment says.
    pub(super) fn counts(self, environment: &Environment) -> bool {
        let is_set = |name| environment.get(name).is_some();
        // Whoever sets a part of the address for one command does not mean the file's whole.
        let overruled = self.shape == Shape::Url
            && (is_set(EnvVars::MCP_MESH_REGISTRY_HOST) || is_set(EnvVars::MCP_MESH_REGISTRY_PORT));
        !overruled && !is_set(self.variable)
    }
}

impl Shape {
    fn description(self) -> &'static str {
        match self {
            Self::Url => "a URL such as \"http://localhost:8000\"",
            Self::Host => "the name or address of a host",
            Self::Port => "a number from 1 to 65535",
            Self::Path => "an absolute path, or one that starts with `~/`",
            Self::Level => "a log level such as \"INFO\"",
            Self::Seconds => "a whole number of seconds, at least 1",
            Self::Switch => "true or false",
        }
    }
}

/// For messages.
pub(crate) fn names() -> String {
    let names: Vec<String> = KEYS.iter().map(|key| format!("`{}`", key.name)).collect();
    names.join(", ")
}
