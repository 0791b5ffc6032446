//! Unix: SIGTERM and SIGINT, descriptors, ports that a predecessor left.

use std::fs::{File, OpenOptions};
use std::io;

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
