//! Changes of agents, events and schemas, in few round trips to the server.
//!
//! Rows travel as one array per column, so that a statement is prepared once and takes any number of them.

use std::collections::BTreeSet;

use mesh_core::AgentId;
use mesh_core::wire::AgentStatus;
use sqlx::{PgConnection, query};

use super::rows::text;
use super::writer::Work;
use crate::failure::Failure;
use crate::row::{AgentRow, Change, EventRow, PulseRow, SchemaRow};

/// Applies changes in order.
pub(super) struct Apply<'a>(pub(super) &'a [Change]);

impl Work for Apply<'_> {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        Ok(apply(connection, self.0).await?)
    }
}

/// Writes signs of life.
pub(super) struct Touch<'a>(pub(super) &'a [PulseRow]);

impl Work for Touch<'_> {
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        Ok(touch(connection, self.0).await?)
    }
}

/// Keeps so many of the newest events and says how many it deleted.
pub(super) struct CapEvents(pub(super) i64);

impl Work for CapEvents {
    type Output = u64;

    async fn run(&self, connection: &mut PgConnection) -> Result<u64, Failure> {
        // Ids have gaps where a transaction was rolled back, so they are no count.
        let sql = "DELETE FROM events WHERE id <= \
             (SELECT id FROM events ORDER BY id DESC OFFSET $1 LIMIT 1)";
        let done = query(sql).bind(self.0).execute(connection).await?;
        Ok(done.rows_affected())
    }
}

/// Writes a row and takes it back.
pub(super) struct Probe;

impl Work for Probe {
    const END: &'static str = "ROLLBACK";
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        query("INSERT INTO events (kind, agent_id, timestamp) VALUES ('probe', '', 0)")
            .execute(connection)
            .await?;
        Ok(())
    }
}

async fn apply(connection: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
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
                for rows in distinct(&rows) {
                    put(connection, rows).await?;
                }
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

fn ids<'a>(run: &[&'a Change]) -> Vec<&'a str> {
    run.iter()
        .filter_map(|change| match change {
            Change::SetStatus { agent_id, .. } | Change::Delete(agent_id) => Some(agent_id),
            Change::Put(_) | Change::Record(_) | Change::PutSchema(_) => None,
        })
        .map(AgentId::as_str)
        .collect()
}

/// Cuts `rows` so that no part has an agent twice: one statement cannot write a row two times.
fn distinct<'a, 'b>(mut rows: &'b [&'a AgentRow]) -> impl Iterator<Item = &'b [&'a AgentRow]> {
    std::iter::from_fn(move || {
        let mut seen = BTreeSet::new();
        let size = rows.iter().take_while(|row| seen.insert(&row.agent_id));
        let (part, rest) = rows.split_at(size.count());
        rows = rest;
        (!part.is_empty()).then_some(part)
    })
}

async fn put(connection: &mut PgConnection, rows: &[&AgentRow]) -> sqlx::Result<()> {
    let ids: Vec<&str> = column(rows, |row| row.agent_id.as_str());
    let sql = "INSERT INTO agents \
             (agent_id, name, status, created_at, last_seen, entity_id, answer_digest) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], \
             $7::bytea[]) \
         ON CONFLICT (agent_id) DO UPDATE SET name = excluded.name, status = excluded.status, \
             last_seen = excluded.last_seen, entity_id = excluded.entity_id, \
             answer_digest = excluded.answer_digest";
    query(sql)
        .bind(&ids)
        .bind(column(rows, |row| text(&row.name)))
        .bind(column(rows, |row| row.status.as_str()))
        .bind(column(rows, |row| row.created_at.as_nanos()))
        .bind(column(rows, |row| row.last_seen.as_nanos()))
        .bind(column(rows, |row| row.entity_id.as_deref().map(text)))
        .bind(column(rows, |row| digest(row.answer_digest.as_ref())))
        .execute(&mut *connection)
        .await?;
    let sql = "INSERT INTO registrations (agent_id, registration) \
         SELECT * FROM unnest($1::text[], $2::text[]) \
         ON CONFLICT (agent_id) DO UPDATE SET registration = excluded.registration";
    query(sql)
        .bind(&ids)
        .bind(column(rows, |row| row.registration.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn set_status(
    connection: &mut PgConnection,
    ids: &[&str],
    status: AgentStatus,
) -> sqlx::Result<()> {
    query("UPDATE agents SET status = $1 WHERE agent_id = ANY($2)")
        .bind(status.as_str())
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete(connection: &mut PgConnection, ids: &[&str]) -> sqlx::Result<()> {
    query("DELETE FROM agents WHERE agent_id = ANY($1)")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

async fn record(connection: &mut PgConnection, events: &[&EventRow]) -> sqlx::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO events (kind, agent_id, function_name, timestamp, data) \
         SELECT kind, agent_id, function_name, timestamp, data \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) WITH ORDINALITY \
             AS rows (kind, agent_id, function_name, timestamp, data, number) \
         ORDER BY number";
    query(sql)
        .bind(column(events, |event| event.kind.as_str()))
        .bind(column(events, |event| text(&event.agent_id)))
        .bind(column(events, |event| {
            event.function_name.as_deref().map(text)
        }))
        .bind(column(events, |event| event.timestamp.as_nanos()))
        .bind(column(events, |event| {
            event.data.as_ref().map(|data| data.get())
        }))
        .execute(connection)
        .await?;
    Ok(())
}

async fn put_schemas(connection: &mut PgConnection, schemas: &[&SchemaRow]) -> sqlx::Result<()> {
    if schemas.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO schemas (hash, canonical, runtime_origin, created_at) \
         SELECT hash, canonical, runtime_origin, created_at \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY \
             AS rows (hash, canonical, runtime_origin, created_at, number) \
         ORDER BY number ON CONFLICT (md5(hash)) DO NOTHING";
    query(sql)
        .bind(column(schemas, |schema| text(&schema.hash)))
        .bind(column(schemas, |schema| schema.canonical.get()))
        .bind(column(schemas, |schema| text(&schema.runtime_origin)))
        .bind(column(schemas, |schema| schema.created_at.as_nanos()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn touch(connection: &mut PgConnection, pulses: &[PulseRow]) -> sqlx::Result<()> {
    let pulses: Vec<&PulseRow> = pulses.iter().collect();
    let sql = "UPDATE agents SET last_seen = pulses.last_seen, answer_digest = pulses.answer_digest \
         FROM unnest($1::text[], $2::bigint[], $3::bytea[]) AS pulses (agent_id, last_seen, answer_digest) \
         WHERE agents.agent_id = pulses.agent_id";
    query(sql)
        .bind(column(&pulses, |pulse| pulse.agent_id.as_str()))
        .bind(column(&pulses, |pulse| pulse.last_seen.as_nanos()))
        .bind(column(&pulses, |pulse| {
            digest(pulse.answer_digest.as_ref())
        }))
        .execute(connection)
        .await?;
    Ok(())
}

fn column<'a, R, T>(rows: &[&'a R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

fn digest(digest: Option<&[u8; 16]>) -> Option<&[u8]> {
    digest.map(<[u8; 16]>::as_slice)
}
