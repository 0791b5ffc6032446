//! Unix: modes and symbolic links.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

/// Says what may be done with a file.
pub(crate) fn set_mode(file: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(file, Permissions::from_mode(mode))
}

/// Creates files that nobody else may read.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Gives `file` another name, which costs no room.
pub(crate) fn link(file: &Path, name: &Path) -> io::Result<()> {
    symlink(file, name)
}
