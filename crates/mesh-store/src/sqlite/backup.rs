//! Copying a file that may be in use, and putting a copy in its place.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use mesh_core::Clock;
use sqlx::{Connection, SqliteConnection, query, query_scalar};

use super::connection::{connect_options, open_connection, settle};
use super::failure::Place;
use super::file::{self, Draft};
use super::schema::{self, Contents};
use crate::error::StoreError;
use crate::options::SqliteOptions;

/// What every SQLite database begins with: <https://www.sqlite.org/fileformat.html#the_database_header>.
const HEADER: &[u8] = b"SQLite format 3\0";

/// Copies the database to `copy` and says how big that is.
pub(crate) async fn backup(
    database: &Path,
    options: &SqliteOptions,
    copy: &Path,
) -> Result<u64, StoreError> {
    let place = Place::new(database);
    if !database.is_file() {
        return Err(StoreError::Missing {
            path: database.to_owned(),
        });
    }
    let failed = |source| StoreError::BackupNotWritten {
        path: copy.to_owned(),
        source,
    };
    if copy.exists() {
        return Err(StoreError::BackupExists {
            path: copy.to_owned(),
        });
    }
    let mut source = open_ours(&place, options).await?;
    let draft = Draft::create(copy).map_err(failed)?;
    copy_into(&mut source, draft.path())
        .await
        .map_err(|error| match place.failed("copy", error) {
            damaged @ (StoreError::Corrupt { .. } | StoreError::Busy { .. }) => damaged,
            StoreError::Full { .. } => failed(io::ErrorKind::StorageFull.into()),
            other => failed(io::Error::other(other)),
        })?;
    super::report(source.close().await);
    let bytes = draft.settle().map_err(failed)?;
    draft.publish_new().map_err(|source| {
        if source.kind() == io::ErrorKind::AlreadyExists {
            StoreError::BackupExists {
                path: copy.to_owned(),
            }
        } else {
            failed(source)
        }
    })?;
    Ok(bytes)
}

/// Puts `copy` in the place of the database and says where the one before went.
pub(crate) async fn restore(
    database: &Path,
    options: &SqliteOptions,
    copy: &Path,
    clock: &Clock,
) -> Result<Option<PathBuf>, StoreError> {
    let place = Place::new(database);
    file::prepare_folder(&place)?;
    let _claim = file::claim(&place, options.busy_timeout).await?;
    let draft = Draft::create(database)
        .map_err(|source| place.failed_io("write the restored database", source))?;
    fill_from(copy, &draft, options, &place).await?;
    draft
        .settle()
        .map_err(|source| place.failed_io("write the restored database", source))?;
    let kept_aside = if database.exists() {
        release(&place, options).await?;
        Some(file::link_aside(&place, clock.now())?)
    } else {
        None
    };
    draft
        .replace()
        .map_err(|source| place.failed_io("put the restored database in place", source))?;
    Ok(kept_aside)
}

/// Copies what is in `copy` into `draft`, verified and as this release wants it.
async fn fill_from(
    copy: &Path,
    draft: &Draft,
    options: &SqliteOptions,
    place: &Place,
) -> Result<(), StoreError> {
    let unusable = |source: StoreError| StoreError::NotABackup {
        path: copy.to_owned(),
        source: Box::new(source),
    };
    let from = Place::new(copy);
    if !copy.is_file() {
        return Err(unusable(StoreError::Missing {
            path: copy.to_owned(),
        }));
    }
    let mut source = open_ours(&from, options).await.map_err(unusable)?;
    verify(&mut source, &from).await.map_err(unusable)?;
    copy_into(&mut source, draft.path())
        .await
        .map_err(|error| match from.failed("copy", error) {
            damaged @ StoreError::Corrupt { .. } => unusable(damaged),
            StoreError::Full { .. } => StoreError::Full {
                path: place.path().to_owned(),
                operation: "write the restored tables",
            },
            other => other,
        })?;
    super::report(source.close().await);

    let drafted = Place::new(draft.path());
    let connect = connect_options(options).filename(draft.path());
    let mut fresh = open_connection(&connect, &drafted).await?;
    schema::migrate(&mut fresh, &from).await.map_err(unusable)?;
    settle(fresh, &drafted).await
}

/// Opens for reading, without the claim, so that a registry may run on it.
async fn open_ours(place: &Place, options: &SqliteOptions) -> Result<SqliteConnection, StoreError> {
    let connect = connect_options(options)
        .filename(place.path())
        .read_only(true);
    let mut connection = open_connection(&connect, place).await?;
    match schema::survey(&mut connection, place).await? {
        Contents::Ours => Ok(connection),
        Contents::Empty | Contents::Published => Err(StoreError::Foreign {
            path: place.path().to_owned(),
        }),
    }
}

/// Reads every page and every index.
async fn verify(connection: &mut SqliteConnection, place: &Place) -> Result<(), StoreError> {
    let verdict: String = query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| place.failed("verify", error))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt {
            path: place.path().to_owned(),
            operation: "verify",
            source: verdict.into(),
        })
    }
}

/// One read transaction: whoever writes meanwhile neither waits nor shows in the copy.
async fn copy_into(connection: &mut SqliteConnection, to: &Path) -> sqlx::Result<()> {
    let to = to.to_str().ok_or_else(|| {
        let reason = format!("`{}` is not UTF-8, which SQLite's paths are", to.display());
        sqlx::Error::Io(io::Error::new(io::ErrorKind::InvalidInput, reason))
    })?;
    query("VACUUM INTO ?").bind(to).execute(connection).await?;
    Ok(())
}

/// Makes sure that nobody uses the database that is to be replaced, and that it is one file. A damaged
/// one is left as it is: to be rid of it is what backups are for.
async fn release(place: &Place, options: &SqliteOptions) -> Result<(), StoreError> {
    // SQLite would throw away the log of a file that is none of its own when it lets go of it.
    if !begins_as_a_database(place.path()).map_err(|error| place.failed_io("read", error))? {
        return Ok(());
    }
    let connect = connect_options(options).filename(place.path());
    let mut connection = match open_connection(&connect, place).await {
        Err(StoreError::NotADatabase { .. } | StoreError::Corrupt { .. }) => return Ok(()),
        opened => opened?,
    };
    match schema::survey(&mut connection, place).await {
        Ok(_) | Err(StoreError::Newer { .. }) => {}
        Err(StoreError::NotADatabase { .. } | StoreError::Corrupt { .. }) => {
            // Before the file is moved. That a damaged one cannot be closed well is no news.
            let _ = connection.close().await;
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    match settle(connection, place).await {
        Err(StoreError::Corrupt { .. }) => Ok(()),
        settled => settled,
    }
}

/// Whether the file has the header of a SQLite database, or is as empty as a new one.
fn begins_as_a_database(path: &Path) -> io::Result<bool> {
    let mut header = Vec::with_capacity(HEADER.len());
    File::open(path)?
        .take(HEADER.len() as u64)
        .read_to_end(&mut header)?;
    Ok(header.is_empty() || header == HEADER)
}
