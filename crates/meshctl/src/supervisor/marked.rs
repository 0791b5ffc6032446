//! Processes that were started from a state directory, known by their environment: also those that no
//! record tells of any more.

use super::platform::{Platform, ProcessGroups as _};
use super::process::{Pid, State};
use super::{GroupId, Supervisor};
use crate::error::CliError;
use crate::home::ProcessName;

/// A process that runs and was started, itself or the one that started it, to be recorded here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) pid: Pid,
    /// The number of its group.
    pub(super) leader: u32,
    /// The name of the record that it was started for.
    pub(crate) record: String,
    /// The `start` that it belongs to.
    pub(super) group: Option<GroupId>,
    /// What runs, without its arguments: they may hold secrets.
    pub(crate) program: String,
    /// Whether it was told to publish spans.
    pub(crate) traces: bool,
}

impl Supervisor {
    /// Every process that was started from here; none where the system does not tell.
    pub(crate) fn marked(&self) -> Option<Vec<Marked>> {
        Platform::marked(self.records.folder())
    }

    /// Whether `stop` finds this process by its record, or the one that it belongs to.
    pub(crate) fn accounts_for(&self, marked: &Marked) -> Result<bool, CliError> {
        let Some(name) = ProcessName::of_record(&marked.record) else {
            return Ok(false);
        };
        Ok(self.records.read(&name)?.is_some_and(|process| {
            let is_of_it = process.pid.as_u32() == marked.leader
                || (process.group.is_some() && process.group == marked.group);
            is_of_it && process.state() != State::Gone
        }))
    }

    /// Whether a start of what `marked` belongs to is under way, or was killed: the next `start` or `stop`
    /// makes a record of it.
    pub(crate) fn is_starting(&self, marked: &Marked) -> bool {
        ProcessName::of_record(&marked.record).is_some_and(|name| self.records.is_announced(&name))
    }
}
