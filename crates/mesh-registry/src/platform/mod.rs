//! What differs between operating systems: how the process is told to stop, how it tells its starter
//! that it serves, and what a listening socket is told.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{StopSignal, inherited_pipe, prepare_listener};
#[cfg(windows)]
pub(crate) use windows::{StopSignal, inherited_pipe, prepare_listener};
