//! Windows: a file's name says whether it is a program, its folder who may read it, and links need a
//! privilege.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Nothing is to be said of a file.
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
pub(crate) fn set_mode(_file: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Creates files with the permissions of their folder.
pub(crate) fn private_file() -> OpenOptions {
    OpenOptions::new()
}

/// Copies `file`.
pub(crate) fn link(file: &Path, name: &Path) -> io::Result<()> {
    fs::copy(file, name).map(drop)
}
