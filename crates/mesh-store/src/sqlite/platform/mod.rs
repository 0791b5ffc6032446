//! Who this user is, and what is made for this user only, on each system.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{private_file, private_folder, sync_names, user_id};
#[cfg(windows)]
pub(super) use windows::{private_file, private_folder, sync_names, user_id};
