//! The state directory: where pid files, logs, locks and the embedded database are.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use mesh_core::env::{EnvVars, Environment};
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Kind};

/// The longest process name; leaves room for the endings of its files.
const MAX_NAME: usize = 200;
/// The names that are ours in `pids/`.
const RESERVED: [&str; 2] = ["registry", "ui"];
/// What an agent's name ends with in the record of its watcher.
const WATCHER: &str = ".watcher";

/// The name of an agent as its files carry it: safe as a file name, otherwise as declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ProcessName(String); // Private: parsing is the only way in.

impl ProcessName {
    /// Refuses what would leave the directory or clash with other files in it.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let problem = if text.is_empty() {
            "is empty"
        } else if text.len() > MAX_NAME {
            "is too long"
        } else if text.contains(['/', '\\', '\0', '\n', ':']) || text.starts_with('.') {
            "cannot be the name of a file"
        } else if RESERVED.contains(&text) || text.starts_with("wrapper-") || text.contains(WATCHER)
        {
            "is reserved"
        } else {
            return Ok(Self(text.to_owned()));
        };
        Err(CliError::new(format!("the agent name `{text}` {problem}"))
            .of_kind(Kind::Usage)
            .hint("use lower-case letters, digits and hyphens, as in `@mesh.agent(name=\"my-agent\")`"))
    }

    /// The registry, whose pid file lies among the agents'.
    pub(crate) fn registry() -> Self {
        Self("registry".to_owned())
    }

    /// The process that watches this agent's files.
    pub(crate) fn watcher(&self) -> Self {
        Self(format!("{self}{WATCHER}"))
    }

    /// The agent whose watcher's record has this stem.
    pub(crate) fn watched(stem: &str) -> Option<Self> {
        Self::parse(stem.strip_suffix(WATCHER)?).ok()
    }

    /// The name that the stem of a file in `pids/` spells: an agent's, a watcher's, the registry's.
    pub(crate) fn of_record(stem: &str) -> Option<Self> {
        if stem == Self::registry().as_str() {
            return Some(Self::registry());
        }
        match Self::watched(stem) {
            Some(agent) => Some(agent.watcher()),
            None => Self::parse(stem).ok(),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ProcessName {
    type Error = CliError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ProcessName> for String {
    fn from(name: ProcessName) -> Self {
        name.0
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `MCP_MESH_HOME`, or `.mcp-mesh` in the user's directory.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

impl Home {
    /// What helps where the state cannot be written.
    pub(crate) fn advice() -> String {
        format!(
            "set `{}` to a directory that can be written",
            EnvVars::MCP_MESH_HOME
        )
    }

    /// Where the state of this user is; nothing is created yet.
    pub(crate) fn resolve(environment: &Environment) -> Result<Self, CliError> {
        if let Some(root) = environment.get(EnvVars::MCP_MESH_HOME) {
            let root = std::path::absolute(root)
                .map_err(|error| CliError::new(format!("cannot use `{root}`")).because(error))?;
            return Ok(Self { root });
        }
        std::env::home_dir()
            .filter(|home| home.is_absolute())
            .map(|home| Self {
                root: home.join(".mcp-mesh"),
            })
            .ok_or_else(|| {
                CliError::new("the user has no home directory").hint(format!(
                    "set `{}` to the directory that shall hold the state",
                    EnvVars::MCP_MESH_HOME
                ))
            })
    }

    /// The state in `root`, as another meshctl resolved it.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Creates the directories.
    pub(crate) fn create(&self) -> Result<(), CliError> {
        for folder in [self.pids(), self.logs(), self.dependents()] {
            fs::create_dir_all(&folder).map_err(|error| {
                CliError::new(format!("cannot create `{}`", folder.display()))
                    .because(error)
                    .hint(Self::advice())
            })?;
        }
        Ok(())
    }

    /// Pid files and their companions.
    pub(crate) fn pids(&self) -> PathBuf {
        self.root.join("pids")
    }

    /// The certificate of the development authority, which `start --tls-auto` makes.
    pub(crate) fn authority(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// Certificates, and authorities that are trusted.
    pub(crate) fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// Logs and their earlier generations.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Who needs the registry: one file for each `start`, one agent on each line.
    pub(crate) fn dependents(&self) -> PathBuf {
        self.root.join("registry/deps")
    }

    /// Held by whoever starts or stops processes.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.root.join("lifecycle.lock")
    }

    /// The embedded database, unless a setting says otherwise.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("mcp_mesh_registry.db")
    }

    /// The log that `name` writes now.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{}.log", log_stem(name)))
    }

    /// The log that `name` wrote `generation` starts ago, from 1.
    pub(crate) fn previous_log(&self, name: &str, generation: u8) -> PathBuf {
        self.logs()
            .join(format!("{}.{generation}.log", log_stem(name)))
    }
}

/// The name of a log: what `logs` is asked for may be a path to a script, too.
fn log_stem(name: &str) -> String {
    let base = Path::new(name)
        .file_name()
        .and_then(|base| base.to_str())
        .unwrap_or(name);
    base.strip_suffix(".py")
        .unwrap_or(base)
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                c
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_directory() {
        for bad in [
            "",
            "a/b",
            "..",
            "\\x",
            "registry",
            "wrapper-1",
            "a.watcher",
            "C:x",
        ] {
            assert!(ProcessName::parse(bad).is_err(), "{bad}");
        }
        for good in ["greeter", "My Agent", "größe", "a.b"] {
            assert_eq!(ProcessName::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn one_variable_moves_everything() {
        let root = std::path::absolute("/srv/mesh").unwrap();
        let environment = [(EnvVars::MCP_MESH_HOME, root.to_str().unwrap())]
            .into_iter()
            .collect();
        let home = Home::resolve(&environment).unwrap();
        assert_eq!(home.log("dir/my agent.py"), root.join("logs/my_agent.log"));
        assert_eq!(home.previous_log("a", 2), root.join("logs/a.2.log"));
        assert_eq!(home.database(), root.join("mcp_mesh_registry.db"));
    }
}
