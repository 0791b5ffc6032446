//! Jobs, the store's functions: reads here, changes in `job/work.rs`.

use std::time::Duration;

use mesh_core::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{Row, query, query_scalar};

use super::rows::{text, texts};
use super::{PostgresStore, job_rows};
use crate::decode;
use crate::error::StoreError;
use crate::job::work::{
    Append, ApplyDeltas, Cancel, ClaimHead, Create, Expire, ExtendLease, Forget, Orphan, Reclaim,
    Release, SetDraining,
};
use crate::job::{
    Claim, DeltaRejection, EventRead, Expired, Job, JobDelta, JobEventRow, JobQuery, JobRefusal,
    JobRelease, JobRow, NewJob, NewJobEvent, Reclaimed, nanos,
};

impl PostgresStore {
    pub(crate) async fn create_job(
        &self,
        new: &NewJob,
        now: Timestamp,
    ) -> Result<JobRow, StoreError> {
        self.change("create a job", &Create { new, now }).await
    }

    pub(crate) async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let operation = "read a job";
        let mut reading = self.read(operation).await?;
        let found = job_rows::find_whole(&mut reading, id);
        let found = self.ask(operation, found).await?;
        reading.settled();
        Ok(found)
    }

    pub(crate) async fn jobs(&self, wanted: &JobQuery) -> Result<Vec<Job>, StoreError> {
        let operation = "list the jobs";
        let mut reading = self.read(operation).await?;
        let mut sql = job_rows::list(wanted);
        let rows = sql.build().fetch_all(&mut *reading);
        let rows = self.ask(operation, rows).await?;
        reading.settled();
        rows.iter()
            .map(|row| self.explain(operation, decode::job(row)))
            .collect()
    }

    pub(crate) async fn claim_job(
        &self,
        capability: &str,
        instance_id: &str,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        let work = ClaimHead {
            capability,
            instance_id,
            now,
        };
        self.change("claim a job", &work).await
    }

    pub(crate) async fn apply_deltas(
        &self,
        instance_id: &str,
        deltas: &[JobDelta],
        now: Timestamp,
    ) -> Result<Vec<Result<JobRow, DeltaRejection>>, StoreError> {
        let work = ApplyDeltas {
            instance_id,
            deltas,
            now,
        };
        self.change("write the progress of jobs", &work).await
    }

    pub(crate) async fn release_job(
        &self,
        id: &str,
        wish: &JobRelease,
        now: Timestamp,
    ) -> Result<Result<JobRow, JobRefusal>, StoreError> {
        self.change("release a job", &Release { id, wish, now })
            .await
    }

    pub(crate) async fn cancel_job(
        &self,
        id: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<(JobRow, JobEventRow), JobRefusal>, StoreError> {
        self.change("cancel a job", &Cancel { id, reason, now })
            .await
    }

    pub(crate) async fn reclaim_job(
        &self,
        id: &str,
    ) -> Result<Result<Reclaimed, JobRefusal>, StoreError> {
        self.change("reclaim a job", &Reclaim(id)).await
    }

    pub(crate) async fn append_job_event(
        &self,
        id: &str,
        event: &NewJobEvent,
        now: Timestamp,
    ) -> Result<Result<JobEventRow, JobRefusal>, StoreError> {
        self.change("append an event to a job", &Append { id, event, now })
            .await
    }

    pub(crate) async fn read_job_events(
        &self,
        id: &str,
        wanted: &EventRead,
        now: Timestamp,
    ) -> Result<Result<Vec<JobEventRow>, JobRefusal>, StoreError> {
        let operation = "read the events of a job";
        let mut reading = self.read(operation).await?;
        let found = self
            .ask(operation, job_rows::find(&mut reading, id))
            .await?;
        let Some(row) = found else {
            reading.settled();
            return Ok(Err(JobRefusal::NotFound));
        };
        if let Some(executor) = &wanted.executor {
            let work = ExtendLease {
                id,
                executor,
                stale: wanted.stale,
                now,
            };
            match work.is_worth_it(row) {
                Err(refusal) => {
                    reading.settled();
                    return Ok(Err(refusal));
                }
                Ok(false) => {}
                Ok(true) => {
                    reading.settled();
                    if let Err(refusal) = self.change("extend the lease of a job", &work).await? {
                        return Ok(Err(refusal));
                    }
                    reading = self.read(operation).await?;
                }
            }
        }
        let rows = query(
            "SELECT seq, kind, payload, trace_context, posted_by, created_at FROM job_events \
             WHERE job = (SELECT number FROM jobs WHERE id = $1) AND seq > $2 \
             AND (cardinality($3::text[]) = 0 OR kind = ANY($3)) ORDER BY seq LIMIT $4",
        )
        .bind(text(id))
        .bind(wanted.after)
        .bind(texts(&wanted.kinds))
        .bind(i64::from(wanted.limit))
        .fetch_all(&mut *reading);
        let rows = self.ask(operation, rows).await?;
        reading.settled();
        rows.iter()
            .map(|row| self.explain(operation, decode::job_event(id, row)))
            .collect::<Result<_, _>>()
            .map(Ok)
    }

    pub(crate) async fn live_job_owners(&self) -> Result<Vec<String>, StoreError> {
        let operation = "read the owners of jobs";
        let mut reading = self.read(operation).await?;
        let owners = query_scalar(
            "SELECT DISTINCT owner FROM jobs WHERE finished_at IS NULL AND owner IS NOT NULL",
        )
        .fetch_all(&mut *reading);
        let owners = self.ask(operation, owners).await?;
        reading.settled();
        Ok(owners)
    }

    pub(crate) async fn orphan_jobs(
        &self,
        owners: &[String],
        now: Timestamp,
    ) -> Result<Vec<Expired>, StoreError> {
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        self.change("take jobs from lost owners", &Orphan { owners, now })
            .await
    }

    pub(crate) async fn expire_jobs(
        &self,
        stale: Option<Duration>,
        now: Timestamp,
    ) -> Result<Vec<Expired>, StoreError> {
        self.change("expire jobs", &Expire { stale, now }).await
    }

    pub(crate) async fn next_job_expiry(
        &self,
        stale: Option<Duration>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let operation = "look for the next job to expire";
        let mut reading = self.read(operation).await?;
        // Sums of what submitters chose may be beyond a bigint.
        let row = query(
            "SELECT \
             (SELECT min(lease_expires_at) FROM jobs WHERE finished_at IS NULL \
              AND lease_expires_at IS NOT NULL AND owner IS NOT NULL), \
             (SELECT min(total_deadline) FROM jobs WHERE finished_at IS NULL \
              AND total_deadline IS NOT NULL), \
             (SELECT min(least(9223372036854775807, submitted_at + greatest($1::numeric, \
               coalesce(max_duration, 0) * 1000000000::numeric)))::bigint \
              FROM jobs WHERE finished_at IS NULL AND total_deadline IS NULL AND $1 IS NOT NULL)",
        )
        .bind(stale.map(nanos))
        .fetch_one(&mut *reading);
        let row = self.ask(operation, row).await?;
        reading.settled();
        let point = |column: usize| -> Result<Option<i64>, StoreError> {
            self.explain(operation, row.try_get(column))
        };
        let lease = point(0)?.map(Timestamp::from_nanos);
        let deadline = point(1)?.map(Timestamp::from_seconds);
        let stale = point(2)?.map(Timestamp::from_nanos);
        Ok([lease, deadline, stale].into_iter().flatten().min())
    }

    pub(crate) async fn claimable_jobs(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let operation = "count the waiting jobs";
        let mut reading = self.read(operation).await?;
        let counts = query(
            "SELECT capability, count(*) FROM jobs WHERE status = 'working' \
             AND owner IS NULL AND attempt_count <= max_retries GROUP BY capability \
             ORDER BY capability",
        )
        .try_map(|row| count_of(&row))
        .fetch_all(&mut *reading);
        let counts = self.ask(operation, counts).await?;
        reading.settled();
        Ok(counts)
    }

    pub(crate) async fn claimable_jobs_of(
        &self,
        capabilities: &[String],
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let operation = "count the waiting jobs";
        let mut reading = self.read(operation).await?;
        let counts = query(
            "SELECT capability, count(*) FROM jobs WHERE status = 'working' \
             AND owner IS NULL AND attempt_count <= max_retries AND capability = ANY($1) \
             AND md5(capability) IN (SELECT md5(name) FROM unnest($1::text[]) AS names (name)) \
             GROUP BY capability ORDER BY capability",
        )
        .bind(texts(capabilities))
        .try_map(|row| count_of(&row))
        .fetch_all(&mut *reading);
        let counts = self.ask(operation, counts).await?;
        reading.settled();
        Ok(counts)
    }

    pub(crate) async fn live_claims(&self) -> Result<u64, StoreError> {
        let operation = "count the claimed jobs";
        let mut reading = self.read(operation).await?;
        let count = query(
            "SELECT NULL, count(*) FROM jobs WHERE finished_at IS NULL AND owner IS NOT NULL",
        )
        .try_map(|row| count(&row))
        .fetch_one(&mut *reading);
        let count = self.ask(operation, count).await?;
        reading.settled();
        Ok(count)
    }

    pub(crate) async fn forget_jobs(
        &self,
        finished_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let work = Forget {
            finished_before,
            limit,
        };
        self.change("delete old jobs", &work).await
    }

    pub(crate) async fn draining(&self) -> Result<bool, StoreError> {
        let operation = "read whether claims are blocked";
        let mut reading = self.read(operation).await?;
        let draining = query_scalar("SELECT EXISTS (SELECT 1 FROM flags WHERE name = 'draining')")
            .fetch_one(&mut *reading);
        let draining = self.ask(operation, draining).await?;
        reading.settled();
        Ok(draining)
    }

    pub(crate) async fn set_draining(&self, draining: bool) -> Result<(), StoreError> {
        self.change("write whether claims are blocked", &SetDraining(draining))
            .await
    }
}

/// A row of a capability and a number.
fn count_of(row: &PgRow) -> sqlx::Result<(String, u64)> {
    Ok((row.try_get(0)?, count(row)?))
}

fn count(row: &PgRow) -> sqlx::Result<u64> {
    let count: i64 = row.try_get(1)?;
    Ok(count.unsigned_abs())
}
