//! `backup` and `restore`: the database as a file, beside or instead of a registry.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use mesh_core::{Clock, Hint};
use mesh_store::StoreError;

use crate::Settings;

/// Why the database was neither copied nor replaced.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    #[error("failed to start the runtime")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hint for BackupError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Runtime(_) => None,
        }
    }
}

/// Copies the database to `copy`, and says so.
pub(crate) fn back_up(settings: &Settings, copy: &Path) -> Result<String, BackupError> {
    let (database, sqlite) = (&settings.database, &settings.store.sqlite);
    let done = wait(mesh_store::backup(database, sqlite, copy))??;
    Ok(format!(
        "Copied {} to {} ({} bytes)\n",
        done.database.display(),
        copy.display(),
        done.bytes
    ))
}

/// Puts `copy` in the place of the database, and says where that went.
pub(crate) fn restore(settings: &Settings, copy: &Path) -> Result<String, BackupError> {
    let (database, sqlite) = (&settings.database, &settings.store.sqlite);
    let done = wait(mesh_store::restore(database, sqlite, copy, &Clock::System))??;
    let mut report = format!(
        "Restored {} from {}\n",
        done.database.display(),
        copy.display()
    );
    if let Some(kept) = done.kept_aside {
        // Writing to a string cannot fail.
        let _ = writeln!(report, "What was there before is {}", kept.display());
    }
    Ok(report)
}

fn wait<T>(work: impl Future<Output = T>) -> Result<T, BackupError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BackupError::Runtime)?;
    Ok(runtime.block_on(work))
}
