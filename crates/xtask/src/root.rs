//! Where the checkout and its build output are.

use std::path::{Path, PathBuf};

use mesh_core::env::Environment;

/// The workspace's root folder.
pub(crate) fn checkout() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("this crate is two folders below the checkout")
}

/// Cargo's target directory, which the Makefile may have moved.
pub(crate) fn target() -> PathBuf {
    Environment::of_process()
        .get("CARGO_TARGET_DIR")
        .map_or_else(|| checkout().join("target"), PathBuf::from)
}
