//! The one model of the processes that meshctl starts and stops.
//!
//! * [`platform`] is all that differs between operating systems.
//! * [`Process`] is a process that is recognised again, or found to be gone.
//! * [`Records`] are the pid files; [`Dependents`] say who needs the registry.
//! * `watchers` are the processes that start agents anew when their files change.
//! * [`Supervisor`] is the door: whoever starts or stops something holds its [`Lock`].

mod dependents;
mod identity;
mod launch;
mod lock;
mod marked;
pub(crate) mod platform;
mod process;
mod records;
mod registry;
mod shutdown;
mod watchers;

pub(crate) use dependents::GroupId;
pub(crate) use identity::Identity;
pub(crate) use launch::{Launch, Launched};
pub(crate) use lock::Lock;
pub(crate) use marked::Marked;
pub(crate) use process::{Process, State};
pub(crate) use registry::{RegistryLaunch, find_binary, own_program};
pub(crate) use shutdown::StopError;
pub(crate) use watchers::{WATCH_COMMAND, WATCHING};

use std::collections::BTreeSet;

use crate::error::CliError;
use crate::home::{Home, ProcessName};
use dependents::Dependents;
use records::Records;

/// Starts, finds and stops the processes of one state directory.
#[derive(Debug, Clone)]
pub(crate) struct Supervisor {
    home: Home,
    records: Records,
    dependents: Dependents,
}

/// An agent that runs or is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Supervised {
    pub(crate) name: ProcessName,
    /// None if it ended and waits for a change.
    pub(crate) agent: Option<Process>,
    pub(crate) watcher: Option<Process>,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Swept {
    /// Pid files of processes that are gone.
    pub(crate) records: usize,
    /// Lines of agents that no longer need the registry.
    pub(crate) dependents: usize,
}

impl Supervisor {
    /// The supervisor of `home`, which may not exist yet; enough to look around.
    pub(crate) fn of(home: Home) -> Self {
        Self {
            records: Records::new(home.pids()),
            dependents: Dependents::new(home.dependents()),
            home,
        }
    }

    /// The same with the directories created, for whoever starts or stops something.
    pub(crate) fn open(home: Home) -> Result<Self, CliError> {
        home.create()?;
        Ok(Self::of(home))
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The agents that have a pid file and still run, by name.
    pub(crate) fn agents(&self) -> Result<Vec<(ProcessName, Process)>, CliError> {
        let mut agents = self.records.agents()?;
        agents.retain(|(_, process)| process.state() != State::Gone);
        Ok(agents)
    }

    /// The agent `name`, if it still runs.
    pub(crate) fn agent(&self, name: &ProcessName) -> Result<Option<Process>, CliError> {
        let process = self.records.read(name)?;
        Ok(process.filter(|process| process.state() != State::Gone))
    }

    /// Every agent that runs or is watched, by name.
    pub(crate) fn supervised(&self) -> Result<Vec<Supervised>, CliError> {
        let watchers = self.watchers()?;
        let agents = self.agents()?;
        let names: BTreeSet<&ProcessName> = watchers
            .iter()
            .chain(&agents)
            .map(|(name, _)| name)
            .collect();
        let of = |all: &[(ProcessName, Process)], wanted: &ProcessName| {
            let found = all.iter().find(|(name, _)| name == wanted);
            found.map(|(_, process)| process.clone())
        };
        Ok(names
            .into_iter()
            .map(|name| Supervised {
                name: name.clone(),
                agent: of(&agents, name),
                watcher: of(&watchers, name),
            })
            .collect())
    }

    /// The agents that have a pid file and whose own process ended, by name; what it started may go on.
    pub(crate) fn ended(&self) -> Result<Vec<(ProcessName, Process)>, CliError> {
        let mut agents = self.records.agents()?;
        agents.retain(|(_, process)| process.state() != State::Running);
        Ok(agents)
    }

    /// Everybody who has a record and is gone; the next sweep removes it.
    pub(crate) fn gone(&self) -> Result<Vec<ProcessName>, CliError> {
        self.records.gone()
    }

    /// Removes what the dead left behind; never touches a process.
    pub(crate) fn sweep(&self, _lock: &Lock) -> Result<Swept, CliError> {
        let records = self.records.sweep()?;
        let dependents = self.dependents.sweep(|name| self.is_supervised(name))?;
        Ok(Swept {
            records,
            dependents,
        })
    }

    /// Notes that the agents `names` need the registry.
    pub(crate) fn add_dependents(
        &self,
        _lock: &Lock,
        group: &GroupId,
        names: &[ProcessName],
    ) -> Result<(), CliError> {
        self.dependents.add(group, names)
    }

    /// The agents that need the registry.
    pub(crate) fn dependents(&self) -> Result<Vec<ProcessName>, CliError> {
        self.dependents.all()
    }

    /// What is recorded of `name`: nobody stopped it, though it may have ended.
    pub(crate) fn recorded(&self, name: &ProcessName) -> Result<Option<Process>, CliError> {
        self.records.read(name)
    }

    /// Whether the agent runs, or may run again by itself.
    pub(crate) fn is_supervised(&self, name: &ProcessName) -> bool {
        matches!(self.agent(name), Ok(Some(_))) || matches!(self.watcher(name), Ok(Some(_)))
    }

    /// Forgets an agent that is gone: its files and its need of the registry.
    pub(crate) fn forget(&self, lock: &Lock, name: &ProcessName) -> Result<(), CliError> {
        self.forget_watcher(lock, name)?;
        self.records.remove(name)?;
        self.dependents.remove(name)
    }

    /// Forgets every pid file and need; for a clean slate after everything was stopped.
    pub(crate) fn forget_all(&self, _lock: &Lock) -> Result<(), CliError> {
        self.records.clear()?;
        self.dependents.clear()
    }
}
