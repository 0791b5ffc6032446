//! Jobs, the store's functions: reads here, changes in `job/work.rs`.

use std::time::Duration;

use mesh_core::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, query, query_scalar};

use super::rows::json_list;
use super::{SqliteStore, job_rows};
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

impl SqliteStore {
    pub(crate) async fn create_job(
        &self,
        new: &NewJob,
        now: Timestamp,
    ) -> Result<JobRow, StoreError> {
        self.write("create a job", &Create { new, now }).await
    }

    pub(crate) async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let mut reading = self.read().await?;
        let found = job_rows::find_whole(reading.connection()?, id).await;
        self.explain("read a job", found)
    }

    pub(crate) async fn jobs(&self, wanted: &JobQuery) -> Result<Vec<Job>, StoreError> {
        let operation = "list the jobs";
        let mut reading = self.read().await?;
        let rows = job_rows::list(wanted)
            .build()
            .fetch_all(reading.connection()?)
            .await;
        self.explain(operation, rows)?
            .iter()
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
        self.write("claim a job", &work).await
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
        self.write("write the progress of jobs", &work).await
    }

    pub(crate) async fn release_job(
        &self,
        id: &str,
        wish: &JobRelease,
        now: Timestamp,
    ) -> Result<Result<JobRow, JobRefusal>, StoreError> {
        self.write("release a job", &Release { id, wish, now })
            .await
    }

    pub(crate) async fn cancel_job(
        &self,
        id: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<(JobRow, JobEventRow), JobRefusal>, StoreError> {
        self.write("cancel a job", &Cancel { id, reason, now })
            .await
    }

    pub(crate) async fn reclaim_job(
        &self,
        id: &str,
    ) -> Result<Result<Reclaimed, JobRefusal>, StoreError> {
        self.write("reclaim a job", &Reclaim(id)).await
    }

    pub(crate) async fn append_job_event(
        &self,
        id: &str,
        event: &NewJobEvent,
        now: Timestamp,
    ) -> Result<Result<JobEventRow, JobRefusal>, StoreError> {
        self.write("append an event to a job", &Append { id, event, now })
            .await
    }

    pub(crate) async fn read_job_events(
        &self,
        id: &str,
        wanted: &EventRead,
        now: Timestamp,
    ) -> Result<Result<Vec<JobEventRow>, JobRefusal>, StoreError> {
        let operation = "read the events of a job";
        let mut reading = self.read().await?;
        let found = job_rows::find(reading.connection()?, id).await;
        let Some(row) = self.explain(operation, found)? else {
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
                Err(refusal) => return Ok(Err(refusal)),
                Ok(false) => {}
                Ok(true) => {
                    drop(reading);
                    if let Err(refusal) = self.write("extend the lease of a job", &work).await? {
                        return Ok(Err(refusal));
                    }
                    reading = self.read().await?;
                }
            }
        }
        let rows = query(
            "SELECT seq, kind, payload, trace_context, posted_by, created_at FROM job_events \
             WHERE job = (SELECT number FROM jobs WHERE id = ?1) AND seq > ?2 \
             AND (?3 = '[]' OR kind IN (SELECT value FROM json_each(?3))) ORDER BY seq LIMIT ?4",
        )
        .bind(id)
        .bind(wanted.after)
        .bind(json_list(&wanted.kinds))
        .bind(wanted.limit)
        .fetch_all(reading.connection()?)
        .await;
        self.explain(operation, rows)?
            .iter()
            .map(|row| self.explain(operation, decode::job_event(id, row)))
            .collect::<Result<_, _>>()
            .map(Ok)
    }

    pub(crate) async fn live_job_owners(&self) -> Result<Vec<String>, StoreError> {
        let mut reading = self.read().await?;
        let owners = query_scalar(
            "SELECT DISTINCT owner FROM jobs INDEXED BY jobs_live_by_owner \
             WHERE finished_at IS NULL AND owner IS NOT NULL",
        )
        .fetch_all(reading.connection()?)
        .await;
        self.explain("read the owners of jobs", owners)
    }

    pub(crate) async fn orphan_jobs(
        &self,
        owners: &[String],
        now: Timestamp,
    ) -> Result<Vec<Expired>, StoreError> {
        if owners.is_empty() {
            return Ok(Vec::new());
        }
        self.write("take jobs from lost owners", &Orphan { owners, now })
            .await
    }

    pub(crate) async fn expire_jobs(
        &self,
        stale: Option<Duration>,
        now: Timestamp,
    ) -> Result<Vec<Expired>, StoreError> {
        self.write("expire jobs", &Expire { stale, now }).await
    }

    pub(crate) async fn next_job_expiry(
        &self,
        stale: Option<Duration>,
    ) -> Result<Option<Timestamp>, StoreError> {
        let operation = "look for the next job to expire";
        let mut reading = self.read().await?;
        let row = query(
            "SELECT \
             (SELECT min(lease_expires_at) FROM jobs INDEXED BY jobs_by_lease WHERE finished_at IS NULL \
              AND lease_expires_at IS NOT NULL AND owner IS NOT NULL), \
             (SELECT min(total_deadline) FROM jobs INDEXED BY jobs_by_deadline WHERE finished_at IS NULL \
              AND total_deadline IS NOT NULL), \
             (SELECT CAST(min(submitted_at + max(?1, coalesce(max_duration, 0) * 1000000000)) AS INTEGER) \
              FROM jobs INDEXED BY jobs_without_deadline WHERE finished_at IS NULL \
              AND total_deadline IS NULL AND ?1 IS NOT NULL)",
        )
        .bind(stale.map(nanos))
        .fetch_one(reading.connection()?)
        .await;
        let row = self.explain(operation, row)?;
        let point = |column: usize| -> Result<Option<i64>, StoreError> {
            self.explain(operation, row.try_get(column))
        };
        let lease = point(0)?.map(Timestamp::from_nanos);
        let deadline = point(1)?.map(Timestamp::from_seconds);
        let stale = point(2)?.map(Timestamp::from_nanos);
        Ok([lease, deadline, stale].into_iter().flatten().min())
    }

    pub(crate) async fn claimable_jobs(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut reading = self.read().await?;
        let counts = query(
            "SELECT capability, count(*) FROM jobs INDEXED BY jobs_claimable WHERE status = 'working' \
             AND owner IS NULL AND attempt_count <= max_retries GROUP BY capability",
        )
        .try_map(|row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?)))
        .fetch_all(reading.connection()?)
        .await;
        self.explain("count the waiting jobs", counts)
    }

    pub(crate) async fn claimable_jobs_of(
        &self,
        capabilities: &[String],
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let mut reading = self.read().await?;
        let counts = query(
            "SELECT capability, count(*) FROM jobs INDEXED BY jobs_claimable WHERE status = 'working' \
             AND owner IS NULL AND attempt_count <= max_retries \
             AND capability IN (SELECT value FROM json_each(?)) GROUP BY capability",
        )
        .bind(json_list(capabilities))
        .try_map(|row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?)))
        .fetch_all(reading.connection()?)
        .await;
        self.explain("count the waiting jobs", counts)
    }

    pub(crate) async fn live_claims(&self) -> Result<u64, StoreError> {
        let mut reading = self.read().await?;
        let count = query_scalar(
            "SELECT count(*) FROM jobs INDEXED BY jobs_live_by_owner \
             WHERE finished_at IS NULL AND owner IS NOT NULL",
        )
        .fetch_one(reading.connection()?)
        .await;
        self.explain("count the claimed jobs", count)
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
        self.write("delete old jobs", &work).await
    }

    pub(crate) async fn draining(&self) -> Result<bool, StoreError> {
        let mut reading = self.read().await?;
        let draining = query_scalar("SELECT EXISTS (SELECT 1 FROM flags WHERE name = 'draining')")
            .fetch_one(reading.connection()?)
            .await;
        self.explain("read whether claims are blocked", draining)
    }

    pub(crate) async fn set_draining(&self, draining: bool) -> Result<(), StoreError> {
        self.write("write whether claims are blocked", &SetDraining(draining))
            .await
    }
}
