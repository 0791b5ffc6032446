//! What differs between operating systems, behind one trait.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;
use std::io::PipeWriter;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use super::dependents::GroupId;
use super::identity::Identity;
use super::marked::Marked;
use super::process::{Birth, Pid};

#[cfg(unix)]
pub(crate) use unix::Unix as Platform;
#[cfg(windows)]
pub(crate) use windows::Windows as Platform;

/// How firmly a group is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// It may finish what it does.
    Terminate,
    /// At once.
    Kill,
}

/// A process and everything that it starts are one group: ended together, verified together.
pub(crate) trait ProcessGroups {
    /// Prepares `command` so that its process will lead a group of its own.
    fn lead_group(command: &mut Command);

    /// Lets the process of `command` run as somebody else.
    fn become_other(command: &mut Command, identity: Identity);

    /// Completes the group once the process is there; `child` is killed by the caller on failure.
    fn adopt(child: &Child) -> io::Result<()>;

    /// When the process began; nothing if there is none or only its exit code is left.
    fn birth(pid: Pid) -> Option<Birth>;

    /// Whether processes that were launched under `group` live on in the group that `pid` led.
    fn has_descendants(pid: Pid, group: &GroupId) -> bool;

    /// The leader of a group that was launched to be recorded in `pid_file`, where the system
    /// tells other processes' environments.
    fn find_launched(pid_file: &Path) -> Option<Pid>;

    /// Every process that was launched to be recorded in the folder `pids`, where the system tells.
    fn marked(pids: &Path) -> Option<Vec<Marked>>;

    /// Asks every process in the group to end. A group that is gone is no error.
    fn demand(pid: Pid, demand: Demand) -> io::Result<()>;

    /// Whether a process ended because it was asked to, which is no failure.
    fn was_terminated(status: ExitStatus) -> bool;

    /// Lets the next process that is spawned inherit `writer`; what to tell it for finding it.
    fn share(writer: &PipeWriter) -> io::Result<String>;

    /// Ends when the user interrupts or somebody terminates this process, and listens from the call on.
    fn interrupted() -> impl Future<Output = io::Result<()>>;
}
