//! `start --watch`: an agent starts anew when its files change.
//!
//! * [`sources`] says which files count, and whether what is in them changed.
//! * `notices` hears of changes from the operating system.
//! * [`check`] compiles what changed, so that a mistake leaves the running agent alone.
//! * [`watcher`] puts them together; its [`Orders`] travel to a watcher that is left behind.

mod check;
mod notices;
mod sources;
mod watcher;

pub(crate) use check::Check;
pub(crate) use sources::{Snapshot, Sources, Watched};
pub(crate) use watcher::{Orders, Watcher};
