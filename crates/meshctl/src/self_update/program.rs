//! The program that runs.

use std::path::{Path, PathBuf};

use semver::Version;

use super::UpdateError;
use super::platform::canonical;

/// The running meshctl.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file, symbolic links resolved; the interpreter, if Python runs it.
    pub path: PathBuf,
    /// What it was called as, symbolic links resolved, if that is known.
    pub called_as: Option<PathBuf>,
    /// What it says of itself.
    pub version: Version,
}

impl Program {
    /// This process, which was called as `called_as`.
    pub fn of_process(called_as: Option<&Path>) -> Result<Self, UpdateError> {
        let path = std::env::current_exe()
            .and_then(|path| canonical(&path))
            .map_err(|source| UpdateError::UnknownProgram { source })?;
        Ok(Self {
            path,
            // `pipx` and `uv` link the commands of their environments into a folder of PATH.
            called_as: called_as.map(|path| canonical(path).unwrap_or_else(|_| path.to_owned())),
            version: Version::parse(mesh_core::VERSION).expect("Cargo accepts no other version"),
        })
    }

    /// The folder that it lies in.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_command_is_the_command() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let command = root.join("command");
        std::fs::write(&command, "").unwrap();
        let link = root.join("link");
        std::os::unix::fs::symlink(&command, &link).unwrap();
        let called_as = |path: &Path| Program::of_process(Some(path)).unwrap().called_as;
        assert_eq!(called_as(&link), Some(command));
        let gone = root.join("gone");
        assert_eq!(called_as(&gone), Some(gone));
    }
}
