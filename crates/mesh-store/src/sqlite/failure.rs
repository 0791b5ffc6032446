//! SQLite's result codes, turned into what the user can act on.

use std::io;
use std::path::{Path, PathBuf};

use super::user::User;
use crate::decode::BadRow;
use crate::error::StoreError;
use crate::failure::Failure;

/// Where the database is, to name it in errors.
#[derive(Debug, Clone)]
pub(super) struct Place(PathBuf);

impl Place {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What it means that SQLite failed to `operation`.
    pub(super) fn failed(&self, operation: &'static str, error: sqlx::Error) -> StoreError {
        let path = self.0.clone();
        match primary_code(&error) {
            Some(Code::Busy | Code::Locked) => StoreError::Busy { path, operation },
            // The file itself was seen to take writes; what belongs beside it does not.
            Some(Code::ReadOnly) => self.denied(),
            Some(Code::Full) => StoreError::Full { path, operation },
            Some(Code::NotADatabase) => StoreError::NotADatabase { path },
            Some(Code::Corrupt) => StoreError::Corrupt {
                path,
                operation,
                source: error.into(),
            },
            Some(Code::Io) => StoreError::Io {
                operation,
                path,
                source: io::Error::other(error),
            },
            None => match error {
                sqlx::Error::Io(source) => self.failed_io(operation, source),
                error => StoreError::Defect {
                    path,
                    operation,
                    source: error.into(),
                },
            },
        }
    }

    /// What it means that `operation` met this.
    pub(super) fn explain(&self, operation: &'static str, failure: Failure) -> StoreError {
        match failure {
            Failure::Database(error) => self.failed(operation, error),
            Failure::Row(BadRow { table, key, reason }) => StoreError::UnreadableRow {
                path: self.0.clone(),
                table,
                key,
                reason,
            },
        }
    }

    fn denied(&self) -> StoreError {
        StoreError::Denied {
            path: self.0.clone(),
            user: User::of_process(),
        }
    }

    /// What it means that the machine failed to `operation`.
    pub(super) fn failed_io(&self, operation: &'static str, source: io::Error) -> StoreError {
        let path = self.0.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied => self.denied(),
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly {
                path,
                user: User::of_process(),
            },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::Full { path, operation }
            }
            _ => StoreError::Io {
                operation,
                path,
                source,
            },
        }
    }
}

/// The result codes that mean something to a user.
enum Code {
    Busy,
    Locked,
    ReadOnly,
    Io,
    Corrupt,
    Full,
    NotADatabase,
}

/// `SQLITE_IOERR_SHMSIZE`: no room for the index of the write-ahead log.
const SHARED_MEMORY_FULL: i32 = 4874;

fn primary_code(error: &sqlx::Error) -> Option<Code> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    if extended == SHARED_MEMORY_FULL {
        return Some(Code::Full);
    }
    // The lower byte is the primary code: https://www.sqlite.org/rescode.html
    match extended & 0xff {
        5 => Some(Code::Busy),
        6 => Some(Code::Locked),
        8 => Some(Code::ReadOnly),
        10 | 14 => Some(Code::Io), // 14: cannot open
        11 => Some(Code::Corrupt),
        13 => Some(Code::Full),
        26 => Some(Code::NotADatabase),
        _ => None,
    }
}
