//! The store's functions for jobs.

use std::time::Duration;

use mesh_core::Timestamp;

use super::Store;
use crate::error::StoreError;
use crate::job::{
    Claim, DeltaRejection, EventRead, Expired, Job, JobDelta, JobEventRow, JobQuery, JobRefusal,
    JobRelease, JobRow, NewJob, NewJobEvent, Reclaimed,
};

impl Store {
    /// Creates a job. Like every change here it is durable when the call returns.
    pub async fn create_job(&self, new: &NewJob, now: Timestamp) -> Result<JobRow, StoreError> {
        match self {
            Self::Sqlite(store) => store.create_job(new, now).await,
            Self::Postgres(store) => store.create_job(new, now).await,
        }
    }

    /// The job of this id.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        match self {
            Self::Sqlite(store) => store.job(id).await,
            Self::Postgres(store) => store.job(id).await,
        }
    }

    /// Jobs that match `query`, newest first.
    pub async fn jobs(&self, query: &JobQuery) -> Result<Vec<Job>, StoreError> {
        match self {
            Self::Sqlite(store) => store.jobs(query).await,
            Self::Postgres(store) => store.jobs(query).await,
        }
    }

    /// Gives the oldest waiting job of `capability` to `instance_id`. Jobs without attempts left
    /// fail on the way, at most [`BATCH`](crate::job::BATCH) of them; while the registry drains,
    /// there is nothing to claim.
    pub async fn claim_job(
        &self,
        capability: &str,
        instance_id: &str,
        now: Timestamp,
    ) -> Result<Claim, StoreError> {
        match self {
            Self::Sqlite(store) => store.claim_job(capability, instance_id, now).await,
            Self::Postgres(store) => store.claim_job(capability, instance_id, now).await,
        }
    }

    /// Applies what `instance_id` reports, in one transaction; each delta has an outcome of its
    /// own.
    pub async fn apply_deltas(
        &self,
        instance_id: &str,
        deltas: &[JobDelta],
        now: Timestamp,
    ) -> Result<Vec<Result<JobRow, DeltaRejection>>, StoreError> {
        match self {
            Self::Sqlite(store) => store.apply_deltas(instance_id, deltas, now).await,
            Self::Postgres(store) => store.apply_deltas(instance_id, deltas, now).await,
        }
    }

    /// Gives a job back to the queue, or fails it if it was the last attempt.
    pub async fn release_job(
        &self,
        id: &str,
        wish: &JobRelease,
        now: Timestamp,
    ) -> Result<Result<JobRow, JobRefusal>, StoreError> {
        match self {
            Self::Sqlite(store) => store.release_job(id, wish, now).await,
            Self::Postgres(store) => store.release_job(id, wish, now).await,
        }
    }

    /// Calls a job off and ends its log with an event that says so.
    pub async fn cancel_job(
        &self,
        id: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<Result<(JobRow, JobEventRow), JobRefusal>, StoreError> {
        match self {
            Self::Sqlite(store) => store.cancel_job(id, reason, now).await,
            Self::Postgres(store) => store.cancel_job(id, reason, now).await,
        }
    }

    /// Takes a job from its owner.
    pub async fn reclaim_job(&self, id: &str) -> Result<Result<Reclaimed, JobRefusal>, StoreError> {
        match self {
            Self::Sqlite(store) => store.reclaim_job(id).await,
            Self::Postgres(store) => store.reclaim_job(id).await,
        }
    }

    /// Appends an event to the log of a job that is not over.
    pub async fn append_job_event(
        &self,
        id: &str,
        event: &NewJobEvent,
        now: Timestamp,
    ) -> Result<Result<JobEventRow, JobRefusal>, StoreError> {
        match self {
            Self::Sqlite(store) => store.append_job_event(id, event, now).await,
            Self::Postgres(store) => store.append_job_event(id, event, now).await,
        }
    }

    /// Events of a job, oldest first. A worker's read verifies its claim and extends its lease,
    /// in steps of a second.
    pub async fn read_job_events(
        &self,
        id: &str,
        wanted: &EventRead,
        now: Timestamp,
    ) -> Result<Result<Vec<JobEventRow>, JobRefusal>, StoreError> {
        match self {
            Self::Sqlite(store) => store.read_job_events(id, wanted, now).await,
            Self::Postgres(store) => store.read_job_events(id, wanted, now).await,
        }
    }

    /// The owners of jobs that are not over.
    pub async fn live_job_owners(&self) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(store) => store.live_job_owners().await,
            Self::Postgres(store) => store.live_job_owners().await,
        }
    }

    /// Takes unfinished jobs from `owners`, which are gone; at most [`BATCH`](crate::job::BATCH),
    /// so call again until none comes.
    pub async fn orphan_jobs(
        &self,
        owners: &[String],
        now: Timestamp,
    ) -> Result<Vec<Expired>, StoreError> {
        match self {
            Self::Sqlite(store) => store.orphan_jobs(owners, now).await,
            Self::Postgres(store) => store.orphan_jobs(owners, now).await,
        }
    }

    /// Does what is due by leases, deadlines and age; at most [`BATCH`](crate::job::BATCH), so
    /// call again until none comes. Without `stale`, no job is too old.
    pub async fn expire_jobs(
        &self,
        stale: Option<Duration>,
        now: Timestamp,
    ) -> Result<Vec<Expired>, StoreError> {
        match self {
            Self::Sqlite(store) => store.expire_jobs(stale, now).await,
            Self::Postgres(store) => store.expire_jobs(stale, now).await,
        }
    }

    /// When `expire_jobs` has something to do next, as things stand.
    pub async fn next_job_expiry(
        &self,
        stale: Option<Duration>,
    ) -> Result<Option<Timestamp>, StoreError> {
        match self {
            Self::Sqlite(store) => store.next_job_expiry(stale).await,
            Self::Postgres(store) => store.next_job_expiry(stale).await,
        }
    }

    /// How many jobs of each capability wait and have attempts left; none where there is none.
    pub async fn claimable_jobs(&self) -> Result<Vec<(String, u64)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.claimable_jobs().await,
            Self::Postgres(store) => store.claimable_jobs().await,
        }
    }

    /// The same for these capabilities.
    pub async fn claimable_jobs_of(
        &self,
        capabilities: &[String],
    ) -> Result<Vec<(String, u64)>, StoreError> {
        match self {
            Self::Sqlite(store) => store.claimable_jobs_of(capabilities).await,
            Self::Postgres(store) => store.claimable_jobs_of(capabilities).await,
        }
    }

    /// How many jobs that are not over have an owner.
    pub async fn live_claims(&self) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.live_claims().await,
            Self::Postgres(store) => store.live_claims().await,
        }
    }

    /// Deletes at most `limit` jobs that ended before `finished_before`, with their events, and
    /// says how many.
    pub async fn forget_jobs(
        &self,
        finished_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(store) => store.forget_jobs(finished_before, limit).await,
            Self::Postgres(store) => store.forget_jobs(finished_before, limit).await,
        }
    }

    /// Whether new claims are blocked; a restart does not change it.
    pub async fn draining(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(store) => store.draining().await,
            Self::Postgres(store) => store.draining().await,
        }
    }

    /// Blocks new claims, or lets them happen again.
    pub async fn set_draining(&self, draining: bool) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.set_draining(draining).await,
            Self::Postgres(store) => store.set_draining(draining).await,
        }
    }
}
