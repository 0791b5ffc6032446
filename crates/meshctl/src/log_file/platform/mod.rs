//! Which file a name means now: a log keeps its identity when it is renamed.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{identity_at, identity_of};
#[cfg(windows)]
pub(super) use windows::{identity_at, identity_of};
