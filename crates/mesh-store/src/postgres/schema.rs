//! Our schema: whose it is, making it, and bringing it up to date.

use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::{PgConnection, query, query_scalar, raw_sql};
use tokio::time::timeout;

use super::failure::{Name, PostgresError};
use crate::error::StoreError;
use crate::migration::{Script, migrator, newest, unknown};

/// Where our tables are, so that a database may hold others too, the published registry's among them.
pub(super) const SCHEMA: &str = "mcp_mesh";
/// The advisory lock of whoever migrates.
const MIGRATING: i64 = 0x6d65_7368_0000_0002;
/// How long migrations may take, waiting for another registry's included.
const LIMIT: Duration = Duration::from_mins(10);
const ENCODING: &str = "UTF8";

/// Every file of the folder, oldest first.
const MIGRATIONS: &[Script] = &[
    (
        1,
        "registry",
        include_str!("../../migrations/postgres/0001_registry.sql"),
    ),
    (
        2,
        "jobs",
        include_str!("../../migrations/postgres/0002_jobs.sql"),
    ),
];

/// Creates or updates the tables; one registry at a time. What a later release or another program wrote is
/// an error, and left as it is.
pub(super) async fn prepare(connection: &mut PgConnection, name: &Name) -> Result<(), StoreError> {
    let work = async {
        let failed = |error| name.failed("migrate", error);
        raw_sql("SET statement_timeout = 0; SET lock_timeout = 0")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        query("SELECT pg_advisory_lock($1)")
            .bind(MIGRATING)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        refuse_encoding(connection, name).await?;
        create(connection, name).await?;
        refuse_foreign(connection, name).await?;
        migrate(connection, name).await?;
        query("SELECT pg_advisory_unlock($1)")
            .bind(MIGRATING)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        // Back to what the connection was opened with.
        raw_sql("RESET statement_timeout; RESET lock_timeout")
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
        Ok(())
    };
    timeout(LIMIT, work)
        .await
        .unwrap_or_else(|_| Err(name.slow("migrate")))
}

async fn refuse_encoding(connection: &mut PgConnection, name: &Name) -> Result<(), PostgresError> {
    let encoding: String = query_scalar("SHOW server_encoding")
        .fetch_one(connection)
        .await
        .map_err(|error| name.failed("read the encoding", error))?;
    if encoding == ENCODING {
        Ok(())
    } else {
        Err(PostgresError::Encoding {
            database: name.shown(),
            encoding,
        })
    }
}

/// Not with `IF NOT EXISTS`, which asks for the permission even if an administrator has made the schema.
async fn create(connection: &mut PgConnection, name: &Name) -> Result<(), PostgresError> {
    let failed = |error| name.failed("create the schema", error);
    let there: bool = query_scalar("SELECT to_regnamespace($1) IS NOT NULL")
        .bind(SCHEMA)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if !there {
        raw_sql(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {SCHEMA}")))
            .execute(connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

async fn refuse_foreign(connection: &mut PgConnection, name: &Name) -> Result<(), PostgresError> {
    let failed = |error| name.failed("read the schema", error);
    let tables: Vec<String> = query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'",
    )
    .bind(SCHEMA)
    .fetch_all(&mut *connection)
    .await
    .map_err(failed)?;
    if tables.is_empty() {
        return Ok(());
    }
    if !tables.iter().any(|table| table == "_sqlx_migrations") {
        return Err(PostgresError::Foreign {
            database: name.shown(),
        });
    }
    let applied: Vec<i64> = query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version")
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    match unknown(MIGRATIONS, &applied) {
        None => Ok(()),
        Some(found) => Err(PostgresError::Newer {
            database: name.shown(),
            found,
            known: newest(MIGRATIONS),
        }),
    }
}

async fn migrate(connection: &mut PgConnection, name: &Name) -> Result<(), PostgresError> {
    let mut migrator = migrator(MIGRATIONS);
    // We hold one of our own, which covers the schema too.
    migrator.set_locking(false);
    let outcome = migrator.run(connection).await;
    outcome.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            name.failed("migrate", error)
        }
        error => PostgresError::Migration {
            database: name.shown(),
            source: error.into(),
        },
    })
}

#[cfg(test)]
#[test]
fn every_migration_is_listed() {
    crate::migration::tests::assert_complete("migrations/postgres", MIGRATIONS);
}
