//! What is done to jobs inside one transaction, in every database: lock the row, apply a rule, write the row
//! back. The databases say how ([`JobTable`]), and nothing else.

use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::JobStatus;
use serde_json::value::RawValue;

use super::rules;
use super::{
    BATCH, Claim, DeltaRejection, Executor, Expired, Expiry, Job, JobDelta, JobEventRow,
    JobRefusal, JobRelease, JobRow, NewJob, NewJobEvent, Reclaimed,
};
use crate::failure::Failure;

/// A lease that would move by less is not worth a write.
const LEASE_STEP: Duration = Duration::from_secs(1);

/// The jobs of a database, as one transaction sees and changes them.
pub(crate) trait JobTable: Send {
    /// The job of this id, but for what may be big; nobody else changes it until the transaction ends.
    fn lock(&mut self, id: &str) -> impl Reply<Option<JobRow>>;

    /// Locks all jobs of these ids, in the order in which everybody locks several.
    fn lock_all(&mut self, ids: &[&str]) -> impl Reply<()>;

    /// The job that a claim of `capability` meets first.
    fn head(&mut self, capability: &str) -> impl Reply<Option<Job>>;

    /// `limit` unfinished jobs of these owners.
    fn of_owners(&mut self, owners: &[String], limit: u32) -> impl Reply<Vec<JobRow>>;

    /// `limit` jobs that something is due for at `now`; without `stale`, no job is too old.
    fn due(
        &mut self,
        stale: Option<Duration>,
        now: Timestamp,
        limit: u32,
    ) -> impl Reply<Vec<JobRow>>;

    /// Writes a new job.
    fn insert(&mut self, job: &JobRow, payload: &RawValue) -> impl Reply<()>;

    /// Writes what a rule changed.
    fn save(&mut self, job: &JobRow) -> impl Reply<()>;

    /// The same for a job that keeps owner and state.
    fn save_progress(&mut self, job: &JobRow) -> impl Reply<()>;

    /// Writes what came of a job.
    fn save_result(&mut self, id: &str, result: &RawValue) -> impl Reply<()>;

    /// Appends an event to the log of a job that exists.
    fn append(
        &mut self,
        job_id: &str,
        event: &NewJobEvent,
        now: Timestamp,
    ) -> impl Reply<JobEventRow>;

    /// Deletes `limit` jobs that finished before, their payloads and their events; says how many.
    fn forget(&mut self, finished_before: Timestamp, limit: u32) -> impl Reply<u64>;

    /// Blocks claims, or lets them pass.
    fn set_draining(&mut self, draining: bool) -> impl Reply<()>;
}

/// What a function of a [`JobTable`] answers.
pub(crate) trait Reply<T>: Future<Output = Result<T, Failure>> + Send {}

impl<T, R: Future<Output = Result<T, Failure>> + Send> Reply<T> for R {}

/// What a transaction has to do with draining: whoever starts to drain waits for claims under way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gate {
    /// Nothing.
    Passed,
    /// It is held up while somebody closes or opens the gate.
    Claim,
    /// It closes or opens the gate.
    Drain,
}

/// What one transaction does. It may be done again if somebody else was in the way.
pub(crate) trait JobWork: Sync {
    /// Which others it waits for.
    const GATE: Gate = Gate::Passed;

    /// What comes of it.
    type Output: Send;

    /// Does it, inside a transaction that stands.
    fn run<T: JobTable>(&self, jobs: &mut T) -> impl Reply<Self::Output>;
}

/// Locks a job, applies a rule to it and writes it back unless the rule refused.
async fn change<T: JobTable, D: Send>(
    jobs: &mut T,
    id: &str,
    rule: impl FnOnce(&mut JobRow) -> Result<D, JobRefusal> + Send,
) -> Result<Result<(JobRow, D), JobRefusal>, Failure> {
    let Some(mut job) = jobs.lock(id).await? else {
        return Ok(Err(JobRefusal::NotFound));
    };
    match rule(&mut job) {
        Err(refusal) => Ok(Err(refusal)),
        Ok(done) => {
            jobs.save(&job).await?;
            Ok(Ok((job, done)))
        }
    }
}

pub(crate) struct Create<'a> {
    pub(crate) new: &'a NewJob,
    pub(crate) now: Timestamp,
}

impl JobWork for Create<'_> {
    type Output = JobRow;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<JobRow, Failure> {
        let job = rules::create(self.new, self.now);
        jobs.insert(&job, &self.new.submitted_payload).await?;
        Ok(job)
    }
}

pub(crate) struct ClaimHead<'a> {
    pub(crate) capability: &'a str,
    pub(crate) instance_id: &'a str,
    pub(crate) now: Timestamp,
}

impl JobWork for ClaimHead<'_> {
    const GATE: Gate = Gate::Claim;
    type Output = Claim;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Claim, Failure> {
        let mut claim = Claim::default();
        while claim.exhausted.len() < BATCH as usize {
            let Some(mut head) = jobs.head(self.capability).await? else {
                break;
            };
            let claimed = rules::claim(&mut head.row, self.instance_id, self.now);
            jobs.save(&head.row).await?;
            if claimed {
                claim.job = Some(head);
                break;
            }
            claim.exhausted.push(head.row);
        }
        Ok(claim)
    }
}

pub(crate) struct ApplyDeltas<'a> {
    pub(crate) instance_id: &'a str,
    pub(crate) deltas: &'a [JobDelta],
    pub(crate) now: Timestamp,
}

impl ApplyDeltas<'_> {
    async fn one<T: JobTable>(
        &self,
        jobs: &mut T,
        delta: &JobDelta,
    ) -> Result<Result<JobRow, DeltaRejection>, Failure> {
        let Some(mut job) = jobs.lock(&delta.id).await? else {
            return Ok(Err(DeltaRejection::NotFound));
        };
        let before = job.status;
        if let Err(rejection) = rules::apply_delta(&mut job, self.instance_id, delta, self.now) {
            return Ok(Err(rejection));
        }
        if job.status == before {
            jobs.save_progress(&job).await?;
        } else {
            jobs.save(&job).await?;
        }
        if job.status == JobStatus::Completed
            && let Some(result) = &delta.result
        {
            jobs.save_result(&job.id, result).await?;
        }
        Ok(Ok(job))
    }
}

impl JobWork for ApplyDeltas<'_> {
    type Output = Vec<Result<JobRow, DeltaRejection>>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Self::Output, Failure> {
        // All at once and in one order, or two batches could wait for each other.
        let ids: Vec<&str> = self.deltas.iter().map(|delta| delta.id.as_str()).collect();
        jobs.lock_all(&ids).await?;
        let mut outcomes = Vec::with_capacity(self.deltas.len());
        for delta in self.deltas {
            outcomes.push(self.one(jobs, delta).await?);
        }
        Ok(outcomes)
    }
}

pub(crate) struct Release<'a> {
    pub(crate) id: &'a str,
    pub(crate) wish: &'a JobRelease,
    pub(crate) now: Timestamp,
}

impl JobWork for Release<'_> {
    type Output = Result<JobRow, JobRefusal>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Self::Output, Failure> {
        let rule = |job: &mut JobRow| rules::release(job, self.wish, self.now);
        let changed = change(jobs, self.id, rule).await?;
        Ok(changed.map(|(job, ())| job))
    }
}

pub(crate) struct Cancel<'a> {
    pub(crate) id: &'a str,
    pub(crate) reason: Option<&'a str>,
    pub(crate) now: Timestamp,
}

impl JobWork for Cancel<'_> {
    type Output = Result<(JobRow, JobEventRow), JobRefusal>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Self::Output, Failure> {
        let rule = |job: &mut JobRow| rules::cancel(job, self.reason, self.now);
        let job = match change(jobs, self.id, rule).await? {
            Ok((job, ())) => job,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let event = rules::cancelled_event(self.reason);
        let event = jobs.append(self.id, &event, self.now).await?;
        Ok(Ok((job, event)))
    }
}

pub(crate) struct Reclaim<'a>(pub(crate) &'a str);

impl JobWork for Reclaim<'_> {
    type Output = Result<Reclaimed, JobRefusal>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Self::Output, Failure> {
        let changed = change(jobs, self.0, rules::reclaim).await?;
        Ok(changed.map(|(job, previous_owner)| Reclaimed {
            job,
            previous_owner,
        }))
    }
}

pub(crate) struct Append<'a> {
    pub(crate) id: &'a str,
    pub(crate) event: &'a NewJobEvent,
    pub(crate) now: Timestamp,
}

impl JobWork for Append<'_> {
    type Output = Result<JobEventRow, JobRefusal>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Self::Output, Failure> {
        let Some(job) = jobs.lock(self.id).await? else {
            return Ok(Err(JobRefusal::NotFound));
        };
        if let Err(refusal) = rules::refuse_terminal(&job) {
            return Ok(Err(refusal));
        }
        jobs.append(self.id, self.event, self.now).await.map(Ok)
    }
}

/// Extends the lease of a worker that reads events.
pub(crate) struct ExtendLease<'a> {
    pub(crate) id: &'a str,
    pub(crate) executor: &'a Executor,
    pub(crate) stale: Option<Duration>,
    pub(crate) now: Timestamp,
}

impl ExtendLease<'_> {
    fn rule(&self, job: &mut JobRow) -> Result<(), JobRefusal> {
        rules::executor_read(job, self.executor, self.stale, self.now)
    }

    /// Whether `job`, as it was just read, has a lease to move, so that most reads write nothing.
    pub(crate) fn is_worth_it(&self, mut job: JobRow) -> Result<bool, JobRefusal> {
        let before = job.lease_expires_at;
        self.rule(&mut job)?;
        let moved = |(after, before): (Timestamp, Timestamp)| after.since(before) >= LEASE_STEP;
        Ok(job.lease_expires_at.zip(before).is_some_and(moved))
    }
}

impl JobWork for ExtendLease<'_> {
    type Output = Result<(), JobRefusal>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Self::Output, Failure> {
        let Some(mut job) = jobs.lock(self.id).await? else {
            return Ok(Err(JobRefusal::NotFound));
        };
        if let Err(refusal) = self.rule(&mut job) {
            return Ok(Err(refusal));
        }
        jobs.save_progress(&job).await?;
        Ok(Ok(()))
    }
}

pub(crate) struct Orphan<'a> {
    pub(crate) owners: &'a [String],
    pub(crate) now: Timestamp,
}

impl JobWork for Orphan<'_> {
    type Output = Vec<Expired>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Vec<Expired>, Failure> {
        let lost = jobs.of_owners(self.owners, BATCH).await?;
        settle(jobs, lost, self.now, |job| rules::orphan(job, self.now)).await
    }
}

pub(crate) struct Expire {
    pub(crate) stale: Option<Duration>,
    pub(crate) now: Timestamp,
}

impl JobWork for Expire {
    type Output = Vec<Expired>;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<Vec<Expired>, Failure> {
        let due = jobs.due(self.stale, self.now, BATCH).await?;
        let rule = |job: &mut JobRow| rules::expire(job, self.stale, self.now);
        settle(jobs, due, self.now, rule).await
    }
}

/// Writes back those of `candidates` that the rule changes.
async fn settle<T: JobTable>(
    jobs: &mut T,
    candidates: Vec<JobRow>,
    now: Timestamp,
    rule: impl Fn(&mut JobRow) -> Option<Expiry> + Send,
) -> Result<Vec<Expired>, Failure> {
    let mut expired = Vec::with_capacity(candidates.len());
    for mut job in candidates {
        let previous_owner = job.owner.clone();
        let Some(why) = rule(&mut job) else {
            continue;
        };
        jobs.save(&job).await?;
        if why == Expiry::Stale {
            jobs.append(&job.id, &rules::stale_event(&job), now).await?;
        }
        expired.push(Expired {
            job,
            why,
            previous_owner,
        });
    }
    Ok(expired)
}

pub(crate) struct Forget {
    pub(crate) finished_before: Timestamp,
    pub(crate) limit: u32,
}

impl JobWork for Forget {
    type Output = u64;

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<u64, Failure> {
        jobs.forget(self.finished_before, self.limit).await
    }
}

pub(crate) struct SetDraining(pub(crate) bool);

impl JobWork for SetDraining {
    const GATE: Gate = Gate::Drain;
    type Output = ();

    async fn run<T: JobTable>(&self, jobs: &mut T) -> Result<(), Failure> {
        jobs.set_draining(self.0).await
    }
}
