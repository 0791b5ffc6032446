//! Who starts an agent anew when its files change: a meshctl that was left behind, or one that
//! still is in the foreground.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use mesh_core::env::EnvVars;

use super::platform::{Platform, ProcessGroups};
use super::process::{Pid, Process, State};
use super::{GroupId, Lock, Supervisor};
use crate::error::CliError;
use crate::home::ProcessName;

/// The hidden command that is a watcher.
pub(crate) const WATCH_COMMAND: &str = "watch-agent";
/// What a watcher that was left behind says once it watches.
pub(crate) const WATCHING: &str = "watching";

impl Process {
    /// Whether this watcher runs for its agent alone. One in the foreground has no group: it
    /// attends other agents as well, and ends when they do.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.group.is_some()
    }
}

impl Supervisor {
    /// The watchers that run, by the name of the agent.
    pub(super) fn watchers(&self) -> Result<Vec<(ProcessName, Process)>, CliError> {
        let mut watchers = self.records.watchers()?;
        watchers.retain(|(_, process)| process.state() != State::Gone);
        Ok(watchers)
    }

    /// The watcher of the agent `name`, if it still runs.
    pub(crate) fn watcher(&self, name: &ProcessName) -> Result<Option<Process>, CliError> {
        let process = self.records.read(&name.watcher())?;
        Ok(process.filter(|process| process.state() != State::Gone))
    }

    /// Whether this very process still is the watcher of `name`; whoever stops the agent takes the
    /// record away.
    pub(crate) fn watches(&self, name: &ProcessName) -> Result<bool, CliError> {
        let process = self.records.read(&name.watcher())?;
        Ok(process.is_some_and(|process| process.pid.as_u32() == std::process::id()))
    }

    /// Records this very process as the watcher of `name`, from the foreground.
    pub(crate) fn watch_from_here(&self, _lock: &Lock, name: &ProcessName) -> Result<(), CliError> {
        let Some(pid) = Pid::new(std::process::id()) else {
            return Err(CliError::new("this process has no id that can be recorded"));
        };
        let process = Process {
            pid,
            birth: Platform::birth(pid),
            group: None,
        };
        self.records.write(&name.watcher(), &process)
    }

    /// Leaves a watcher of the agent `name` behind: `program`, which is meshctl, told `orders` on
    /// its standard input. Returns once it watches.
    pub(crate) fn launch_watcher(
        &self,
        lock: &Lock,
        program: &Path,
        (name, group): (&ProcessName, &GroupId),
        orders: &[u8],
    ) -> Result<(), CliError> {
        let problem = || CliError::new(format!("cannot watch the files of '{name}'"));
        let watcher = name.watcher();
        self.records.announce(&watcher, Some(group))?;
        let mut command = Command::new(program);
        command
            .arg(WATCH_COMMAND)
            .current_dir(self.home().root())
            .env(EnvVars::MCP_MESH_RECORD, self.records.pid_file(&watcher))
            .env(EnvVars::MCP_MESH_GROUP_ID, group.as_str())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Platform::lead_group(&mut command);
        let mut child = command.spawn().map_err(|error| problem().because(error))?;
        self.record(&watcher, &child, Some(group.clone()))?;
        self.records.settle(&watcher)?;
        let told = child
            .stdin
            .take()
            .map_or(Ok(()), |mut input| input.write_all(orders));
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            // A watcher that ended says nothing, which is an answer as well.
            let _ = BufReader::new(output).read_line(&mut line);
        }
        match (told, line.trim()) {
            (Ok(()), WATCHING) => Ok(()),
            (told, line) => {
                // It ended, or it is of no use.
                let _ = child.kill();
                let _ = child.wait();
                self.forget_watcher(lock, name)?;
                Err(match told {
                    Err(error) => problem().because(error),
                    Ok(()) if line.is_empty() => problem(),
                    Ok(()) => problem().because(line.to_owned()),
                })
            }
        }
    }

    /// Forgets the watcher of `name`; one in the foreground learns by this that it is not wanted.
    pub(crate) fn forget_watcher(&self, _lock: &Lock, name: &ProcessName) -> Result<(), CliError> {
        self.records.remove(&name.watcher())
    }
}
