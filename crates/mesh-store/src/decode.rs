//! Rows of either database, turned into what they stand for.
//!
//! The drivers have a type of row each; [`Cells`] is what both can do. Columns go by their position in the
//! lists of columns below, which the queries of both databases begin with.

use std::error::Error;

use mesh_core::wire::{AgentStatus, EventKind, JobStatus};
use mesh_core::{AgentId, Timestamp};
use serde_json::value::RawValue;
use sqlx::Row;

use crate::job::{Job, JobEventRow, JobRow};
use crate::row::{AgentRow, EventRow, SchemaRow};

/// Every agent, by id.
pub(crate) const AGENTS: &str = "SELECT agent_id, name, status, registration, created_at, last_seen, \
     entity_id, answer_digest FROM agents JOIN registrations USING (agent_id) ORDER BY agent_id";

/// The beginning of a query for events.
pub(crate) const EVENTS: &str = "SELECT events.id, kind, events.agent_id, agents.name, function_name, \
     timestamp, data FROM events LEFT JOIN agents ON agents.agent_id = events.agent_id WHERE true";

/// What rules look at of a job.
macro_rules! job_columns {
    () => {
        "id, capability, owner, claim_epoch, status, progress, progress_message, error, recv_cursor, \
         attempt_count, max_retries, max_duration, total_deadline, lease_expires_at, last_heartbeat_at, \
         submitted_at, submitted_by, finished_at"
    };
}
pub(crate) use job_columns;

/// Where [`job`] finds what follows those columns.
const PAYLOAD: usize = 18;
const RESULT: usize = 19;

/// A row of either database; a column that holds something else is an error.
pub(crate) trait Cells {
    fn text(&self, column: usize) -> sqlx::Result<Option<&str>>;
    fn number(&self, column: usize) -> sqlx::Result<Option<i64>>;
    fn real(&self, column: usize) -> sqlx::Result<Option<f64>>;
    fn bytes(&self, column: usize) -> sqlx::Result<Option<&[u8]>>;
}

macro_rules! cells {
    ($row:ty) => {
        impl Cells for $row {
            fn text(&self, column: usize) -> sqlx::Result<Option<&str>> {
                self.try_get(column)
            }

            fn number(&self, column: usize) -> sqlx::Result<Option<i64>> {
                self.try_get(column)
            }

            fn real(&self, column: usize) -> sqlx::Result<Option<f64>> {
                self.try_get(column)
            }

            fn bytes(&self, column: usize) -> sqlx::Result<Option<&[u8]>> {
                self.try_get(column)
            }
        }
    };
}

cells!(sqlx::sqlite::SqliteRow);
cells!(sqlx::postgres::PgRow);

/// A row that breaks the rules of its table.
#[derive(Debug)]
pub(crate) struct BadRow {
    pub(crate) table: &'static str,
    pub(crate) key: String,
    pub(crate) reason: String,
}

impl BadRow {
    /// Names what was wrong with the row of `table` that the cell `key` tells from others.
    fn of<T>(
        table: &'static str,
        key: impl FnOnce() -> String,
        outcome: Result<T, Box<dyn Error>>,
    ) -> Result<T, Self> {
        outcome.map_err(|error| Self {
            table,
            key: key(),
            reason: error.to_string(),
        })
    }
}

/// Reads the cells of one row.
struct Reader<'a, R>(&'a R);

impl<'a, R: Cells> Reader<'a, R> {
    fn text(&self, column: usize) -> Result<&'a str, Box<dyn Error>> {
        must(column, self.0.text(column)?)
    }

    fn maybe_text(&self, column: usize) -> sqlx::Result<Option<String>> {
        Ok(self.0.text(column)?.map(str::to_owned))
    }

    fn number(&self, column: usize) -> Result<i64, Box<dyn Error>> {
        must(column, self.0.number(column)?)
    }

    fn time(&self, column: usize) -> Result<Timestamp, Box<dyn Error>> {
        Ok(Timestamp::from_nanos(self.number(column)?))
    }

    fn maybe_time(&self, column: usize) -> sqlx::Result<Option<Timestamp>> {
        Ok(self.0.number(column)?.map(Timestamp::from_nanos))
    }

    fn maybe_json(&self, column: usize) -> Result<Option<Box<RawValue>>, Box<dyn Error>> {
        let text = self.maybe_text(column)?;
        Ok(text.map(RawValue::from_string).transpose()?)
    }

    fn key(&self) -> String {
        self.0.text(0).ok().flatten().unwrap_or_default().to_owned()
    }
}

fn must<T>(column: usize, cell: Option<T>) -> Result<T, Box<dyn Error>> {
    cell.ok_or_else(|| format!("column {column} is null").into())
}

/// A row of [`AGENTS`].
pub(crate) fn agent(row: &impl Cells) -> Result<AgentRow, BadRow> {
    let cells = Reader(row);
    let read = || -> Result<AgentRow, Box<dyn Error>> {
        let status = cells.text(2)?;
        Ok(AgentRow {
            agent_id: AgentId::parse(cells.text(0)?)?,
            name: cells.text(1)?.to_owned(),
            status: AgentStatus::parse(status)
                .ok_or_else(|| format!("unknown status `{status}`"))?,
            registration: cells.text(3)?.to_owned(),
            created_at: cells.time(4)?,
            last_seen: cells.time(5)?,
            entity_id: cells.maybe_text(6)?,
            answer_digest: row.bytes(7)?.map(TryInto::try_into).transpose()?,
        })
    };
    BadRow::of("agents", || cells.key(), read())
}

/// A row of [`EVENTS`].
pub(crate) fn event(row: &impl Cells) -> Result<EventRow, BadRow> {
    let cells = Reader(row);
    let read = || -> Result<EventRow, Box<dyn Error>> {
        let kind = cells.text(1)?;
        Ok(EventRow {
            kind: EventKind::parse(kind).ok_or_else(|| format!("unknown kind `{kind}`"))?,
            agent_id: cells.text(2)?.to_owned(),
            agent_name: cells.maybe_text(3)?,
            function_name: cells.maybe_text(4)?,
            timestamp: cells.time(5)?,
            data: cells.maybe_json(6)?,
        })
    };
    let key = || {
        cells
            .number(0)
            .map_or_else(|_| String::new(), |id| id.to_string())
    };
    BadRow::of("events", key, read())
}

/// A row of `hash, canonical, runtime_origin, created_at`.
pub(crate) fn schema(row: &impl Cells) -> Result<SchemaRow, BadRow> {
    let cells = Reader(row);
    let read = || -> Result<SchemaRow, Box<dyn Error>> {
        Ok(SchemaRow {
            hash: cells.text(0)?.to_owned(),
            canonical: RawValue::from_string(cells.text(1)?.to_owned())?,
            runtime_origin: cells.text(2)?.to_owned(),
            created_at: cells.time(3)?,
        })
    };
    BadRow::of("schemas", || cells.key(), read())
}

/// A row that begins with [`job_columns!`].
pub(crate) fn job_row(row: &impl Cells) -> Result<JobRow, BadRow> {
    let cells = Reader(row);
    let read = || -> Result<JobRow, Box<dyn Error>> {
        let status = cells.text(4)?;
        Ok(JobRow {
            id: cells.text(0)?.to_owned(),
            capability: cells.text(1)?.to_owned(),
            owner: cells.maybe_text(2)?,
            claim_epoch: cells.number(3)?,
            status: JobStatus::parse(status).ok_or_else(|| format!("unknown status `{status}`"))?,
            progress: row.real(5)?,
            progress_message: cells.maybe_text(6)?,
            error: cells.maybe_text(7)?,
            recv_cursor: row.text(8)?.map(serde_json::from_str).transpose()?,
            attempt_count: cells.number(9)?,
            max_retries: cells.number(10)?,
            max_duration: row.number(11)?,
            total_deadline: row.number(12)?,
            lease_expires_at: cells.maybe_time(13)?,
            last_heartbeat_at: cells.maybe_time(14)?,
            submitted_at: cells.time(15)?,
            submitted_by: cells.text(16)?.to_owned(),
            finished_at: cells.maybe_time(17)?,
        })
    };
    BadRow::of("jobs", || cells.key(), read())
}

/// The same with `payload, result` behind it.
pub(crate) fn job(whole: &impl Cells) -> Result<Job, BadRow> {
    let cells = Reader(whole);
    let row = job_row(whole)?;
    let read = || -> Result<_, Box<dyn Error>> {
        let payload = RawValue::from_string(cells.text(PAYLOAD)?.to_owned())?;
        Ok((payload, cells.maybe_json(RESULT)?))
    };
    let (submitted_payload, result) = BadRow::of("jobs", || row.id.clone(), read())?;
    Ok(Job {
        row,
        submitted_payload,
        result,
    })
}

/// A row of `seq, kind, payload, trace_context, posted_by, created_at`.
pub(crate) fn job_event(job_id: &str, row: &impl Cells) -> Result<JobEventRow, BadRow> {
    let cells = Reader(row);
    let read = || -> Result<JobEventRow, Box<dyn Error>> {
        Ok(JobEventRow {
            job_id: job_id.to_owned(),
            seq: cells.number(0)?,
            kind: cells.text(1)?.to_owned(),
            payload: cells.maybe_json(2)?,
            trace_context: cells.maybe_json(3)?,
            posted_by: cells.maybe_text(4)?,
            created_at: cells.time(5)?,
        })
    };
    let key = || format!("{job_id}/{}", cells.number(0).unwrap_or_default());
    BadRow::of("job_events", key, read())
}
