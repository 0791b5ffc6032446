//! Pid files: `<name>.pid` is the bare number that scripts read, `<name>.group` the `start` it
//! belongs to, `<name>.birth` what tells the process from a later one with the same number.
//! `<name>.starting` stands for a process that is being started and has no pid file yet.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dependents::GroupId;
use super::lock::Lock;
use super::platform::{Platform, ProcessGroups};
use super::process::{Birth, Pid, Process, State};
use crate::error::CliError;
use crate::home::ProcessName;

const PID: &str = "pid";
/// Everything that belongs to one record; the pid file is written last and removed first.
const COMPANIONS: [&str; 3] = ["group", "birth", "url"];
/// What a start that was killed before it could write the pid file leaves.
const STARTING: &str = "starting";

/// The pid files of one directory.
#[derive(Debug, Clone)]
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether a process is about to be started under `name`, or its start was killed.
    pub(super) fn is_announced(&self, name: &ProcessName) -> bool {
        self.path(name, STARTING).exists()
    }

    /// Notes that a process is about to be started under `name`.
    pub(super) fn announce(
        &self,
        name: &ProcessName,
        group: Option<&GroupId>,
    ) -> Result<(), CliError> {
        let group = group.map_or("", GroupId::as_str);
        write_whole(&self.path(name, STARTING), group)
    }

    /// Takes the note back: the pid file is written, or nothing was started.
    pub(super) fn settle(&self, name: &ProcessName) -> Result<(), CliError> {
        remove_if_there(&self.path(name, STARTING))
    }

    /// Writes the records that killed starts could not; under the lock, nobody else is about to.
    pub(super) fn heal(&self, _lock: &Lock) -> Result<(), CliError> {
        // Whoever was killed while it wrote.
        for stem in self.stems("tmp")? {
            remove_if_there(&self.folder.join(format!("{stem}.tmp")))?;
        }
        for stem in self.stems(STARTING)? {
            let Some(name) = ProcessName::of_record(&stem) else {
                continue;
            };
            let group = read_whole(&self.path(&name, STARTING))?;
            if let Some(pid) = Platform::find_launched(&self.pid_file(&name)) {
                let process = Process {
                    pid,
                    birth: Platform::birth(pid),
                    group: group.and_then(|text| GroupId::parse(&text)),
                };
                self.write(&name, &process)?;
            }
            self.settle(&name)?;
        }
        Ok(())
    }

    /// The file that holds the number of `name`.
    pub(super) fn pid_file(&self, name: &ProcessName) -> PathBuf {
        self.path(name, PID)
    }

    /// Keeps `process` under `name`.
    pub(super) fn write(&self, name: &ProcessName, process: &Process) -> Result<(), CliError> {
        let Process { pid, birth, group } = process;
        if let Some(group) = group {
            write_whole(&self.path(name, "group"), group.as_str())?;
        }
        if let Some(birth) = birth {
            write_whole(&self.path(name, "birth"), birth.as_str())?;
        }
        write_whole(&self.path(name, PID), &pid.to_string())
    }

    /// Keeps the URL under which the process `name` answers; before its pid file.
    pub(super) fn write_url(&self, name: &ProcessName, url: &str) -> Result<(), CliError> {
        write_whole(&self.path(name, "url"), url)
    }

    pub(super) fn read_url(&self, name: &ProcessName) -> Result<Option<String>, CliError> {
        read_whole(&self.path(name, "url"))
    }

    /// What is kept under `name`; a file that holds no pid counts as nothing.
    pub(super) fn read(&self, name: &ProcessName) -> Result<Option<Process>, CliError> {
        let Some(pid) = read_whole(&self.path(name, PID))?
            .and_then(|text| text.parse().ok())
            .and_then(Pid::new)
        else {
            return Ok(None);
        };
        Ok(Some(Process {
            pid,
            birth: read_whole(&self.path(name, "birth"))?.map(Birth::new),
            group: read_whole(&self.path(name, "group"))?.and_then(|text| GroupId::parse(&text)),
        }))
    }

    /// Every watcher that has a pid file, by the name of its agent.
    pub(super) fn watchers(&self) -> Result<Vec<(ProcessName, Process)>, CliError> {
        let mut watchers = Vec::new();
        for stem in self.stems(PID)? {
            let Some(agent) = ProcessName::watched(&stem) else {
                continue;
            };
            if let Some(process) = self.read(&agent.watcher())? {
                watchers.push((agent, process));
            }
        }
        watchers.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(watchers)
    }

    pub(super) fn remove(&self, name: &ProcessName) -> Result<(), CliError> {
        for ending in [PID].into_iter().chain(COMPANIONS) {
            remove_if_there(&self.path(name, ending))?;
        }
        Ok(())
    }

    /// Every agent that has a pid file, by name.
    pub(super) fn agents(&self) -> Result<Vec<(ProcessName, Process)>, CliError> {
        let mut agents = Vec::new();
        for stem in self.stems(PID)? {
            // Whatever is not the name of an agent is not one: the registry's own file, for one.
            let Ok(name) = ProcessName::parse(&stem) else {
                continue;
            };
            if let Some(process) = self.read(&name)? {
                agents.push((name, process));
            }
        }
        agents.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(agents)
    }

    /// Everybody whose process is gone.
    pub(super) fn gone(&self) -> Result<Vec<ProcessName>, CliError> {
        let mut gone = Vec::new();
        for stem in self.stems(PID)? {
            let Some(name) = ProcessName::of_record(&stem) else {
                continue;
            };
            let alive = self
                .read(&name)?
                .is_some_and(|process| process.state() != State::Gone);
            if !alive {
                gone.push(name);
            }
        }
        gone.sort();
        Ok(gone)
    }

    /// Removes the files of processes that are gone; how many there were.
    pub(super) fn sweep(&self) -> Result<usize, CliError> {
        let gone = self.gone()?;
        for name in &gone {
            self.remove(name)?;
        }
        for ending in COMPANIONS {
            for stem in self.stems(ending)? {
                if !self.folder.join(format!("{stem}.{PID}")).exists() {
                    remove_if_there(&self.folder.join(format!("{stem}.{ending}")))?;
                }
            }
        }
        Ok(gone.len())
    }

    pub(super) fn clear(&self) -> Result<(), CliError> {
        for ending in [PID, STARTING].into_iter().chain(COMPANIONS) {
            for stem in self.stems(ending)? {
                remove_if_there(&self.folder.join(format!("{stem}.{ending}")))?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &ProcessName, ending: &str) -> PathBuf {
        self.folder.join(format!("{name}.{ending}"))
    }

    /// The names of the files that end so, without the ending.
    fn stems(&self, ending: &str) -> Result<Vec<String>, CliError> {
        let suffix = format!(".{ending}");
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(cannot("read", &self.folder, error)),
        };
        let mut stems = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| cannot("read", &self.folder, error))?;
            if let Some(stem) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.strip_suffix(&suffix))
            {
                stems.push(stem.to_owned());
            }
        }
        Ok(stems)
    }
}

/// Writes a small file so that a reader sees all of it or none.
pub(super) fn write_whole(path: &Path, text: &str) -> Result<(), CliError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(|error| {
            // On a full disk the empty file is there all the same.
            let _ = fs::remove_file(&temporary);
            cannot("write", path, error)
        })
}

/// The text of a small file without the white space around it.
pub(super) fn read_whole(path: &Path) -> Result<Option<String>, CliError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot("read", path, error)),
    }
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), CliError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path, error)),
        _ => Ok(()),
    }
}

pub(super) fn cannot(verb: &str, path: &Path, error: io::Error) -> CliError {
    CliError::new(format!("cannot {verb} `{}`", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_record_is_swept_and_a_live_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(folder.path().to_owned());
        let name = |text| ProcessName::parse(text).unwrap();
        let pid = Pid::new(std::process::id()).unwrap();
        let live = Process {
            pid,
            birth: Platform::birth(pid),
            group: GroupId::parse("1-2-3"),
        };
        records.write(&name("live"), &live).unwrap();
        let reused = Process {
            birth: Some(Birth::new("before")),
            ..live.clone()
        };
        records.write(&name("reused"), &reused).unwrap();
        fs::write(folder.path().join("garbage.pid"), "x").unwrap();
        fs::write(folder.path().join("orphan.group"), "1-2-3").unwrap();

        assert_eq!(records.sweep().unwrap(), 2);
        assert_eq!(records.agents().unwrap(), [(name("live"), live)]);
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["live.birth", "live.group", "live.pid"]);
        let text = fs::read_to_string(folder.path().join("live.pid")).unwrap();
        assert_eq!(text, pid.to_string());
    }
}
