//! What differs between operating systems: how the process is told to stop, how it tells its starter
//! that it serves, what a listening socket is told, and how many connections there may be.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{StopSignal, allow_many_connections, inherited_pipe, prepare_listener};
#[cfg(windows)]
pub(crate) use windows::{StopSignal, allow_many_connections, inherited_pipe, prepare_listener};
