//! Windows: what lies below a user's folder inherits that nobody else may read it.

use std::fs::{DirBuilder, OpenOptions};

/// Makes folders with the permissions of the one above.
pub(crate) fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// Creates files with the permissions of their folder.
pub(crate) fn private_file() -> OpenOptions {
    OpenOptions::new()
}

/// Users have no numbers here.
pub(crate) fn user_id() -> Option<u32> {
    None
}
