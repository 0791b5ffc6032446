//! Opening connections, and the pragmas that a file and its log are driven by.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, query, query_scalar};

use super::failure::Place;
use super::schema::Contents;
use crate::error::StoreError;
use crate::options::SqliteOptions;

/// Pages in the write-ahead log (16 MB) before they are moved into the file.
const WAL_PAGES: u32 = 4000;
/// How much of a write-ahead log that a storm blew up stays on the disk.
const WAL_KEPT_BYTES: u32 = 64 * 1024 * 1024;

pub(super) fn connect_options(options: &SqliteOptions) -> SqliteConnectOptions {
    // sqlx panics beyond what fits SQLite's `int`.
    let longest = Duration::from_millis(i32::MAX.unsigned_abs().into());
    SqliteConnectOptions::new()
        .busy_timeout(options.busy_timeout.min(longest))
        .foreign_keys(true)
        // A container may have no folder for temporary files, and what we sort is small.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

pub(super) async fn open_connection(
    options: &SqliteConnectOptions,
    place: &Place,
) -> Result<SqliteConnection, StoreError> {
    options
        .connect()
        .await
        .map_err(|error| place.failed("open", error))
}

/// Moves the log into the file and lets go of it. Fails while another process has the file open.
pub(super) async fn settle(
    mut connection: SqliteConnection,
    place: &Place,
) -> Result<(), StoreError> {
    let failed = |error| match place.failed("settle the earlier database", error) {
        StoreError::Busy { path, .. } => StoreError::InUse { path },
        error => error,
    };
    query("PRAGMA journal_mode = DELETE")
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)
}

pub(super) async fn configure(
    connection: &mut SqliteConnection,
    options: &SqliteOptions,
    contents: Contents,
    place: &Place,
) -> Result<(), StoreError> {
    let failed = |error| place.failed("set the journal mode", error);
    // A file without contents has nothing to roll back to: without a journal its first page costs one
    // trip to the disk instead of four.
    let first = match contents {
        Contents::Ours => "",
        Contents::Empty | Contents::Published => "PRAGMA journal_mode = MEMORY;",
    };
    let SqliteOptions {
        busy_timeout: _, // is the connection's from the start
        journal_mode,
        synchronous,
        cache_kib,
    } = options;
    let cache_kib = (*cache_kib).min(i32::MAX.unsigned_abs());
    query(AssertSqlSafe(format!(
        "{first} PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -{cache_kib}; \
         PRAGMA wal_autocheckpoint = {WAL_PAGES}; PRAGMA journal_size_limit = {WAL_KEPT_BYTES}"
    )))
    .execute(&mut *connection)
    .await
    .map_err(failed)?;

    let asked = journal_mode.as_str();
    let got: String = query_scalar(AssertSqlSafe(format!("PRAGMA journal_mode = {asked}")))
        .fetch_one(connection)
        .await
        .map_err(failed)?;
    if got.eq_ignore_ascii_case(asked) {
        Ok(())
    } else {
        Err(StoreError::JournalMode {
            path: place.path().to_owned(),
            asked,
            got,
        })
    }
}
