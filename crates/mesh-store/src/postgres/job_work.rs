//! What is done to jobs inside one transaction: lock the row, apply a rule, write the row back.

use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::JobStatus;
use sqlx::{PgConnection, query};

use super::failure::Failure;
use super::job_rows;
use super::writer::Work;
use crate::job::rules;
use crate::job::{
    BATCH, Claim, DeltaRejection, Executor, Expired, Expiry, JobDelta, JobEventRow, JobRefusal,
    JobRelease, JobRow, NewJob, NewJobEvent, Reclaimed,
};

/// A lease that would move by less is not worth a write.
const LEASE_STEP: Duration = Duration::from_secs(1);

type Outcome<T> = Result<T, Failure>;

/// Locks a job, applies a rule to it and writes it back unless the rule refused.
async fn change<T>(
    connection: &mut PgConnection,
    id: &str,
    rule: impl FnOnce(&mut JobRow) -> Result<T, JobRefusal>,
) -> Outcome<Result<(JobRow, T), JobRefusal>> {
    let Some(mut job) = job_rows::lock(connection, id).await? else {
        return Ok(Err(JobRefusal::NotFound));
    };
    match rule(&mut job) {
        Err(refusal) => Ok(Err(refusal)),
        Ok(done) => {
            job_rows::save(connection, &job).await?;
            Ok(Ok((job, done)))
        }
    }
}

pub(super) struct Create<'a> {
    pub(super) new: &'a NewJob,
    pub(super) now: Timestamp,
}

impl Work for Create<'_> {
    type Output = JobRow;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<JobRow> {
        let job = rules::create(self.new, self.now);
        job_rows::insert(connection, &job, &self.new.submitted_payload).await?;
        Ok(job)
    }
}

pub(super) struct ClaimHead<'a> {
    pub(super) capability: &'a str,
    pub(super) instance_id: &'a str,
    pub(super) now: Timestamp,
}

impl Work for ClaimHead<'_> {
    // Whoever starts to drain waits for claims under way.
    const BEGIN: &'static str = "BEGIN; SELECT pg_advisory_xact_lock_shared(7882833613295714307)";
    type Output = Claim;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Claim> {
        let mut claim = Claim::default();
        while claim.exhausted.len() < BATCH as usize {
            let Some(mut head) = job_rows::head(connection, self.capability).await? else {
                break;
            };
            let claimed = rules::claim(&mut head.row, self.instance_id, self.now);
            job_rows::save(connection, &head.row).await?;
            if claimed {
                claim.job = Some(head);
                break;
            }
            claim.exhausted.push(head.row);
        }
        Ok(claim)
    }
}

pub(super) struct ApplyDeltas<'a> {
    pub(super) instance_id: &'a str,
    pub(super) deltas: &'a [JobDelta],
    pub(super) now: Timestamp,
}

impl ApplyDeltas<'_> {
    async fn one(
        &self,
        connection: &mut PgConnection,
        delta: &JobDelta,
    ) -> Outcome<Result<JobRow, DeltaRejection>> {
        let Some(mut job) = job_rows::lock(connection, &delta.id).await? else {
            return Ok(Err(DeltaRejection::NotFound));
        };
        let before = job.status;
        if let Err(rejection) = rules::apply_delta(&mut job, self.instance_id, delta, self.now) {
            return Ok(Err(rejection));
        }
        if job.status == before {
            job_rows::save_progress(connection, &job).await?;
        } else {
            job_rows::save(connection, &job).await?;
        }
        if job.status == JobStatus::Completed
            && let Some(result) = &delta.result
        {
            job_rows::save_result(connection, &job.id, result).await?;
        }
        Ok(Ok(job))
    }
}

impl Work for ApplyDeltas<'_> {
    type Output = Vec<Result<JobRow, DeltaRejection>>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Self::Output> {
        // All at once and in one order, or two batches could wait for each other.
        let ids: Vec<&str> = self.deltas.iter().map(|delta| delta.id.as_str()).collect();
        job_rows::lock_all(connection, &ids).await?;
        let mut outcomes = Vec::with_capacity(self.deltas.len());
        for delta in self.deltas {
            outcomes.push(self.one(connection, delta).await?);
        }
        Ok(outcomes)
    }
}

pub(super) struct Release<'a> {
    pub(super) id: &'a str,
    pub(super) wish: &'a JobRelease,
    pub(super) now: Timestamp,
}

impl Work for Release<'_> {
    type Output = Result<JobRow, JobRefusal>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Self::Output> {
        let rule = |job: &mut JobRow| rules::release(job, self.wish, self.now);
        let changed = change(connection, self.id, rule).await?;
        Ok(changed.map(|(job, ())| job))
    }
}

pub(super) struct Cancel<'a> {
    pub(super) id: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) now: Timestamp,
}

impl Work for Cancel<'_> {
    type Output = Result<(JobRow, JobEventRow), JobRefusal>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Self::Output> {
        let rule = |job: &mut JobRow| rules::cancel(job, self.reason, self.now);
        let job = match change(connection, self.id, rule).await? {
            Ok((job, ())) => job,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let event = rules::cancelled_event(self.reason);
        let event = job_rows::append(connection, self.id, &event, self.now).await?;
        Ok(Ok((job, event)))
    }
}

pub(super) struct Reclaim<'a>(pub(super) &'a str);

impl Work for Reclaim<'_> {
    type Output = Result<Reclaimed, JobRefusal>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Self::Output> {
        let changed = change(connection, self.0, rules::reclaim).await?;
        Ok(changed.map(|(job, previous_owner)| Reclaimed {
            job,
            previous_owner,
        }))
    }
}

pub(super) struct Append<'a> {
    pub(super) id: &'a str,
    pub(super) event: &'a NewJobEvent,
    pub(super) now: Timestamp,
}

impl Work for Append<'_> {
    type Output = Result<JobEventRow, JobRefusal>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Self::Output> {
        let Some(job) = job_rows::lock(connection, self.id).await? else {
            return Ok(Err(JobRefusal::NotFound));
        };
        if let Err(refusal) = rules::refuse_terminal(&job) {
            return Ok(Err(refusal));
        }
        job_rows::append(connection, self.id, self.event, self.now)
            .await
            .map(Ok)
    }
}

/// Extends the lease of a worker that reads events.
pub(super) struct ExtendLease<'a> {
    pub(super) id: &'a str,
    pub(super) executor: &'a Executor,
    pub(super) stale: Option<Duration>,
    pub(super) now: Timestamp,
}

impl ExtendLease<'_> {
    fn rule(&self, job: &mut JobRow) -> Result<(), JobRefusal> {
        rules::executor_read(job, self.executor, self.stale, self.now)
    }

    /// Whether `job`, as it was just read, has a lease to move, so that most reads write nothing.
    pub(super) fn is_worth_it(&self, mut job: JobRow) -> Result<bool, JobRefusal> {
        let before = job.lease_expires_at;
        self.rule(&mut job)?;
        let moved = |(after, before): (Timestamp, Timestamp)| after.since(before) >= LEASE_STEP;
        Ok(job.lease_expires_at.zip(before).is_some_and(moved))
    }
}

impl Work for ExtendLease<'_> {
    type Output = Result<(), JobRefusal>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Self::Output> {
        let Some(mut job) = job_rows::lock(connection, self.id).await? else {
            return Ok(Err(JobRefusal::NotFound));
        };
        if let Err(refusal) = self.rule(&mut job) {
            return Ok(Err(refusal));
        }
        job_rows::save_progress(connection, &job).await?;
        Ok(Ok(()))
    }
}

pub(super) struct Orphan<'a> {
    pub(super) owners: &'a [String],
    pub(super) now: Timestamp,
}

impl Work for Orphan<'_> {
    type Output = Vec<Expired>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Vec<Expired>> {
        let jobs = job_rows::of_owners(connection, self.owners, BATCH).await?;
        settle(connection, jobs, self.now, |job| {
            rules::orphan(job, self.now)
        })
        .await
    }
}

pub(super) struct Expire {
    pub(super) stale: Option<Duration>,
    pub(super) now: Timestamp,
}

impl Work for Expire {
    type Output = Vec<Expired>;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<Vec<Expired>> {
        let jobs = job_rows::due(connection, self.stale, self.now, BATCH).await?;
        let rule = |job: &mut JobRow| rules::expire(job, self.stale, self.now);
        settle(connection, jobs, self.now, rule).await
    }
}

/// Writes back those of `jobs` that the rule changes.
async fn settle(
    connection: &mut PgConnection,
    jobs: Vec<JobRow>,
    now: Timestamp,
    rule: impl Fn(&mut JobRow) -> Option<Expiry>,
) -> Outcome<Vec<Expired>> {
    let mut expired = Vec::with_capacity(jobs.len());
    for mut job in jobs {
        let previous_owner = job.owner.clone();
        let Some(why) = rule(&mut job) else {
            continue;
        };
        job_rows::save(connection, &job).await?;
        if why == Expiry::Stale {
            job_rows::append(connection, &job.id, &rules::stale_event(&job), now).await?;
        }
        expired.push(Expired {
            job,
            why,
            previous_owner,
        });
    }
    Ok(expired)
}

pub(super) struct Forget {
    pub(super) finished_before: Timestamp,
    pub(super) limit: u32,
}

impl Work for Forget {
    type Output = u64;

    async fn run(&self, connection: &mut PgConnection) -> Outcome<u64> {
        // Payloads and events go with their job.
        let done = query(
            "DELETE FROM jobs WHERE number IN (SELECT number FROM jobs WHERE finished_at < $1 \
             ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .bind(self.finished_before.as_nanos())
        .bind(i64::from(self.limit))
        .execute(connection)
        .await?;
        Ok(done.rows_affected())
    }
}

pub(super) struct SetDraining(pub(super) bool);

impl Work for SetDraining {
    const BEGIN: &'static str = "BEGIN; SELECT pg_advisory_xact_lock(7882833613295714307)";
    type Output = ();

    async fn run(&self, connection: &mut PgConnection) -> Outcome<()> {
        let sql = if self.0 {
            "INSERT INTO flags (name) VALUES ('draining') ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM flags WHERE name = 'draining'"
        };
        query(sql).execute(connection).await?;
        Ok(())
    }
}
