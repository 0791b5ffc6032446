//! What replacing a running program takes on each system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{is_translated, ldd, put_back, run, set_aside};
#[cfg(windows)]
pub(super) use windows::{is_translated, ldd, put_back, run, set_aside};
