//! Starting one process: its group, its log, its record.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use mesh_core::env::EnvVars;
use serde::{Deserialize, Serialize};

use super::platform::{Demand, Platform, ProcessGroups};
use super::process::{Pid, Process};
use super::{GroupId, Identity, Lock, Supervisor};
use crate::error::CliError;
use crate::home::ProcessName;
use crate::log_file;

/// How many lines of a log a report of a failure shows.
const EXCERPT_LINES: usize = 15;

/// What to start, and under which name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) name: ProcessName,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) working_dir: PathBuf,
    /// On top of our own environment.
    pub(crate) variables: Vec<(String, String)>,
    /// Taken out of our own environment.
    pub(crate) removed_variables: Vec<String>,
    /// As whom it runs, if not as we do.
    pub(crate) identity: Option<Identity>,
    /// The `start` that it belongs to; the registry belongs to none.
    pub(crate) group: Option<GroupId>,
}

/// A process that was started here and is our child until we end.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) name: ProcessName,
    pub(crate) process: Process,
    pub(crate) log: PathBuf,
    child: Child,
}

impl Launched {
    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        // A child of ours can always be asked; a failure would mean that it was waited for.
        self.child.try_wait().ok().flatten()
    }

    /// The end of its log, for the report of a failure.
    pub(crate) fn log_excerpt(&self) -> Vec<String> {
        excerpt(&self.log)
    }
}

fn excerpt(log: &Path) -> Vec<String> {
    let lines = log_file::excerpt(log, EXCERPT_LINES);
    if lines.is_empty() {
        return lines;
    }
    let title = format!("The last lines of `{}`:", log.display());
    [title].into_iter().chain(lines).collect()
}

impl Supervisor {
    /// The end of the log of `name`, for the report of a failure.
    pub(crate) fn log_excerpt(&self, name: &ProcessName) -> Vec<String> {
        excerpt(&self.home().log(name.as_str()))
    }

    /// Starts a process that outlives us, with its output in its log, and records it.
    pub(crate) fn launch(&self, _lock: &Lock, launch: Launch) -> Result<Launched, CliError> {
        let Launch {
            name,
            program,
            arguments,
            working_dir,
            variables,
            removed_variables,
            identity,
            group,
        } = launch;
        let (log, output) = log_file::rotate(self.home(), name.as_str())?;
        // Killed between the start and the record, we would leave a process that nobody knows.
        self.records.announce(&name, group.as_ref())?;
        let errors = output
            .try_clone()
            .map_err(|error| CliError::new("cannot share the log").because(error))?;
        let mut command = Command::new(&program);
        for variable in removed_variables {
            command.env_remove(variable);
        }
        command
            .args(arguments)
            .current_dir(&working_dir)
            .envs(variables)
            .env(EnvVars::MCP_MESH_RECORD, self.records.pid_file(&name))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        Platform::lead_group(&mut command);
        if let Some(identity) = identity {
            Platform::become_other(&mut command, identity);
        }
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                self.records.settle(&name)?;
                let message = format!("cannot run `{}`", program.display());
                return Err(CliError::new(message).because(error));
            }
        };
        let recorded = self.record(&name, &child, group);
        match recorded.and_then(|process| self.records.settle(&name).map(|()| process)) {
            Ok(process) => Ok(Launched {
                name,
                process,
                log,
                child,
            }),
            Err(error) => {
                // Unrecorded, nobody could stop it later.
                if let Some(pid) = Pid::new(child.id()) {
                    let _ = Platform::demand(pid, Demand::Kill);
                }
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    pub(super) fn record(
        &self,
        name: &ProcessName,
        child: &Child,
        group: Option<GroupId>,
    ) -> Result<Process, CliError> {
        Platform::adopt(child).map_err(|error| {
            CliError::new(format!("cannot keep the processes of `{name}` together")).because(error)
        })?;
        let pid = Pid::new(child.id())
            .ok_or_else(|| CliError::new(format!("`{name}` has no process id")))?;
        let process = Process {
            pid,
            birth: Platform::birth(pid),
            group,
        };
        self.records.write(name, &process)?;
        Ok(process)
    }
}
