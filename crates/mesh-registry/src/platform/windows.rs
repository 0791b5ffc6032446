//! Windows: console events, handles, ports that nobody else may take.

use std::fs::File;
use std::io;
use std::os::windows::io::BorrowedHandle;
use std::ptr;

use socket2::Socket;
use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

/// Events that arrive from now on end the registry in order, and not at once.
pub(crate) struct StopSignal {
    interrupt: CtrlC,
    /// What `meshctl stop` sends: a group of its own hears no Ctrl-C.
    request: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl StopSignal {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            request: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Returns when the first event arrives.
    pub(crate) async fn received(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.request.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}

/// The pipe that our starter let us inherit under this number.
pub(crate) fn inherited_pipe(number: u32) -> io::Result<File> {
    let handle = ptr::without_provenance_mut(number as usize);
    #[expect(unsafe_code, reason = "the environment knows handles as numbers only")]
    // SAFETY: our starter keeps nothing else under this number and nobody here closes it. Where it
    // lied, duplicating a handle that is none is refused.
    let handle = unsafe { BorrowedHandle::borrow_raw(handle) };
    handle.try_clone_to_owned().map(File::from)
}

/// Nothing: the option that Unix needs would here let another program share the port.
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn prepare_listener(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

/// Windows has no such limit.
pub(crate) fn allow_many_connections() {}
