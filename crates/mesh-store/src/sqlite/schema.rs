//! Whose database a file holds, and bringing ours up to date.

use sqlx::{SqliteConnection, query, query_scalar};

use super::failure::Place;
use crate::error::StoreError;
use crate::migration::{Script, migrator, newest, unknown};

/// Marks our files in SQLite's header: "mesh".
const APPLICATION_ID: i32 = 0x6d65_7368;
const MIGRATIONS_TABLE: &str = "_sqlx_migrations";

/// Every file of the folder, oldest first.
const MIGRATIONS: &[Script] = &[
    (
        1,
        "registry",
        include_str!("../../migrations/sqlite/0001_registry.sql"),
    ),
    (
        2,
        "jobs",
        include_str!("../../migrations/sqlite/0002_jobs.sql"),
    ),
];

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    /// Nothing yet.
    Empty,
    /// What this release or an earlier one of ours wrote.
    Ours,
    /// The database of the registry that is published as `mcp-mesh` up to version 3.
    Published,
}

/// Looks without writing. What a later release or another program wrote is an error.
pub(super) async fn survey(
    connection: &mut SqliteConnection,
    place: &Place,
) -> Result<Contents, StoreError> {
    let failed = |error| place.failed("read the header", error);
    let application_id: i32 = query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let tables: Vec<String> = query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    let has = |name: &str| tables.iter().any(|table| table == name);

    if application_id == APPLICATION_ID {
        if has(MIGRATIONS_TABLE) {
            refuse_newer(connection, place).await?;
        }
        return Ok(Contents::Ours);
    }
    if tables.is_empty() {
        return Ok(Contents::Empty);
    }
    let agent_columns: Vec<String> = query_scalar("SELECT name FROM pragma_table_info('agents')")
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    let agents_of_published = ["agent_type", "namespace", "last_full_refresh"]
        .iter()
        .all(|column| agent_columns.iter().any(|name| name == column));
    let tables_of_published = has("agents") && has("capabilities") && has("ent_types");
    if !has(MIGRATIONS_TABLE) && (agents_of_published || tables_of_published) {
        Ok(Contents::Published)
    } else {
        Err(StoreError::Foreign {
            path: place.path().to_owned(),
        })
    }
}

async fn refuse_newer(connection: &mut SqliteConnection, place: &Place) -> Result<(), StoreError> {
    let applied: Vec<i64> = query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
        .fetch_all(connection)
        .await
        .map_err(|error| place.failed("read the schema version", error))?;
    match unknown(MIGRATIONS, &applied) {
        None => Ok(()),
        Some(found) => Err(StoreError::Newer {
            path: place.path().to_owned(),
            found,
            known: newest(MIGRATIONS),
        }),
    }
}

/// Marks an empty file as ours; before its tables, so that a start cut short is recognised.
pub(super) async fn mark(
    connection: &mut SqliteConnection,
    place: &Place,
) -> Result<(), StoreError> {
    query(sqlx::AssertSqlSafe(format!(
        "PRAGMA application_id = {APPLICATION_ID}"
    )))
    .execute(connection)
    .await
    .map_err(|error| place.failed("write the header", error))?;
    Ok(())
}

/// Creates or updates the tables.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    place: &Place,
) -> Result<(), StoreError> {
    let outcome = migrator(MIGRATIONS).run(connection).await;
    outcome.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error)
        | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => place.failed("migrate", error),
        error => StoreError::Migration {
            path: place.path().to_owned(),
            source: error.into(),
        },
    })
}

#[cfg(test)]
#[test]
fn every_migration_is_listed() {
    crate::migration::tests::assert_complete("migrations/sqlite", MIGRATIONS);
}
