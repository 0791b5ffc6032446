//! Unix: SIGTERM and SIGINT, descriptors, ports that a predecessor left.

use std::fs::{File, OpenOptions};
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Socket;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that arrive from now on end the registry in order, and not at once.
pub(crate) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns when the first signal arrives.
    pub(crate) async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The pipe that our starter let us inherit under this number.
pub(crate) fn inherited_pipe(number: u32) -> io::Result<File> {
    // Opening by path needs no unsafe adoption of a number that the environment named.
    OpenOptions::new()
        .write(true)
        .open(format!("/dev/fd/{number}"))
}

/// Takes the port although connections of a predecessor linger there.
pub(crate) fn prepare_listener(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Allows as many descriptors as the system lets us have: an agent takes two, one for its heartbeats
/// and one for its watch, and the usual 1,024 would end at some five hundred agents.
pub(crate) fn allow_many_connections() {
    let now = getrlimit(Resource::Nofile);
    // Without an upper limit not every system takes every number.
    for wanted in [65_536, 10_240] {
        let wanted = now.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        if now.current.is_none_or(|current| current >= wanted) {
            return;
        }
        let raised = Rlimit {
            current: Some(wanted),
            maximum: now.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return;
        }
    }
    tracing::warn!(limit = now.current, "the limit of open files stays low");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_as_many_as_allowed_and_never_fewer_than_before() {
        let before = getrlimit(Resource::Nofile);
        allow_many_connections();
        let after = getrlimit(Resource::Nofile);
        let expected = before.maximum.map_or(10_240, |maximum| maximum.min(10_240));
        assert!(
            after.current.is_none_or(|current| current >= expected),
            "{after:?}"
        );
        assert!(
            after.current.is_none() || after.current >= before.current,
            "{after:?}"
        );
        assert_eq!(after.maximum, before.maximum);
    }
}
