//! What differs between operating systems, for whoever works on the project there.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{link, private_file, set_mode};
#[cfg(windows)]
pub(crate) use windows::{link, private_file, set_mode};
