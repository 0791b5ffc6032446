//! `meshctl self update`: replaces this installation by a release that was verified before anything of
//! it runs.
//!
//! * [`Program`] is what runs; `receipt` and `origin` tell who installed it. Only what our installer
//!   put there is ours to replace; for the rest [`Origin`] names the command that does it.
//! * [`ReleaseKey`] and `sums` verify: the signature covers the list of checksums and the version, the
//!   list covers the installer and the archive.
//! * `staging` fetches both into a private folder, `installation` runs the one on the other and goes
//!   back if that fails, [`Updater`] is the order of it all.
//!
//! axoupdater, the updater that belongs to the installers, is not used: see
//! `docs/decisions/0007-self-update-is-our-own.md`.

mod error;
mod installation;
mod kept;
mod key;
mod lock;
mod origin;
mod platform;
mod program;
mod receipt;
mod staging;
mod sums;
mod target;
mod updater;

pub use error::UpdateError;
pub use key::ReleaseKey;
pub use origin::Origin;
pub use program::Program;
pub use target::{INSTALLER, archive_name};
pub use updater::{Check, Event, Outcome, Updater};
