//! One update at a time.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::UpdateError;

/// Held while an installation is replaced; the operating system releases it with the process.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says that somebody else has it. Nobody waits: the other one does the work.
    pub(super) fn take(path: &Path) -> Result<Self, UpdateError> {
        let problem = |source| UpdateError::Lock {
            file: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(problem)?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(problem)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(UpdateError::Busy),
            Err(TryLockError::Error(source)) => Err(problem(source)),
        }
    }
}
