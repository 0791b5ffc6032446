//! Schemas: reading and forgetting; they are written with the agents that bring them.

use mesh_core::Timestamp;
use sqlx::{PgConnection, query};

use super::PostgresStore;
use super::rows::{text, texts};
use super::writer::Work;
use crate::decode;
use crate::error::StoreError;
use crate::failure::Failure;
use crate::row::SchemaRow;

impl PostgresStore {
    pub(crate) async fn schemas(&self, limit: u32) -> Result<Vec<SchemaRow>, StoreError> {
        let operation = "list the schemas";
        let mut reading = self.read(operation).await?;
        let rows = query(
            "SELECT hash, canonical, runtime_origin, created_at FROM schemas \
             ORDER BY number DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&mut *reading);
        let rows = self.ask(operation, rows).await?;
        reading.settled();
        rows.iter()
            .map(|row| self.explain(operation, decode::schema(row)))
            .collect()
    }

    pub(crate) async fn schema(&self, hash: &str) -> Result<Option<SchemaRow>, StoreError> {
        let operation = "read a schema";
        let mut reading = self.read(operation).await?;
        let row = query(
            "SELECT hash, canonical, runtime_origin, created_at FROM schemas \
             WHERE md5(hash) = md5($1) AND hash = $1",
        )
        .bind(text(hash))
        .fetch_optional(&mut *reading);
        let row = self.ask(operation, row).await?;
        reading.settled();
        row.map(|row| self.explain(operation, decode::schema(&row)))
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

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, Failure> {
        let done = query(
            "DELETE FROM schemas WHERE number IN (SELECT number FROM schemas WHERE created_at < $1 \
             AND hash NOT IN (SELECT unnest($2::text[])) ORDER BY number LIMIT $3)",
        )
        .bind(self.before.as_nanos())
        .bind(texts(self.kept))
        .bind(i64::from(self.limit))
        .execute(connection)
        .await?;
        Ok(done.rows_affected())
    }
}
