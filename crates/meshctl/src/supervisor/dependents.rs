//! Who needs the registry: a file for each `start`, in it one agent on each line.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesh_core::Clock;
use serde::{Deserialize, Serialize};

use super::records::{cannot, read_whole, remove_if_there, write_whole};
use crate::error::CliError;
use crate::home::ProcessName;

/// One `start`: `<milliseconds>-<pid>-<counter>`. Its agents carry it in their environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct GroupId(String); // Private: parsing and minting are the only ways in.

impl TryFrom<String> for GroupId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is no group"))
    }
}

impl From<GroupId> for String {
    fn from(group: GroupId) -> Self {
        group.0
    }
}

impl GroupId {
    /// The id of this very run.
    pub(crate) fn mint(clock: &Clock) -> Self {
        let millis = clock.now().as_nanos() / 1_000_000;
        Self(format!("{millis}-{}-1", std::process::id()))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (text.split('-').count() == 3 && text.split('-').all(is_number))
            .then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The files under `registry/deps`.
#[derive(Debug, Clone)]
pub(super) struct Dependents {
    folder: PathBuf,
}

impl Dependents {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn add(&self, group: &GroupId, names: &[ProcessName]) -> Result<(), CliError> {
        let path = self.folder.join(group.as_str());
        let mut all = read(&path)?;
        all.extend(names.iter().map(|name| name.as_str().to_owned()));
        write(&path, all)
    }

    pub(super) fn all(&self) -> Result<Vec<ProcessName>, CliError> {
        let mut names = Vec::new();
        for file in self.files()? {
            for name in read(&file)? {
                // Names that start with an underscore are marks, not agents.
                if !name.starts_with('_') {
                    names.push(ProcessName::parse(&name)?);
                }
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    pub(super) fn remove(&self, name: &ProcessName) -> Result<(), CliError> {
        self.retain(|line| line != name.as_str()).map(|_| ())
    }

    /// Drops the agents that are dead; how many there were.
    pub(super) fn sweep(&self, alive: impl Fn(&ProcessName) -> bool) -> Result<usize, CliError> {
        // Whoever was killed while it wrote.
        for path in self.entries()? {
            if path.extension().is_some_and(|ending| ending == "tmp") {
                remove_if_there(&path)?;
            }
        }
        self.retain(|line| {
            line.starts_with('_') || ProcessName::parse(line).is_ok_and(|name| alive(&name))
        })
    }

    pub(super) fn clear(&self) -> Result<(), CliError> {
        for file in self.files()? {
            remove_if_there(&file)?;
        }
        Ok(())
    }

    fn retain(&self, keep: impl Fn(&str) -> bool) -> Result<usize, CliError> {
        let mut dropped = 0;
        for file in self.files()? {
            let names = read(&file)?;
            let before = names.len();
            let names: Vec<String> = names.into_iter().filter(|name| keep(name)).collect();
            if names.len() < before {
                dropped += before - names.len();
                write(&file, names)?;
            }
        }
        Ok(dropped)
    }

    fn files(&self) -> Result<Vec<PathBuf>, CliError> {
        let is_group = |path: &PathBuf| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| GroupId::parse(name).is_some())
        };
        let mut files = self.entries()?;
        files.retain(is_group);
        Ok(files)
    }

    fn entries(&self) -> Result<Vec<PathBuf>, CliError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(cannot("read", &self.folder, error)),
        };
        Ok(entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .collect())
    }
}

fn read(path: &Path) -> Result<Vec<String>, CliError> {
    let text = read_whole(path)?.unwrap_or_default();
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

/// Sorted, each once; nobody left means no file.
fn write(path: &Path, mut names: Vec<String>) -> Result<(), CliError> {
    names.sort();
    names.dedup();
    if names.is_empty() {
        remove_if_there(path)
    } else {
        write_whole(path, &(names.join("\n") + "\n"))
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;

    use super::*;

    #[test]
    fn a_file_goes_with_its_last_agent() {
        let folder = tempfile::tempdir().unwrap();
        let dependents = Dependents::new(folder.path().to_owned());
        let group = GroupId::mint(&Clock::fixed(Timestamp::from_seconds(5)));
        assert!(group.as_str().starts_with("5000-"));
        let name = |text| ProcessName::parse(text).unwrap();
        let (a, b) = (name("a"), name("b"));
        dependents.add(&group, &[b.clone(), a.clone()]).unwrap();
        dependents.add(&group, std::slice::from_ref(&a)).unwrap();
        let file = folder.path().join(group.as_str());
        assert_eq!(fs::read_to_string(&file).unwrap(), "a\nb\n");
        assert_eq!(dependents.all().unwrap(), [a.clone(), b.clone()]);
        assert_eq!(dependents.sweep(|name| *name == a).unwrap(), 1);
        dependents.remove(&a).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn a_group_id_is_three_numbers() {
        assert!(GroupId::parse("1-2-3").is_some());
        for bad in ["", "1-2", "1-2-x", "../x", "1--3", "1-2-3-4"] {
            assert!(GroupId::parse(bad).is_none(), "{bad}");
        }
    }
}
