//! Changes of agents, events and schemas, in few round trips to SQLite's thread.

use mesh_core::AgentId;
use mesh_core::wire::AgentStatus;
use sqlx::{AssertSqlSafe, SqliteConnection, query};

use super::writer::Work;
use crate::failure::Failure;
use crate::row::{AgentRow, Change, EventRow, PulseRow, SchemaRow};

/// Rows per statement, largest first. A fixed set, so that each size is prepared once and reused.
const BATCHES: [usize; 4] = [64, 16, 4, 1];

/// Applies changes in order.
pub(super) struct Apply<'a>(pub(super) &'a [Change]);

impl Work for Apply<'_> {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        Ok(apply(connection, self.0).await?)
    }
}

/// Writes signs of life.
pub(super) struct Touch<'a>(pub(super) &'a [PulseRow]);

impl Work for Touch<'_> {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        Ok(touch(connection, self.0).await?)
    }
}

/// Keeps so many of the newest events and says how many it deleted.
pub(super) struct CapEvents(pub(super) i64);

impl Work for CapEvents {
    type Output = u64;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<u64, Failure> {
        let sql = "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?";
        let done = query(sql).bind(self.0).execute(connection).await?;
        Ok(done.rows_affected())
    }
}

/// Writes what the database said before, and as much as a busy moment would: a failed transaction leaves a
/// little room in the log, in which a single page would fit on a disk that is still full.
pub(super) struct Probe;

impl Work for Probe {
    type Output = ();

    async fn run(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        query("PRAGMA user_version = 0")
            .execute(&mut *connection)
            .await?;
        // There and back: SQLite writes no page whose text stays what it was.
        for text in [
            "registration || ' '",
            "substr(registration, 1, length(registration) - 1)",
        ] {
            let sql = format!(
                "UPDATE registrations SET registration = {text} \
                 WHERE agent_id IN (SELECT agent_id FROM registrations LIMIT 64)"
            );
            query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        }
        Ok(())
    }
}

async fn apply(connection: &mut SqliteConnection, changes: &[Change]) -> sqlx::Result<()> {
    // Events and schemas refer to nothing, so only their order among themselves matters.
    let mut events = Vec::new();
    let mut schemas = Vec::new();
    let mut agents = Vec::new();
    for change in changes {
        match change {
            Change::Record(event) => events.push(event),
            Change::PutSchema(schema) => schemas.push(schema),
            change => agents.push(change),
        }
    }
    for run in agents.chunk_by(|a, b| go_together(a, b)) {
        match run.first() {
            Some(Change::Put(_)) => {
                let rows: Vec<&AgentRow> =
                    run.iter().filter_map(|change| put_row(change)).collect();
                put(connection, &rows).await?;
            }
            Some(Change::SetStatus { status, .. }) => {
                set_status(connection, &ids(run), *status).await?;
            }
            Some(Change::Delete(_)) => delete(connection, &ids(run)).await?,
            Some(Change::Record(_) | Change::PutSchema(_)) | None => {}
        }
    }
    record(connection, &events).await?;
    put_schemas(connection, &schemas).await
}

/// Whether one statement can do both.
fn go_together(a: &Change, b: &Change) -> bool {
    match (a, b) {
        (Change::Put(_), Change::Put(_)) | (Change::Delete(_), Change::Delete(_)) => true,
        (Change::SetStatus { status: a, .. }, Change::SetStatus { status: b, .. }) => a == b,
        _ => false,
    }
}

fn put_row(change: &Change) -> Option<&AgentRow> {
    match change {
        Change::Put(row) => Some(row),
        _ => None,
    }
}

/// The ids of a run as a JSON array, for `json_each`: one parameter however long the run is.
fn ids(run: &[&Change]) -> String {
    let ids: Vec<&str> = run
        .iter()
        .filter_map(|change| match change {
            Change::SetStatus { agent_id, .. } | Change::Delete(agent_id) => Some(agent_id),
            Change::Put(_) | Change::Record(_) | Change::PutSchema(_) => None,
        })
        .map(AgentId::as_str)
        .collect();
    // Ids hold neither quotes nor backslashes.
    format!("[\"{}\"]", ids.join("\",\""))
}

async fn put(connection: &mut SqliteConnection, rows: &[&AgentRow]) -> sqlx::Result<()> {
    for batch in batches(rows) {
        let sql = format!(
            "INSERT INTO agents (agent_id, name, status, created_at, last_seen, entity_id, answer_digest) \
             VALUES {} ON CONFLICT (agent_id) DO UPDATE SET name = excluded.name, status = excluded.status, \
             last_seen = excluded.last_seen, entity_id = excluded.entity_id, \
             answer_digest = excluded.answer_digest",
            placeholders("(?, ?, ?, ?, ?, ?, ?)", batch.len())
        );
        let mut statement = query(AssertSqlSafe(sql));
        for row in batch {
            statement = statement
                .bind(row.agent_id.as_str())
                .bind(row.name.as_str())
                .bind(row.status.as_str())
                .bind(row.created_at.as_nanos())
                .bind(row.last_seen.as_nanos())
                .bind(row.entity_id.as_deref())
                .bind(row.answer_digest.as_ref().map(<[u8; 16]>::as_slice));
        }
        statement.execute(&mut *connection).await?;

        let sql = format!(
            "INSERT INTO registrations (agent_id, registration) VALUES {} \
             ON CONFLICT (agent_id) DO UPDATE SET registration = excluded.registration",
            placeholders("(?, ?)", batch.len())
        );
        let mut statement = query(AssertSqlSafe(sql));
        for row in batch {
            statement = statement
                .bind(row.agent_id.as_str())
                .bind(row.registration.as_str());
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn set_status(
    connection: &mut SqliteConnection,
    ids: &str,
    status: AgentStatus,
) -> sqlx::Result<()> {
    query("UPDATE agents SET status = ? WHERE agent_id IN (SELECT value FROM json_each(?))")
        .bind(status.as_str())
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete(connection: &mut SqliteConnection, ids: &str) -> sqlx::Result<()> {
    query("DELETE FROM agents WHERE agent_id IN (SELECT value FROM json_each(?))")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

async fn record(connection: &mut SqliteConnection, events: &[&EventRow]) -> sqlx::Result<()> {
    for batch in batches(events) {
        let sql = format!(
            "INSERT INTO events (kind, agent_id, function_name, timestamp, data) VALUES {}",
            placeholders("(?, ?, ?, ?, ?)", batch.len())
        );
        let mut statement = query(AssertSqlSafe(sql));
        for event in batch {
            statement = statement
                .bind(event.kind.as_str())
                .bind(event.agent_id.as_str())
                .bind(event.function_name.as_deref())
                .bind(event.timestamp.as_nanos())
                .bind(event.data.as_ref().map(|data| data.get()));
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn put_schemas(
    connection: &mut SqliteConnection,
    schemas: &[&SchemaRow],
) -> sqlx::Result<()> {
    for batch in batches(schemas) {
        let sql = format!(
            "INSERT INTO schemas (hash, canonical, runtime_origin, created_at) VALUES {} \
             ON CONFLICT (hash) DO NOTHING",
            placeholders("(?, ?, ?, ?)", batch.len())
        );
        let mut statement = query(AssertSqlSafe(sql));
        for schema in batch {
            statement = statement
                .bind(schema.hash.as_str())
                .bind(schema.canonical.get())
                .bind(schema.runtime_origin.as_str())
                .bind(schema.created_at.as_nanos());
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

async fn touch(connection: &mut SqliteConnection, pulses: &[PulseRow]) -> sqlx::Result<()> {
    for batch in batches(pulses) {
        let sql = format!(
            "WITH pulses (agent_id, last_seen, answer_digest) AS (VALUES {}) \
             UPDATE agents SET last_seen = pulses.last_seen, answer_digest = pulses.answer_digest \
             FROM pulses WHERE agents.agent_id = pulses.agent_id",
            placeholders("(?, ?, ?)", batch.len())
        );
        let mut statement = query(AssertSqlSafe(sql));
        for pulse in batch {
            statement = statement
                .bind(pulse.agent_id.as_str())
                .bind(pulse.last_seen.as_nanos())
                .bind(pulse.answer_digest.as_ref().map(<[u8; 16]>::as_slice));
        }
        statement.execute(&mut *connection).await?;
    }
    Ok(())
}

fn placeholders(row: &str, count: usize) -> String {
    vec![row; count].join(", ")
}

fn batches<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = BATCHES.into_iter().find(|&size| size <= rows.len())?;
        let (batch, rest) = rows.split_at(size);
        rows = rest;
        Some(batch)
    })
}
