//! Schemas: reading and forgetting; they are written with the agents that bring them.

use mesh_core::Timestamp;
use sqlx::{SqliteConnection, query};

use super::SqliteStore;
use super::rows::json_list;
use super::writer::Work;
use crate::decode;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::row::SchemaRow;

impl SqliteStore {
    pub(crate) async fn schemas(&self, limit: u32) -> Result<Vec<SchemaRow>, StoreError> {
        let operation = "list the schemas";
        let mut reading = self.read().await?;
        let rows = query(
            "SELECT hash, canonical, runtime_origin, created_at FROM schemas \
             ORDER BY number DESC LIMIT ?",
        )
        .bind(limit)
        .fetch_all(reading.connection()?)
        .await;
        self.explain(operation, rows)?
            .iter()
            .map(|row| self.explain(operation, decode::schema(row)))
            .collect()
    }

    pub(crate) async fn schema(&self, hash: &str) -> Result<Option<SchemaRow>, StoreError> {
        let operation = "read a schema";
        let mut reading = self.read().await?;
        let row =
            query("SELECT hash, canonical, runtime_origin, created_at FROM schemas WHERE hash = ?")
                .bind(hash)
                .fetch_optional(reading.connection()?)
                .await;
        self.explain(operation, row)?
            .map(|row| self.explain(operation, decode::schema(&row)))
            .transpose()
    }

    pub(crate) async fn forget_schemas(
        &self,
        kept: &[String],
        before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let work = Forget {
            kept,
            before,
            limit,
        };
        self.write("delete old schemas", &work).await
    }
}

struct Forget<'a> {
    kept: &'a [String],
    before: Timestamp,
    limit: u32,
}

impl Work for Forget<'_> {
    type Output = u64;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<u64, Failure> {
        let done = query(
            "DELETE FROM schemas WHERE number IN (SELECT number FROM schemas WHERE created_at < ? \
             AND hash NOT IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?)",
        )
        .bind(self.before.as_nanos())
        .bind(json_list(self.kept))
        .bind(self.limit)
        .execute(connection)
        .await?;
        Ok(done.rows_affected())
    }
}
