//! `config.toml`: what the user said once for all commands.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use mesh_core::env::Environment;
use toml_edit::{Document, DocumentMut, Item};

use super::config_key::{ConfigKey, KEYS, names};
use crate::error::{CliError, Kind, unnamed};
use crate::suggestion::did_you_mean;

const FOLDER: &str = "mcp-mesh";

/// Where the file is, whether it exists or not.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
}

/// What the file says, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Configuration {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: ConfigKey,
    /// In the spelling of the variable.
    value: String,
    line: usize,
}

impl Configuration {
    /// The environment with what it does not say itself.
    pub(crate) fn below(&self, environment: &Environment) -> Environment {
        let missing = self
            .entries
            .iter()
            .filter(|entry| entry.key.counts(environment))
            .map(|entry| (entry.key.variable, entry.value.as_str()));
        environment.clone().overlaid(missing)
    }

    /// The line that decides `key`, if one does.
    pub(crate) fn line(&self, key: ConfigKey, environment: &Environment) -> Option<usize> {
        self.entries
            .iter()
            .find(|entry| entry.key == key && key.counts(environment))
            .map(|entry| entry.line)
    }
}

impl ConfigFile {
    /// `$XDG_CONFIG_HOME`, or where each system keeps such files.
    pub(crate) fn locate(environment: &Environment) -> Result<Self, CliError> {
        let from = |name| environment.get(name).map(PathBuf::from);
        let home = || std::env::home_dir().filter(|home| home.is_absolute());
        let folder = from("XDG_CONFIG_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| {
                if cfg!(windows) {
                    from("APPDATA")
                } else if cfg!(target_os = "macos") {
                    home().map(|home| home.join("Library/Application Support"))
                } else {
                    home().map(|home| home.join(".config"))
                }
            })
            .ok_or_else(|| {
                CliError::new("the user has no home directory")
                    .hint("set `XDG_CONFIG_HOME` to the directory that shall hold configuration")
            })?;
        Ok(Self {
            path: folder.join(FOLDER).join("config.toml"),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that meshctl 3 named and never read, if somebody wrote it nevertheless.
    pub(crate) fn ignored(&self) -> Option<PathBuf> {
        let path = self.path.with_file_name("cli_config.json");
        path.is_file().then_some(path)
    }

    /// What it says; nothing if there is none.
    pub(crate) fn load(&self) -> Result<Configuration, CliError> {
        let Some(text) = self.text()? else {
            return Ok(Configuration::default());
        };
        self.interpret(&text)
    }

    fn interpret(&self, text: &str) -> Result<Configuration, CliError> {
        let document = Document::parse(text).map_err(|error| {
            let place = error.span().map_or(0, |span| span.start);
            self.wrong(text, place, error.message())
                .hint("correct that line; `meshctl config path` names the file")
        })?;
        let mut entries = Vec::new();
        for (name, item) in document.as_table() {
            let place = document
                .as_table()
                .key(name)
                .and_then(toml_edit::Key::span)
                .map_or(0, |span| span.start);
            let Some(key) = KEYS.into_iter().find(|key| key.name == name) else {
                let hint = did_you_mean(name, KEYS.iter().map(|key| key.name))
                    .unwrap_or_else(|| format!("the keys are {}.", names()));
                let hint = format!("{hint} `meshctl config unset {name}` removes it");
                return Err(self
                    .wrong(text, place, &format!("unknown key `{name}`"))
                    .hint(hint));
            };
            let value = match item {
                Item::Value(value) => key.read(value),
                _ => Err("it must be one value, not a table".to_owned()),
            };
            let value = value.map_err(|problem| {
                let place = item.span().map_or(place, |span| span.start);
                self.wrong(text, place, &format!("`{name}`: {problem}"))
                    .hint(format!(
                        "`meshctl config set {name} VALUE` replaces it, \
                         `meshctl config unset {name}` removes it"
                    ))
            })?;
            let (line, _) = line_and_column(text, place);
            entries.push(Entry { key, value, line });
        }
        Ok(Configuration { entries })
    }

    /// Writes one value; comments and the other lines stay.
    pub(crate) fn set(&self, key: ConfigKey, text: &str) -> Result<(), CliError> {
        let mut value = key.parse(text).map_err(|problem| {
            CliError::new(format!("`{}`: {problem}", key.name)).of_kind(Kind::Usage)
        })?;
        let mut document = self.document()?;
        // What stands there already keeps the comments above and behind it.
        match document.get_mut(key.name) {
            Some(Item::Value(old)) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            _ => {
                document.insert(key.name, Item::Value(value));
            }
        }
        self.write(&document.to_string())
    }

    /// Removes a value, known or not; whether there was one.
    pub(crate) fn unset(&self, name: &str) -> Result<bool, CliError> {
        let mut document = self.document()?;
        let removed = document.remove(name).is_some();
        if removed {
            self.write(&document.to_string())?;
        }
        Ok(removed)
    }

    fn document(&self) -> Result<DocumentMut, CliError> {
        let text = self.text()?.unwrap_or_default();
        text.parse::<DocumentMut>().map_err(|error| {
            let place = error.span().map_or(0, |span| span.start);
            self.wrong(&text, place, error.message())
                .hint("correct that line by hand, or delete the file")
        })
    }

    fn text(&self) -> Result<Option<String>, CliError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.problem("read", error)),
        }
    }

    /// All or nothing, for this user alone.
    fn write(&self, text: &str) -> Result<(), CliError> {
        // Whoever keeps the file elsewhere and links to it keeps the link.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = target.parent().unwrap_or(Path::new("."));
        let problem = |error: io::Error| self.problem("write", error);
        fs::create_dir_all(folder).map_err(problem)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)
            .map_err(unnamed)
            .map_err(problem)?;
        file.write_all(text.as_bytes()).map_err(problem)?;
        file.as_file().sync_all().map_err(problem)?;
        file.persist(&target)
            .map_err(|error| problem(error.error))?;
        Ok(())
    }

    fn problem(&self, verb: &str, error: io::Error) -> CliError {
        CliError::new(format!("cannot {verb} `{}`", self.path.display())).because(error)
    }

    fn wrong(&self, text: &str, place: usize, problem: &str) -> CliError {
        let (line, column) = line_and_column(text, place);
        let path = self.path.display();
        // The parser's words may take several lines.
        let problem = crate::error::one_line(problem);
        CliError::new(format!("{path}:{line}:{column}: {problem}")).of_kind(Kind::Usage)
    }
}

/// Both from 1, for the byte at `place`.
fn line_and_column(text: &str, place: usize) -> (usize, usize) {
    let before = text.get(..place).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use mesh_core::env::EnvVars;

    use super::*;

    fn file() -> ConfigFile {
        ConfigFile {
            path: "config.toml".into(),
        }
    }

    fn problem(text: &str) -> String {
        let error = file().interpret(text).unwrap_err();
        format!("{error}\n{}", error.hint_text().unwrap_or_default())
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_its_cure() {
        insta::assert_snapshot!(problem("registry_port = 8000\nregistri_host = \"x\"\n"), @r"
            config.toml:2:1: unknown key `registri_host`
            did you mean `registry_host`? `meshctl config unset registri_host` removes it
            ");
        insta::assert_snapshot!(problem("[registry]\nport = 1\n"), @r"
            config.toml:1:2: unknown key `registry`
            did you mean `registry_url`, `registry_host` or `registry_port`? `meshctl config unset registry` removes it
            ");
        insta::assert_snapshot!(problem("registry_port = \"8000\"\n"), @r"
            config.toml:1:17: `registry_port`: it must be a number from 1 to 65535, and is of the type string
            `meshctl config set registry_port VALUE` replaces it, `meshctl config unset registry_port` removes it
            ");
        insta::assert_snapshot!(problem("# ü\nregistry_port = 70000\n"), @r"
            config.toml:2:17: `registry_port`: `70000` is not a number from 1 to 65535
            `meshctl config set registry_port VALUE` replaces it, `meshctl config unset registry_port` removes it
            ");
        insta::assert_snapshot!(problem("log_level = \"loud\"\n"), @r"
            config.toml:1:13: `log_level`: `loud` is not one of TRACE, DEBUG, INFO, WARN, WARNING, ERROR, CRITICAL, FATAL
            `meshctl config set log_level VALUE` replaces it, `meshctl config unset log_level` removes it
            ");
        insta::assert_snapshot!(problem("db_path = \"mesh.db\"\n"), @r"
            config.toml:1:11: `db_path`: `mesh.db` is not an absolute path, or one that starts with `~/`
            `meshctl config set db_path VALUE` replaces it, `meshctl config unset db_path` removes it
            ");
        insta::assert_snapshot!(problem("log_level = \n"), @r"
            config.toml:1:13: string values must be quoted, expected literal string
            correct that line; `meshctl config path` names the file
            ");
    }

    #[test]
    fn the_file_counts_less_than_the_environment() {
        let configuration = file()
            .interpret("registry_url = \"http://file:1\"\nlog_level = \"warn\"\n")
            .unwrap();
        let below = |pairs: &[(&str, &str)]| configuration.below(&pairs.iter().copied().collect());
        let (url, level) = (EnvVars::MCP_MESH_REGISTRY_URL, EnvVars::MCP_MESH_LOG_LEVEL);
        let alone = below(&[]);
        assert_eq!(
            (alone.get(url), alone.get(level)),
            (Some("http://file:1"), Some("warn"))
        );
        assert_eq!(
            below(&[(url, "http://env:1")]).get(url),
            Some("http://env:1")
        );
        // A part of the address in the environment overrules the whole in the file.
        assert_eq!(
            below(&[(EnvVars::MCP_MESH_REGISTRY_PORT, "9")]).get(url),
            None
        );
    }

    #[test]
    fn what_is_written_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = ConfigFile {
            path: folder.path().join("mcp-mesh/config.toml"),
        };
        let set = |name, value| file.set(ConfigKey::named(name).unwrap(), value);
        set("registry_port", "9000").unwrap();
        let text = "# mine\nregistry_port = 9000 # not 8000\n\nstale = 1\n";
        fs::write(file.path(), text).unwrap();
        set("registry_port", "9001").unwrap();
        set("log_level", "warn").unwrap();
        assert!(file.unset("stale").unwrap());
        assert!(!file.unset("stale").unwrap());
        assert!(set("registry_port", "many").is_err());
        insta::assert_snapshot!(fs::read_to_string(file.path()).unwrap(), @r#"
            # mine
            registry_port = 9001 # not 8000
            log_level = "WARNING"
            "#);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(file.path()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
