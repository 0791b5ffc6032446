//! What is done inside one write transaction, in few round trips to SQLite's thread.

use mesh_core::AgentId;
use mesh_core::wire::AgentStatus;
use sqlx::{AssertSqlSafe, SqliteConnection, query};

use crate::row::{AgentRow, Change, EventRow, PulseRow};

/// Rows per statement, largest first. A fixed set, so that each size is prepared once and reused.
const BATCHES: [usize; 4] = [64, 16, 4, 1];

/// One transaction's work; it can be done again if the database was locked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work<'a> {
    /// Applies changes in order.
    Apply(&'a [Change]),
    /// Writes signs of life.
    Touch(&'a [PulseRow]),
    /// Keeps so many of the newest events.
    CapEvents(i64),
    /// Writes a page that says what it said before.
    Probe,
}

impl Work<'_> {
    /// Does the work; says how many rows `CapEvents` deleted.
    pub(super) async fn run(self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        match self {
            Self::Apply(changes) => apply(connection, changes).await.map(|()| 0),
            Self::Touch(pulses) => touch(connection, pulses).await.map(|()| 0),
            Self::CapEvents(keep) => {
                let sql = "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?";
                let done = query(sql).bind(keep).execute(connection).await?;
                Ok(done.rows_affected())
            }
            Self::Probe => {
                query("PRAGMA user_version = 0").execute(connection).await?;
                Ok(0)
            }
        }
    }
}

async fn apply(connection: &mut SqliteConnection, changes: &[Change]) -> sqlx::Result<()> {
    // Events refer to nothing, so only their order among themselves matters.
    let mut events = Vec::new();
    let mut agents = Vec::new();
    for change in changes {
        match change {
            Change::Record(event) => events.push(event),
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
            Some(Change::Record(_)) | None => {}
        }
    }
    record(connection, &events).await
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
            Change::Put(_) | Change::Record(_) => None,
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
