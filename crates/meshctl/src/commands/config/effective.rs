//! The settings that are in effect, and where each comes from.

use std::fmt::Write as _;
use std::path::PathBuf;

use mesh_core::Timestamp;
use mesh_core::env::{EnvVars, Environment};
use schemars::JsonSchema;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::home::Home;
use crate::settings::{
    ConfigFile, ConfigKey, Configuration, ConnectionArgs, DEFAULT_HOST, DEFAULT_PORT,
    DEFAULT_TIMEOUT, LogLevel, RegistryAddress, is_true, number,
};
use crate::suggestion::did_you_mean;

/// Seconds, of the registry.
const DEFAULT_INTERVAL: u32 = 10;

/// What `config show --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Settings {
    /// The registry's port, unless `registry_url` says otherwise.
    registry_port: u16,
    /// The registry's host, unless `registry_url` says otherwise.
    registry_host: String,
    /// The database of a registry that `start` starts.
    db_path: PathBuf,
    /// How much a started process logs.
    log_level: &'static str,
    /// Seconds between two looks of the registry for silent agents.
    health_check_interval: u32,
    /// Whether started processes log at DEBUG whatever the level.
    debug_mode: bool,
    /// Seconds to wait for a process to become ready.
    startup_timeout: u64,
    /// Seconds to wait for a process to end.
    shutdown_timeout: u64,
    /// Of no effect; scripts for version 3 may read it.
    enable_background: bool,
    /// Of no effect; scripts for version 3 may read it.
    pid_file: &'static str,
    /// Where pid files, logs, certificates and the database are.
    state_dir: PathBuf,
    /// The version of this list.
    version: &'static str,
    /// When this list was made: now.
    last_modified: Timestamp,
    /// The registry that is asked.
    registry_url: String,
}

/// The fields, in the order of the struct, which JSON values forget.
const FIELDS: [&str; 14] = [
    "registry_port",
    "registry_host",
    "db_path",
    "log_level",
    "health_check_interval",
    "debug_mode",
    "startup_timeout",
    "shutdown_timeout",
    "enable_background",
    "pid_file",
    "state_dir",
    "version",
    "last_modified",
    "registry_url",
];

/// What decided a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Default,
    Variable(&'static str),
    /// The line.
    File(usize),
}

/// The settings of a command without flags.
pub(super) struct Effective {
    settings: Settings,
    fields: Map<String, Value>,
    /// Of the keys that the file may hold.
    configuration: Configuration,
    environment: Environment,
    /// For people.
    path: String,
}

impl Effective {
    pub(super) fn of(file: &ConfigFile, context: &Context) -> Result<Self, CliError> {
        let configuration = file.load()?;
        let environment = configuration.below(&context.environment);
        let home = Home::resolve(&environment)?;
        let address = RegistryAddress::locate(ConnectionArgs::default(), &environment)?;
        let get = |name| environment.get(name);
        let level = LogLevel::of_environment(&environment)?.unwrap_or(LogLevel::Info);
        let settings = Settings {
            registry_port: number(&environment, EnvVars::MCP_MESH_REGISTRY_PORT)?
                .unwrap_or(DEFAULT_PORT),
            registry_host: get(EnvVars::MCP_MESH_REGISTRY_HOST)
                .unwrap_or(DEFAULT_HOST)
                .to_owned(),
            db_path: get(EnvVars::MCP_MESH_DB_PATH).map_or_else(|| home.database(), PathBuf::from),
            log_level: level.as_str(),
            health_check_interval: number(&environment, EnvVars::MCP_MESH_HEALTH_CHECK_INTERVAL)?
                .unwrap_or(DEFAULT_INTERVAL),
            debug_mode: get(EnvVars::MCP_MESH_DEBUG_MODE).is_some_and(is_true),
            startup_timeout: number(&environment, EnvVars::MCP_MESH_STARTUP_TIMEOUT)?
                .unwrap_or(DEFAULT_TIMEOUT),
            shutdown_timeout: number(&environment, EnvVars::MCP_MESH_SHUTDOWN_TIMEOUT)?
                .unwrap_or(DEFAULT_TIMEOUT),
            enable_background: false,
            pid_file: "./mcp_mesh_dev.pid",
            state_dir: home.root().to_owned(),
            version: "1.0.0",
            last_modified: context.clock.now(),
            registry_url: address.as_str().trim_end_matches('/').to_owned(),
        };
        let Ok(Value::Object(fields)) = serde_json::to_value(&settings) else {
            return Err(CliError::new(
                "cannot print the settings: a path is not Unicode",
            ));
        };
        Ok(Self {
            settings,
            fields,
            configuration,
            environment: context.environment.clone(),
            path: file.path().display().to_string(),
        })
    }

    pub(super) fn values(&self) -> &Settings {
        &self.settings
    }

    /// One of them, as text.
    pub(super) fn value(&self, name: &str) -> Result<String, CliError> {
        match self.fields.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(value) => Ok(value.to_string()),
            None => {
                let error = CliError::new(format!("unknown key `{name}`")).of_kind(Kind::Usage);
                let hint = did_you_mean(name, FIELDS);
                Err(error.hint(
                    hint.unwrap_or_else(|| "`meshctl config show` lists the keys".to_owned()),
                ))
            }
        }
    }

    pub(super) fn yaml(&self, with_origins: bool) -> String {
        let mut text = String::new();
        for (name, value) in self.fields() {
            // Writing to a String cannot fail, here and below.
            let _ = write!(text, "{name}: {}", scalar(value));
            if with_origins {
                let _ = write!(text, "  # {}", self.origin_text(name));
            }
            text.push('\n');
        }
        text.trim_end().to_owned()
    }

    pub(super) fn with_origins(&self) -> impl Serialize {
        WithOrigins(self)
    }

    fn fields(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        FIELDS
            .iter()
            .filter_map(|name| Some((*name, self.fields.get(*name)?)))
    }

    fn origin(&self, name: &str) -> Origin {
        if name == "registry_url" {
            // Put together of its parts, unless it is given whole.
            let parts = [name, "registry_host", "registry_port"];
            return parts
                .into_iter()
                .map(|part| self.origin_of_key(part))
                .find(|origin| *origin != Origin::Default)
                .unwrap_or(Origin::Default);
        }
        self.origin_of_key(name)
    }

    fn origin_of_key(&self, name: &str) -> Origin {
        let is_set = |variable| self.environment.get(variable).is_some();
        if name == "state_dir" && is_set(EnvVars::MCP_MESH_HOME) {
            return Origin::Variable(EnvVars::MCP_MESH_HOME);
        }
        let Ok(key) = ConfigKey::named(name) else {
            return Origin::Default;
        };
        match self.configuration.line(key, &self.environment) {
            Some(line) => Origin::File(line),
            None if is_set(key.variable) => Origin::Variable(key.variable),
            None => Origin::Default,
        }
    }

    fn origin_text(&self, name: &str) -> String {
        match self.origin(name) {
            Origin::Default => "default".to_owned(),
            Origin::Variable(variable) => variable.to_owned(),
            Origin::File(line) => format!("{}:{line}", self.path),
        }
    }
}

/// One setting in `config show --json --origin`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Explained {
    /// What is in effect.
    value: Value,
    /// `default`, `environment` or `file`.
    origin: &'static str,
    /// The variable, or the file and its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
}

struct WithOrigins<'a>(&'a Effective);

impl Serialize for WithOrigins<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(FIELDS.len()))?;
        for (name, value) in self.0.fields() {
            let (origin, from) = match self.0.origin(name) {
                Origin::Default => ("default", None),
                Origin::Variable(variable) => ("environment", Some(variable.to_owned())),
                Origin::File(_) => ("file", Some(self.0.origin_text(name))),
            };
            let value = value.clone();
            map.serialize_entry(
                name,
                &Explained {
                    value,
                    origin,
                    from,
                },
            )?;
        }
        map.end()
    }
}

/// A YAML scalar: plain where it stays what it is, else in quotes.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        // JSON's strings are YAML's.
        value => value.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let first = text.chars().next();
    let harmless = |c: char| c.is_alphanumeric() || "/._-:\\~[]".contains(c);
    first.is_some_and(|c| c.is_alphanumeric() || c == '/' || c == '.')
        && text.chars().all(harmless)
        && !text.ends_with(':')
        && text.parse::<f64>().is_err()
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_misread_is_quoted() {
        let scalar = |text: &str| scalar(&Value::String(text.to_owned()));
        for plain in ["localhost", "1.0.0", "C:\\x", "http://h:1"] {
            assert_eq!(scalar(plain), plain);
        }
        for quoted in ["", "10", "1.5", "yes", "a: b", "a #b", "::1", "/with space"] {
            assert_eq!(scalar(quoted), format!("{quoted:?}"));
        }
    }
}
