//! The program that runs.

use std::path::{Path, PathBuf};

use semver::Version;

use super::UpdateError;

/// The running meshctl.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file, symbolic links resolved; the interpreter, if Python runs it.
    pub path: PathBuf,
    /// What it was called as, if that is known.
    pub called_as: Option<PathBuf>,
    /// What it says of itself.
    pub version: Version,
}

impl Program {
    /// This process, which was called as `called_as`.
    pub fn of_process(called_as: Option<&Path>) -> Result<Self, UpdateError> {
        let path = std::env::current_exe()
            .and_then(|path| path.canonicalize())
            .map_err(|source| UpdateError::UnknownProgram { source })?;
        Ok(Self {
            path,
            called_as: called_as.map(Path::to_owned),
            version: Version::parse(mesh_core::VERSION).expect("Cargo accepts no other version"),
        })
    }

    /// The folder that it lies in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}
