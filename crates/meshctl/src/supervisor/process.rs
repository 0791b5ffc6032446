//! A process that is told from a later one with the same number.

use std::fmt;
use std::num::NonZeroU32;

use super::dependents::GroupId;
use super::platform::{Platform, ProcessGroups};

/// The number of a process: at least 2, so that neither "every process" nor init is ever meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pid(NonZeroU32); // Private: `new` is the only way in.

impl Pid {
    pub(crate) fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number)
            .filter(|number| number.get() > 1 && i32::try_from(number.get()).is_ok())
            .map(Self)
    }

    pub(crate) fn as_u32(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a process began, in the words of the operating system; equal only for the same process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Birth(String);

impl Birth {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a process is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It runs.
    Running,
    /// It ended, but processes that it started still run in its group.
    Orphaned,
    /// Nothing of it is left; its number may belong to somebody else by now.
    Gone,
}

/// A process that leads a group of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    /// Unknown if it had ended before it could be asked.
    pub(crate) birth: Option<Birth>,
    /// The `start` that launched it; agents have one, the registry has none.
    pub(crate) group: Option<GroupId>,
}

impl Process {
    /// Asks the operating system.
    pub(crate) fn state(&self) -> State {
        match Platform::birth(self.pid) {
            Some(birth) if Some(&birth) == self.birth.as_ref() => State::Running,
            Some(_) => State::Gone,
            None => match &self.group {
                Some(group) if Platform::has_descendants(self.pid, group) => State::Orphaned,
                _ => State::Gone,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_means_everybody() {
        assert_eq!(Pid::new(0), None);
        assert_eq!(Pid::new(1), None);
        assert_eq!(Pid::new(u32::MAX), None);
        assert_eq!(Pid::new(2).map(Pid::as_u32), Some(2));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_reused_number_is_somebody_else() {
        let pid = Pid::new(std::process::id()).unwrap();
        let mine = Process {
            pid,
            birth: Platform::birth(pid),
            group: None,
        };
        assert_eq!(mine.state(), State::Running);
        let other = Process {
            birth: Some(Birth::new("another time")),
            ..mine
        };
        assert_eq!(other.state(), State::Gone);
    }
}
