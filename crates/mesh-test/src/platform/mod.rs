//! What tests need of each operating system: processes that are theirs, asked, killed, looked at.

/// A PostgreSQL of one's own; empty where no test has one.
#[cfg(windows)]
pub mod postgres {}
#[cfg(unix)]
pub mod postgres;
/// A Redis of one's own; empty where no test has one.
#[cfg(windows)]
pub mod redis {}
#[cfg(unix)]
pub mod redis;
#[cfg(unix)]
mod supervised;
/// A terminal of one's own; empty where no test has one.
#[cfg(not(target_os = "linux"))]
pub mod terminal {}
#[cfg(target_os = "linux")]
pub mod terminal;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{ESSENTIAL, lead_group, terminate};
#[cfg(windows)]
pub(crate) use windows::{ESSENTIAL, lead_group, terminate};

#[cfg(unix)]
pub use unix::{kill, runs};
#[cfg(windows)]
pub use windows::{kill, runs};
