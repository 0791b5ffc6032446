//! Jobs as rows: the columns, reading them, and writing them back.

use std::error::Error;
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::JobStatus;
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, query};

use super::failure::Failure;
use super::rows::{BadRow, text, texts};
use crate::job::{Job, JobEventRow, JobQuery, JobRow, NewJobEvent};

/// What rules look at, in the order that [`row`] reads them in.
macro_rules! columns {
    () => {
        "id, capability, owner, claim_epoch, status, progress, progress_message, error, recv_cursor, \
         attempt_count, max_retries, max_duration, total_deadline, lease_expires_at, last_heartbeat_at, \
         submitted_at, submitted_by, finished_at"
    };
}

/// Where [`job`] finds what follows those columns.
const PAYLOAD: usize = 18;
const RESULT: usize = 19;

const BY_ID: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1");
const LOCK: &str = concat!("SELECT ", columns!(), " FROM jobs WHERE id = $1 FOR UPDATE");
const WHOLE_BY_ID: &str = concat!(
    "SELECT ",
    columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number WHERE id = $1"
);
const WHOLE: &str = concat!(
    "SELECT ",
    columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number WHERE true"
);
/// The oldest job that waits and that nobody else is about to take, unless the registry drains.
const HEAD: &str = concat!(
    "SELECT ",
    columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number \
     WHERE md5(capability) = md5($1) AND capability = $1 AND status = 'working' AND owner IS NULL \
     AND NOT EXISTS (SELECT 1 FROM flags WHERE name = 'draining') \
     ORDER BY submitted_at, number LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED"
);
const OF_OWNERS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs WHERE finished_at IS NULL AND owner = ANY($1) \
     AND md5(owner) IN (SELECT md5(name) FROM unnest($1::text[]) AS names (name)) \
     ORDER BY id LIMIT $2 FOR UPDATE"
);
/// What a submitter chose may, in nanoseconds, be beyond a bigint.
const DUE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM jobs WHERE number IN (\
     SELECT number FROM jobs \
     WHERE finished_at IS NULL AND lease_expires_at <= $1 AND owner IS NOT NULL \
     UNION SELECT number FROM jobs \
     WHERE finished_at IS NULL AND total_deadline <= $2 \
     UNION SELECT number FROM jobs \
     WHERE finished_at IS NULL AND total_deadline IS NULL AND submitted_at <= $1 - $3 \
     AND submitted_at + greatest($3::numeric, coalesce(max_duration, 0) * 1000000000::numeric) <= $1) \
     ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED"
);
const INSERT: &str = concat!(
    "WITH job AS (INSERT INTO jobs (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
     RETURNING number) INSERT INTO job_payloads (job, payload) SELECT number, $19 FROM job"
);
const SAVE: &str = "UPDATE jobs SET owner = $1, claim_epoch = $2, status = $3, progress = $4, \
     progress_message = $5, error = $6, recv_cursor = $7, attempt_count = $8, lease_expires_at = $9, \
     last_heartbeat_at = $10, finished_at = $11 WHERE id = $12";
/// The same for a job that keeps owner and state.
const SAVE_PROGRESS: &str = "UPDATE jobs SET progress = $1, progress_message = $2, recv_cursor = $3, \
     lease_expires_at = $4, last_heartbeat_at = $5 WHERE id = $6";
/// Without a gap, since the job is locked.
const APPEND: &str = "INSERT INTO job_events \
     (job, seq, kind, payload, trace_context, posted_by, created_at) \
     SELECT number, coalesce((SELECT max(seq) FROM job_events WHERE job = number), 0) + 1, \
     $1, $2, $3, $4, $5 FROM jobs WHERE id = $6 RETURNING seq";

type Read<T> = Result<T, Failure>;

/// The job of this id, but for what may be big.
pub(super) async fn find(connection: &mut PgConnection, id: &str) -> Read<Option<JobRow>> {
    let found = query(BY_ID)
        .bind(text(id))
        .fetch_optional(connection)
        .await?;
    Ok(found.as_ref().map(row).transpose()?)
}

/// The same, and nobody else changes it until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, id: &str) -> Read<Option<JobRow>> {
    let found = query(LOCK)
        .bind(text(id))
        .fetch_optional(connection)
        .await?;
    Ok(found.as_ref().map(row).transpose()?)
}

/// Locks all jobs of these ids, in the order in which everybody locks several.
pub(super) async fn lock_all(connection: &mut PgConnection, ids: &[&str]) -> Read<()> {
    let ids: Vec<_> = ids.iter().map(|id| text(id)).collect();
    query("SELECT 1 FROM jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE")
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// The whole job of this id.
pub(super) async fn find_whole(connection: &mut PgConnection, id: &str) -> Read<Option<Job>> {
    let found = query(WHOLE_BY_ID)
        .bind(text(id))
        .fetch_optional(connection)
        .await?;
    Ok(found.as_ref().map(job).transpose()?)
}

/// The job that a claim of `capability` meets first.
pub(super) async fn head(connection: &mut PgConnection, capability: &str) -> Read<Option<Job>> {
    let found = query(HEAD)
        .bind(text(capability))
        .fetch_optional(connection)
        .await?;
    Ok(found.as_ref().map(job).transpose()?)
}

/// `limit` unfinished jobs of these owners.
pub(super) async fn of_owners(
    connection: &mut PgConnection,
    owners: &[String],
    limit: u32,
) -> Read<Vec<JobRow>> {
    let found = query(OF_OWNERS)
        .bind(texts(owners))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    Ok(found.iter().map(row).collect::<Result<_, BadRow>>()?)
}

/// `limit` jobs that something is due for at `now`; without `stale`, no job is too old.
pub(super) async fn due(
    connection: &mut PgConnection,
    stale: Option<Duration>,
    now: Timestamp,
    limit: u32,
) -> Read<Vec<JobRow>> {
    let found = query(DUE)
        .bind(now.as_nanos())
        .bind(now.as_seconds())
        .bind(stale.map(nanos))
        .bind(i64::from(limit))
        .fetch_all(connection)
        .await?;
    Ok(found.iter().map(row).collect::<Result<_, BadRow>>()?)
}

/// `/jobs` as SQL; the server knows which filter is the most selective.
pub(super) fn list(wanted: &JobQuery) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(WHOLE);
    for (column, value) in [("owner", &wanted.owner), ("capability", &wanted.capability)] {
        if let Some(value) = value {
            let value = text(value).into_owned();
            sql.push(format_args!(" AND md5({column}) = md5("));
            sql.push_bind(value.clone());
            sql.push(format_args!(") AND {column} = "));
            sql.push_bind(value);
        }
    }
    match wanted.statuses.as_slice() {
        [] => {}
        [status] => {
            sql.push(" AND status = ");
            sql.push_bind(status.as_str());
        }
        several => {
            let several: Vec<&str> = several.iter().map(|status| status.as_str()).collect();
            sql.push(" AND status = ANY(");
            sql.push_bind(several);
            sql.push(")");
        }
    }
    if let Some(since) = wanted.submitted_since {
        sql.push(" AND submitted_at >= ");
        sql.push_bind(Timestamp::from_seconds(since).as_nanos());
    }
    if let Some(after) = &wanted.after {
        sql.push(" AND (submitted_at, id) < (");
        sql.push_bind(after.submitted_at.as_nanos());
        sql.push(", ");
        sql.push_bind(text(&after.id).into_owned());
        sql.push(")");
    }
    sql.push(" ORDER BY submitted_at DESC, id DESC LIMIT ");
    sql.push_bind(i64::from(wanted.limit));
    sql
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    job: &JobRow,
    payload: &RawValue,
) -> Read<()> {
    query(INSERT)
        .bind(text(&job.id))
        .bind(text(&job.capability))
        .bind(job.owner.as_deref().map(text))
        .bind(job.claim_epoch)
        .bind(job.status.as_str())
        .bind(job.progress)
        .bind(job.progress_message.as_deref().map(text))
        .bind(job.error.as_deref().map(text))
        .bind(cursor_text(job))
        .bind(job.attempt_count)
        .bind(job.max_retries)
        .bind(job.max_duration)
        .bind(job.total_deadline)
        .bind(job.lease_expires_at.map(Timestamp::as_nanos))
        .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
        .bind(job.submitted_at.as_nanos())
        .bind(text(&job.submitted_by))
        .bind(job.finished_at.map(Timestamp::as_nanos))
        .bind(payload.get())
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes back what a rule changed.
pub(super) async fn save(connection: &mut PgConnection, job: &JobRow) -> Read<()> {
    query(SAVE)
        .bind(job.owner.as_deref().map(text))
        .bind(job.claim_epoch)
        .bind(job.status.as_str())
        .bind(job.progress)
        .bind(job.progress_message.as_deref().map(text))
        .bind(job.error.as_deref().map(text))
        .bind(cursor_text(job))
        .bind(job.attempt_count)
        .bind(job.lease_expires_at.map(Timestamp::as_nanos))
        .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
        .bind(job.finished_at.map(Timestamp::as_nanos))
        .bind(text(&job.id))
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes back a job whose owner and state are what they were.
pub(super) async fn save_progress(connection: &mut PgConnection, job: &JobRow) -> Read<()> {
    query(SAVE_PROGRESS)
        .bind(job.progress)
        .bind(job.progress_message.as_deref().map(text))
        .bind(cursor_text(job))
        .bind(job.lease_expires_at.map(Timestamp::as_nanos))
        .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
        .bind(text(&job.id))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn save_result(
    connection: &mut PgConnection,
    id: &str,
    result: &RawValue,
) -> Read<()> {
    query("UPDATE jobs SET result = $1 WHERE id = $2")
        .bind(result.get())
        .bind(text(id))
        .execute(connection)
        .await?;
    Ok(())
}

/// Appends an event to the log of a job that exists.
pub(super) async fn append(
    connection: &mut PgConnection,
    job_id: &str,
    event: &NewJobEvent,
    now: Timestamp,
) -> Read<JobEventRow> {
    let row = query(APPEND)
        .bind(text(&event.kind))
        .bind(event.payload.as_deref().map(RawValue::get))
        .bind(event.trace_context.as_deref().map(RawValue::get))
        .bind(event.posted_by.as_deref().map(text))
        .bind(now.as_nanos())
        .bind(text(job_id))
        .fetch_one(connection)
        .await?;
    Ok(JobEventRow {
        job_id: job_id.to_owned(),
        seq: row.try_get(0)?,
        kind: event.kind.clone(),
        payload: event.payload.clone(),
        trace_context: event.trace_context.clone(),
        posted_by: event.posted_by.clone(),
        created_at: now,
    })
}

/// A row that begins with the columns of a job.
pub(super) fn row(row: &PgRow) -> Result<JobRow, BadRow> {
    let read = || -> Result<JobRow, Box<dyn Error>> {
        let time = |column: usize| -> sqlx::Result<Option<Timestamp>> {
            let nanos: Option<i64> = row.try_get(column)?;
            Ok(nanos.map(Timestamp::from_nanos))
        };
        let status: &str = row.try_get(4)?;
        let cursor: Option<&str> = row.try_get(8)?;
        Ok(JobRow {
            id: row.try_get(0)?,
            capability: row.try_get(1)?,
            owner: row.try_get(2)?,
            claim_epoch: row.try_get(3)?,
            status: JobStatus::parse(status).ok_or_else(|| format!("unknown status `{status}`"))?,
            progress: row.try_get(5)?,
            progress_message: row.try_get(6)?,
            error: row.try_get(7)?,
            recv_cursor: cursor.map(serde_json::from_str).transpose()?,
            attempt_count: row.try_get(9)?,
            max_retries: row.try_get(10)?,
            max_duration: row.try_get(11)?,
            total_deadline: row.try_get(12)?,
            lease_expires_at: time(13)?,
            last_heartbeat_at: time(14)?,
            submitted_at: Timestamp::from_nanos(row.try_get(15)?),
            submitted_by: row.try_get(16)?,
            finished_at: time(17)?,
        })
    };
    BadRow::of("jobs", || row.try_get(0).unwrap_or_default(), read())
}

/// A row of a whole job.
pub(super) fn job(whole: &PgRow) -> Result<Job, BadRow> {
    let row = row(whole)?;
    let read = || -> Result<_, Box<dyn Error>> {
        let result: Option<String> = whole.try_get(RESULT)?;
        let payload = RawValue::from_string(whole.try_get(PAYLOAD)?)?;
        Ok((payload, result.map(RawValue::from_string).transpose()?))
    };
    let (submitted_payload, result) = BadRow::of("jobs", || row.id.clone(), read())?;
    Ok(Job {
        row,
        submitted_payload,
        result,
    })
}

/// A row of `seq, kind, payload, trace_context, posted_by, created_at`.
pub(super) fn event(job_id: &str, row: &PgRow) -> Result<JobEventRow, BadRow> {
    let read = || -> Result<JobEventRow, Box<dyn Error>> {
        let json = |column: usize| -> Result<Option<Box<RawValue>>, Box<dyn Error>> {
            let text: Option<String> = row.try_get(column)?;
            Ok(text.map(RawValue::from_string).transpose()?)
        };
        Ok(JobEventRow {
            job_id: job_id.to_owned(),
            seq: row.try_get(0)?,
            kind: row.try_get(1)?,
            payload: json(2)?,
            trace_context: json(3)?,
            posted_by: row.try_get(4)?,
            created_at: Timestamp::from_nanos(row.try_get(5)?),
        })
    };
    let key = || {
        let seq: i64 = row.try_get(0).unwrap_or_default();
        format!("{job_id}/{seq}")
    };
    BadRow::of("job_events", key, read())
}

fn cursor_text(job: &JobRow) -> Option<String> {
    let cursor = job.recv_cursor.as_ref()?;
    Some(serde_json::to_string(cursor).expect("texts and numbers are JSON"))
}

/// For SQL; `i64::MAX` nanoseconds are 292 years.
pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
