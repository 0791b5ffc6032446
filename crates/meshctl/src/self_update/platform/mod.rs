//! What finding and replacing a running program takes on each system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{canonical, is_translated, ldd, put_back, run, set_aside};
#[cfg(windows)]
pub(super) use windows::{canonical, is_translated, ldd, put_back, run, set_aside};
