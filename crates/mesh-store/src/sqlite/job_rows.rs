//! Jobs as rows: the columns, reading them, and writing them back.

use std::time::Duration;

use mesh_core::Timestamp;
use serde_json::value::RawValue;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection, query};

use super::rows::json_list;
use crate::decode::{self, BadRow, job_columns};
use crate::failure::Failure;
use crate::job::work::JobTable;
use crate::job::{Job, JobEventRow, JobQuery, JobRow, NewJobEvent, nanos};

const BY_ID: &str = concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ?");
const WHOLE_BY_ID: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", payload, result FROM jobs JOIN job_payloads ON job = number WHERE id = ?"
);
const WHOLE: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", payload, result FROM jobs INDEXED BY "
);
/// The oldest job that waits, unless the registry drains.
const HEAD: &str = concat!(
    "SELECT ",
    job_columns!(),
    ", payload, result FROM jobs INDEXED BY jobs_claimable CROSS JOIN job_payloads ON job = number \
     WHERE capability = ? AND status = 'working' AND owner IS NULL \
     AND NOT EXISTS (SELECT 1 FROM flags WHERE name = 'draining') \
     ORDER BY submitted_at, number LIMIT 1"
);
const OF_OWNERS: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs INDEXED BY jobs_live_by_owner WHERE finished_at IS NULL \
     AND owner IN (SELECT value FROM json_each(?)) LIMIT ?"
);
const DUE: &str = concat!(
    "SELECT ",
    job_columns!(),
    " FROM jobs WHERE number IN (\
     SELECT number FROM jobs INDEXED BY jobs_by_lease \
     WHERE finished_at IS NULL AND lease_expires_at <= ?1 AND owner IS NOT NULL \
     UNION SELECT number FROM jobs INDEXED BY jobs_by_deadline \
     WHERE finished_at IS NULL AND total_deadline <= ?2 \
     UNION SELECT number FROM jobs INDEXED BY jobs_without_deadline \
     WHERE finished_at IS NULL AND total_deadline IS NULL AND submitted_at <= ?1 - ?3 \
     AND submitted_at + max(?3, coalesce(max_duration, 0) * 1000000000) <= ?1) LIMIT ?4"
);
const INSERT: &str = concat!(
    "INSERT INTO jobs (",
    job_columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?); \
     INSERT INTO job_payloads (job, payload) VALUES (last_insert_rowid(), ?)"
);
const SAVE: &str = "UPDATE jobs SET owner = ?, claim_epoch = ?, status = ?, progress = ?, \
     progress_message = ?, error = ?, recv_cursor = ?, attempt_count = ?, lease_expires_at = ?, \
     last_heartbeat_at = ?, finished_at = ? WHERE id = ?";
/// The same for a job that keeps owner and state, which spares most indexes.
const SAVE_PROGRESS: &str = "UPDATE jobs SET progress = ?, progress_message = ?, recv_cursor = ?, \
     lease_expires_at = ?, last_heartbeat_at = ? WHERE id = ?";
const APPEND: &str = "INSERT INTO job_events \
     (job, seq, kind, payload, trace_context, posted_by, created_at) \
     SELECT number, coalesce((SELECT max(seq) FROM job_events WHERE job = number), 0) + 1, ?, ?, ?, ?, ? \
     FROM jobs WHERE id = ? RETURNING seq";

type Read<T> = Result<T, Failure>;

/// The job of this id, but for what may be big.
pub(super) async fn find(connection: &mut SqliteConnection, id: &str) -> Read<Option<JobRow>> {
    let found = query(BY_ID).bind(id).fetch_optional(connection).await?;
    Ok(found.as_ref().map(decode::job_row).transpose()?)
}

/// The whole job of this id.
pub(super) async fn find_whole(connection: &mut SqliteConnection, id: &str) -> Read<Option<Job>> {
    let found = query(WHOLE_BY_ID)
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(found.as_ref().map(decode::job).transpose()?)
}

/// `/jobs` as SQL, along the index of the most selective filter.
pub(super) fn list(wanted: &JobQuery) -> QueryBuilder<Sqlite> {
    let index = if wanted.owner.is_some() {
        "jobs_by_owner"
    } else if wanted.statuses.len() == 1 {
        "jobs_by_status"
    } else if wanted.capability.is_some() {
        "jobs_by_capability"
    } else {
        "jobs_by_time"
    };
    let mut sql = QueryBuilder::new(WHOLE);
    sql.push(index);
    sql.push(" CROSS JOIN job_payloads ON job = number WHERE true");
    for (column, value) in [("owner", &wanted.owner), ("capability", &wanted.capability)] {
        if let Some(value) = value {
            sql.push(format_args!(" AND {column} = "));
            sql.push_bind(value.clone());
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
            sql.push(" AND status IN (SELECT value FROM json_each(");
            sql.push_bind(json_list(&several));
            sql.push("))");
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
        sql.push_bind(after.id.clone());
        sql.push(")");
    }
    sql.push(" ORDER BY submitted_at DESC, id DESC LIMIT ");
    sql.push_bind(i64::from(wanted.limit));
    sql
}

impl JobTable for SqliteConnection {
    async fn lock(&mut self, id: &str) -> Read<Option<JobRow>> {
        find(self, id).await // Nobody else writes while this transaction stands.
    }

    async fn lock_all(&mut self, _: &[&str]) -> Read<()> {
        Ok(()) // Likewise.
    }

    async fn head(&mut self, capability: &str) -> Read<Option<Job>> {
        let found = query(HEAD).bind(capability).fetch_optional(self).await?;
        Ok(found.as_ref().map(decode::job).transpose()?)
    }

    async fn of_owners(&mut self, owners: &[String], limit: u32) -> Read<Vec<JobRow>> {
        let found = query(OF_OWNERS)
            .bind(json_list(owners))
            .bind(limit)
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
            .bind(limit)
            .fetch_all(self)
            .await?;
        Ok(found
            .iter()
            .map(decode::job_row)
            .collect::<Result<_, BadRow>>()?)
    }

    async fn insert(&mut self, job: &JobRow, payload: &RawValue) -> Read<()> {
        query(INSERT)
            .bind(job.id.as_str())
            .bind(job.capability.as_str())
            .bind(job.owner.as_deref())
            .bind(job.claim_epoch)
            .bind(job.status.as_str())
            .bind(job.progress)
            .bind(job.progress_message.as_deref())
            .bind(job.error.as_deref())
            .bind(job.cursor_text())
            .bind(job.attempt_count)
            .bind(job.max_retries)
            .bind(job.max_duration)
            .bind(job.total_deadline)
            .bind(job.lease_expires_at.map(Timestamp::as_nanos))
            .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
            .bind(job.submitted_at.as_nanos())
            .bind(job.submitted_by.as_str())
            .bind(job.finished_at.map(Timestamp::as_nanos))
            .bind(payload.get())
            .execute(self)
            .await?;
        Ok(())
    }

    async fn save(&mut self, job: &JobRow) -> Read<()> {
        query(SAVE)
            .bind(job.owner.as_deref())
            .bind(job.claim_epoch)
            .bind(job.status.as_str())
            .bind(job.progress)
            .bind(job.progress_message.as_deref())
            .bind(job.error.as_deref())
            .bind(job.cursor_text())
            .bind(job.attempt_count)
            .bind(job.lease_expires_at.map(Timestamp::as_nanos))
            .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
            .bind(job.finished_at.map(Timestamp::as_nanos))
            .bind(job.id.as_str())
            .execute(self)
            .await?;
        Ok(())
    }

    async fn save_progress(&mut self, job: &JobRow) -> Read<()> {
        query(SAVE_PROGRESS)
            .bind(job.progress)
            .bind(job.progress_message.as_deref())
            .bind(job.cursor_text())
            .bind(job.lease_expires_at.map(Timestamp::as_nanos))
            .bind(job.last_heartbeat_at.map(Timestamp::as_nanos))
            .bind(job.id.as_str())
            .execute(self)
            .await?;
        Ok(())
    }

    async fn save_result(&mut self, id: &str, result: &RawValue) -> Read<()> {
        query("UPDATE jobs SET result = ? WHERE id = ?")
            .bind(result.get())
            .bind(id)
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
            .bind(event.kind.as_str())
            .bind(event.payload.as_deref().map(RawValue::get))
            .bind(event.trace_context.as_deref().map(RawValue::get))
            .bind(event.posted_by.as_deref())
            .bind(now.as_nanos())
            .bind(job_id)
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
            "DELETE FROM jobs WHERE number IN (SELECT number FROM jobs INDEXED BY jobs_finished \
             WHERE finished_at < ? ORDER BY finished_at LIMIT ?)",
        )
        .bind(finished_before.as_nanos())
        .bind(limit)
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
