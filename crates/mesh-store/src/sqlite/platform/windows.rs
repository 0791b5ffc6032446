//! Windows: what lies below a user's folder inherits that nobody else may read it.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Makes folders with the permissions of the one above.
pub(crate) fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// Creates files with the permissions of their folder.
pub(crate) fn private_file() -> OpenOptions {
    OpenOptions::new()
}

/// The file system's own journal keeps names, and a folder cannot be opened to be synced.
#[expect(clippy::unnecessary_wraps, reason = "Unix has a twin that can fail")]
pub(crate) fn sync_names(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Users have no numbers here.
pub(crate) fn user_id() -> Option<u32> {
    None
}
