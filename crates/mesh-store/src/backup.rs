//! A copy of the database for safe keeping, and putting one back. Both work on files, beside or instead
//! of a registry; a database on a server has tools of its own.

use std::path::{Path, PathBuf};

use mesh_core::Clock;

use crate::error::StoreError;
use crate::options::SqliteOptions;
use crate::sqlite;
use crate::url::{DatabaseUrl, SqliteTarget};

/// What a copy was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// The database.
    pub database: PathBuf,
    /// The size of the copy.
    pub bytes: u64,
}

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The database.
    pub database: PathBuf,
    /// Where the one went that was there before.
    pub kept_aside: Option<PathBuf>,
}

/// Copies the database at `url` to `copy` as it is at one moment, also while a registry runs on it.
///
/// The copy appears whole or not at all, readable for this user only, and never in the place of another
/// file.
pub async fn backup(
    url: &DatabaseUrl,
    options: &SqliteOptions,
    copy: &Path,
) -> Result<BackedUp, StoreError> {
    let database = file(url)?;
    let bytes = sqlite::backup(database, options, copy).await?;
    Ok(BackedUp {
        database: database.to_owned(),
        bytes,
    })
}

/// Puts `copy` in the place of the database at `url`, at once and for good; no registry may run on it.
///
/// What was there before is kept aside under a name with `clock`'s time. A copy that this release cannot
/// use is refused before anything is touched; one of an earlier release is brought up to date.
pub async fn restore(
    url: &DatabaseUrl,
    options: &SqliteOptions,
    copy: &Path,
    clock: &Clock,
) -> Result<Restored, StoreError> {
    let database = file(url)?;
    let kept_aside = sqlite::restore(database, options, copy, clock).await?;
    Ok(Restored {
        database: database.to_owned(),
        kept_aside,
    })
}

fn file(url: &DatabaseUrl) -> Result<&Path, StoreError> {
    match url {
        DatabaseUrl::Sqlite(SqliteTarget::File(path)) => Ok(path),
        DatabaseUrl::Sqlite(SqliteTarget::Memory) | DatabaseUrl::Postgres(_) => {
            Err(StoreError::NoFile {
                url: url.to_string(),
            })
        }
    }
}
