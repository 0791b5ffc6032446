//! What can go wrong with the store, and what to do about it.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use mesh_core::env::EnvVars;
use mesh_core::{Hint, VERSION};

use crate::postgres::PostgresError;
use crate::sqlite::User;

/// Why the store did not do what it was asked.
///
/// To a client of the registry every one of them is "the store does not answer";
/// [`StoreError::kind`] says who has to act.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What a PostgreSQL database did; the others are about SQLite's files.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// A folder stands where the file should.
    #[error("the database `{path}` is a folder")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// A file stands where a folder should.
    #[error("`{path}` is a file, and the database needs a folder there")]
    NotAFolder {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the file for good.
    #[error("the database `{path}` is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Another process held its lock for longer than we wait.
    #[error("the database `{path}` stayed locked while trying to {operation}")]
    Busy {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
    },
    /// The file system takes no writes from anybody.
    #[error("{user} cannot write the database `{path}`: its file system is read-only")]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Who tried.
        user: User,
    },
    /// This user may not write the file, or not create what belongs beside it.
    #[error("{user} has no permission to write the database `{path}`")]
    Denied {
        /// The file.
        path: PathBuf,
        /// Who tried.
        user: User,
    },
    /// This user may not create the folder that the file is to lie in.
    #[error("{user} has no permission to create the folder `{folder}`")]
    FolderDenied {
        /// The folder.
        folder: PathBuf,
        /// Who tried.
        user: User,
    },
    /// No room for another page.
    #[error("failed to {operation} in the database `{path}`: the disk is full")]
    Full {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
    },
    /// The file was there when we started and is not any more.
    #[error("the database `{path}` has vanished while in use")]
    Vanished {
        /// The file.
        path: PathBuf,
    },
    /// The machine failed us.
    #[error("failed to {operation} at `{path}`")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// Where.
        path: PathBuf,
        /// The machine's own account.
        source: io::Error,
    },
    /// Bytes that no SQLite wrote.
    #[error("`{path}` is not a SQLite database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite database with broken pages.
    #[error("the database `{path}` is damaged: failed to {operation}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// SQLite's own account.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row that this release cannot read.
    #[error("the database `{path}` has an unreadable row `{key}` in `{table}`: {reason}")]
    UnreadableRow {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// The row's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A healthy database that another program made.
    #[error("the database `{path}` belongs to another program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A database that a later release has migrated.
    #[error(
        "the database `{path}` has schema version {found}, and mcp-mesh {VERSION} knows versions up to {known}"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this release knows.
        known: i64,
    },
    /// A migration that did not run, or that ran with another text.
    #[error("failed to migrate the database `{path}`")]
    Migration {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file system cannot do what the journal mode needs.
    #[error("the database `{path}` does not support the journal mode {asked}; it stays at {got}")]
    JournalMode {
        /// The file.
        path: PathBuf,
        /// The mode that was asked for.
        asked: &'static str,
        /// The mode that SQLite kept.
        got: String,
    },
    /// A backup copies files, and this is none.
    #[error("`{url}` is no file, and only the file of a SQLite database can be copied or restored")]
    NoFile {
        /// The URL, without its password.
        url: String,
    },
    /// Nothing is there to copy.
    #[error("there is no file `{path}`")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Something stands where a copy should be written.
    #[error("`{path}` exists already")]
    BackupExists {
        /// The file.
        path: PathBuf,
    },
    /// The copy could not be written.
    #[error("failed to write the backup `{path}`")]
    BackupNotWritten {
        /// The copy.
        path: PathBuf,
        /// The machine's own account.
        source: io::Error,
    },
    /// A file that cannot be restored.
    #[error("`{path}` cannot be restored")]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<StoreError>,
    },
    /// Asked after [`Store::close`](crate::Store::close).
    #[error("the store is closed")]
    Closed,
    /// SQLite refused something that should have worked: a defect of ours.
    #[error("failed to {operation} in the database `{path}`")]
    Defect {
        /// The file.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// SQLite's own account.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Nobody: it may work the next time.
    Busy,
    /// Whoever runs the machine: disk, permissions, a lost file.
    Storage,
    /// Whoever owns the data: the file holds what this release cannot use.
    Data,
    /// Whoever set up the registry.
    Setting,
    /// We.
    Defect,
}

impl StoreError {
    /// Who has to act.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Busy { .. } => StoreErrorKind::Busy,
            Self::ReadOnly { .. }
            | Self::Denied { .. }
            | Self::FolderDenied { .. }
            | Self::Full { .. }
            | Self::Vanished { .. }
            | Self::BackupNotWritten { .. }
            | Self::Io { .. } => StoreErrorKind::Storage,
            Self::NotADatabase { .. }
            | Self::Corrupt { .. }
            | Self::UnreadableRow { .. }
            | Self::Foreign { .. }
            | Self::Newer { .. }
            | Self::NotABackup { .. }
            | Self::Migration { .. } => StoreErrorKind::Data,
            Self::Postgres(error) => error.kind(),
            Self::Folder { .. }
            | Self::NotAFolder { .. }
            | Self::InUse { .. }
            | Self::NoFile { .. }
            | Self::Missing { .. }
            | Self::BackupExists { .. }
            | Self::JournalMode { .. } => StoreErrorKind::Setting,
            Self::Closed | Self::Defect { .. } => StoreErrorKind::Defect,
        }
    }
}

impl Hint for StoreError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        let elsewhere = EnvVars::DATABASE_URL;
        Some(match self {
            Self::Postgres(error) => return error.hint(),
            Self::Folder { .. } => {
                format!("set `{elsewhere}` to a file, such as `mcp_mesh_registry.db`").into()
            }
            Self::InUse { .. } => {
                format!("stop the other registry, or set `{elsewhere}` to another file").into()
            }
            Self::Busy { .. } => format!(
                "find the program that keeps it locked, or raise `{}`",
                EnvVars::DB_BUSY_TIMEOUT
            )
            .into(),
            Self::NotAFolder { .. } => {
                format!("move it away, or set `{elsewhere}` to a file elsewhere").into()
            }
            Self::ReadOnly { .. } => format!(
                "mount its folder for writing, or set `{elsewhere}` to a file elsewhere"
            )
            .into(),
            Self::Denied { path, user } => {
                let cure = hand_over(path, *user);
                format!("{cure}, or set `{elsewhere}` to a file elsewhere").into()
            }
            Self::FolderDenied { folder, user } => {
                let cure = match user.id() {
                    Some(id) => {
                        let folder = folder.display();
                        format!("create it for that user with `mkdir -p {folder} && chown {id} {folder}`")
                    }
                    None => "create it for this user".to_owned(),
                };
                format!("{cure}, or set `{elsewhere}` to a file elsewhere").into()
            }
            Self::Full { .. } => {
                format!("free some space, or set `{elsewhere}` to a file on another disk").into()
            }
            Self::Vanished { .. } => {
                "put the file back, or restart the registry: it starts a new one and the agents register again".into()
            }
            Self::NotADatabase { .. } | Self::Foreign { .. } => {
                format!("set `{elsewhere}` to another file, or move this one away").into()
            }
            Self::Corrupt { .. } | Self::UnreadableRow { .. } => {
                "restore a backup, or move the file away: agents register again by themselves".into()
            }
            Self::Newer { .. } => format!(
                "start the release that wrote it or a later one, or set `{elsewhere}` to another file"
            )
            .into(),
            Self::Migration { .. } => {
                format!("keep a copy of the file, then set `{elsewhere}` to another one").into()
            }
            Self::JournalMode { .. } => {
                format!("set `{}` to `DELETE`, or use a local disk", EnvVars::DB_JOURNAL_MODE).into()
            }
            Self::Io { .. } => format!("check the path in `{elsewhere}` and the disk under it").into(),
            Self::NoFile { .. } => format!(
                "set `{elsewhere}` to the file, or copy a database in PostgreSQL with `pg_dump --schema mcp_mesh`"
            )
            .into(),
            Self::Missing { .. } => {
                format!("set `{elsewhere}` to the file that the registry keeps its state in").into()
            }
            Self::BackupExists { .. } => "name a file that does not exist yet, or move this one away".into(),
            Self::BackupNotWritten { .. } => {
                "name a file on a disk with room, in a folder that this user may write to".into()
            }
            Self::NotABackup { source, .. } => match **source {
                Self::Newer { .. } => "restore it with the release that wrote it or a later one".into(),
                Self::Busy { .. } => "wait until nothing writes to it, or make a copy of it".into(),
                _ => "name a file that `mcp-mesh-registry backup` wrote".into(),
            },
            Self::Closed | Self::Defect { .. } => return None,
        })
    }
}

/// How to make `user` the owner of the database. Not with `chown -R`: the folder may hold other things.
fn hand_over(path: &Path, user: User) -> String {
    let folder = path.parent().filter(|folder| folder.parent().is_some());
    match (user.id(), folder) {
        // With the stars of what SQLite and we keep beside the file.
        (Some(id), Some(folder)) if path.exists() => format!(
            "give both to that user with `chown {id} {} {}*`",
            folder.display(),
            path.display()
        ),
        (Some(id), Some(folder)) => format!(
            "give its folder to that user with `chown {id} {}`",
            folder.display()
        ),
        _ => "give this user write permission on the file and its folder".to_owned(),
    }
}
