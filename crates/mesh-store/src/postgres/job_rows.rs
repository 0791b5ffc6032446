//! Jobs as rows: the columns, reading them, and writing them back.

use std::time::Duration;

use mesh_core::Timestamp;
use serde_json::value::RawValue;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, query};

use super::rows::{text, texts};
use crate::decode::{self, BadRow, job_columns};
use crate::failure::Failure;
use crate::job::work::JobTable;
use crate::job::{Job, JobEventRow, JobQuery, JobRow, NewJobEvent, nanos};

const BY_ID: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = $1");
const LOCK: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE id = $1 FOR UPDATE"
);
const WHOLE_BY_ID: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number WHERE id = $1"
);
const WHOLE: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number WHERE true"
);
/// The oldest job that waits and that nobody else is about to take, unless the registry drains.
const HEAD: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number \
     WHERE md5(capability) = md5($1) AND capability = $1 AND status = 'working' AND owner IS NULL \
     AND NOT EXISTS (SELECT 1 FROM flags WHERE name = 'draining') \
     ORDER BY submitted_at, number LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED"
);
const OF_OWNERS: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE finished_at IS NULL AND owner = ANY($1) \
     AND md5(owner) IN (SELECT md5(name) FROM unnest($1::text[]) AS names (name)) \
     ORDER BY id LIMIT $2 FOR UPDATE"
);
/// What a submitter chose may, in nanoseconds, be beyond a bigint.
const DUE: &str = concat!(
    "SELECT ",
    job_columns!(),
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
    job_columns!(),
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
    Ok(found.as_ref().map(decode::job_row).transpose()?)
}

/// The whole job of this id.
pub(super) async fn find_whole(connection: &mut PgConnection, id: &str) -> Read<Option<Job>> {
    let found = query(WHOLE_BY_ID)
        .bind(text(id))
        .fetch_optional(connection)
        .await?;
    Ok(found.as_ref().map(decode::job).transpose()?)
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

impl JobTable for PgConnection {
    async fn lock(&mut self, id: &str) -> Read<Option<JobRow>> {
        let found = query(LOCK).bind(text(id)).fetch_optional(self).await?;
        Ok(found.as_ref().map(decode::job_row).transpose()?)
    }

    async fn lock_all(&mut self, ids: &[&str]) -> Read<()> {
        let ids: Vec<_> = ids.iter().map(|id| text(id)).collect();
        query("SELECT 1 FROM jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE")
            .bind(ids)
            .execute(self)
            .await?;
        Ok(())
    }

    async fn head(&mut self, capability: &str) -> Read<Option<Job>> {
        let found = query(HEAD)
            .bind(text(capability))
            .fetch_optional(self)
            .await?;
        Ok(found.as_ref().map(decode::job).transpose()?)
    }

    async fn of_owners(&mut self, owners: &[String], limit: u32) -> Read<Vec<JobRow>> {
        let found = query(OF_OWNERS)
            .bind(texts(owners))
            .bind(i64::from(limit))
            .fetch_all(self)
            .await?;
        Ok(found
            .iter()
            .map(decode::job_row)
            .collect::<Result<_, BadRow>>()?)
    }

    async fn due(
        &mut self,
        stale: Option<Duration>,
        now: Timestamp,
        limit: u32,
    ) -> Read<Vec<JobRow>> {
        let found = query(DUE)
            .bind(now.as_nanos())
            .bind(now.as_seconds())
            .bind(stale.map(nanos))
            .bind(i64::from(limit))
            .fetch_all(self)
            .await?;
        Ok(found
            .iter()
            .map(decode::job_row)
            .collect::<Result<_, BadRow>>()?)
    }

    async fn insert(&mut self, job: &JobRow, payload: &RawValue) -> Read<()> {
        query(INSERT)
            .bind(text(&job.id))
            .bind(text(&job.capability))
            .bind(job.owner.as_deref().map(text))
            .bind(job.claim_epoch)
            .bind(job.status.as_str())
            .bind(job.progress)
            .bind(job.progress_message.as_deref().map(text))
            .bind(job.error.as_deref().map(text))
            .bind(job.cursor_text())
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
            .execute(self)
            .await?;
        Ok(())
    }

    async fn save(&mut self, job: &JobRow) -> Read<()> {
        query(SAVE)
            .bind(job.owner.as_deref().map(text))
            .bind(job.claim_epoch)
            .bind(job.status.as_str())
            .bind(job.progress)
            .bind(job.progress_message.as_deref().map(text))
            .bind(job.error.as_deref().map(text))
            .bind(job.cursor_text())
            .bind(job.attempt_count)
            .bind(job.lease_expires_at.map(Timestamp::as_nanos))
            .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
            .bind(job.finished_at.map(Timestamp::as_nanos))
            .bind(text(&job.id))
            .execute(self)
            .await?;
        Ok(())
    }

    async fn save_progress(&mut self, job: &JobRow) -> Read<()> {
        query(SAVE_PROGRESS)
            .bind(job.progress)
            .bind(job.progress_message.as_deref().map(text))
            .bind(job.cursor_text())
            .bind(job.lease_expires_at.map(Timestamp::as_nanos))
            .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
            .bind(text(&job.id))
            .execute(self)
            .await?;
        Ok(())
    }

    async fn save_result(&mut self, id: &str, result: &RawValue) -> Read<()> {
        query("UPDATE jobs SET result = $1 WHERE id = $2")
            .bind(result.get())
            .bind(text(id))
            .execute(self)
            .await?;
        Ok(())
    }

    async fn append(
        &mut self,
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
            .fetch_one(self)
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

    async fn forget(&mut self, finished_before: Timestamp, limit: u32) -> Read<u64> {
        // Payloads and events go with their job.
        let done = query(
            "DELETE FROM jobs WHERE number IN (SELECT number FROM jobs WHERE finished_at < $1 \
             ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .bind(finished_before.as_nanos())
        .bind(i64::from(limit))
        .execute(self)
        .await?;
        Ok(done.rows_affected())
    }

    async fn set_draining(&mut self, draining: bool) -> Read<()> {
        let sql = if draining {
            "INSERT INTO flags (name) VALUES ('draining') ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM flags WHERE name = 'draining'"
        };
        query(sql).execute(self).await?;
        Ok(())
    }
}
