//! The changes that requests ask for: one transaction of the store each, and what follows from it.

use std::sync::Arc;

use mesh_core::Timestamp;
use mesh_store::StoreError;
use mesh_store::job::{
    BATCH, DeltaRejection, Job, JobDelta, JobEventRow, JobRefusal, JobRelease, JobRow, NewJob,
    NewJobEvent, Reclaimed, rules,
};

use super::Crowded;
use crate::App;
use crate::metrics::StoreOperation;

/// Why a job was not changed or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    /// The store did not answer.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The rules say no.
    #[error("job `{job}` is not in a state for this: {why:?}")]
    Refused { job: String, why: JobRefusal },
    /// Too many wait.
    #[error(transparent)]
    Crowded(#[from] Crowded),
    /// The change was cut off: the registry stops, or a defect was logged.
    #[error("the change was interrupted")]
    Interrupted,
}

impl JobError {
    /// For what the store refuses to do with `job`.
    pub(super) fn refused(job: &str) -> impl FnOnce(JobRefusal) -> Self {
        move |why| Self::Refused {
            job: job.to_owned(),
            why,
        }
    }
}

impl App {
    pub(crate) async fn create_job(self: &Arc<Self>, job: NewJob) -> Result<JobRow, JobError> {
        self.carry_out(|app| async move {
            let now = app.clock.now();
            let job = app
                .metrics
                .store(StoreOperation::CreateJob, app.store.create_job(&job, now))
                .await?;
            app.follow(&job, now);
            Ok(job)
        })
        .await
    }

    /// The oldest job for `capability`, which `instance` owns from now on. There is none while the
    /// registry drains, or while a dependency is missing that `instance` requires for the capability.
    pub(crate) async fn claim_job(
        self: &Arc<Self>,
        capability: String,
        instance: String,
    ) -> Result<Option<Job>, JobError> {
        if self.mesh.load().is_equipped(&instance, &capability) {
            self.take_job(capability, instance).await
        } else {
            Ok(None)
        }
    }

    /// The same for an `instance` that has what it requires. A job that nobody waits for any more, because
    /// the store took longer than `instance` has patience, is given back: it would lie idle until its lease
    /// is over.
    pub(super) async fn take_job(
        self: &Arc<Self>,
        capability: String,
        instance: String,
    ) -> Result<Option<Job>, JobError> {
        let asker = Arc::new(());
        let listening = Arc::downgrade(&asker);
        let taken = self
            .carry_out(|app| async move {
                let taken = app.take_next(&capability, &instance).await?;
                match taken {
                    Some(job) if listening.strong_count() == 0 => {
                        app.give_back(job.row, instance).await?;
                        Ok(None)
                    }
                    taken => Ok(taken),
                }
            })
            .await;
        drop(asker);
        taken
    }

    async fn take_next(&self, capability: &str, instance: &str) -> Result<Option<Job>, JobError> {
        loop {
            let now = self.clock.now();
            let claim = self
                .metrics
                .store(
                    StoreOperation::ClaimJob,
                    self.store.claim_job(capability, instance, now),
                )
                .await?;
            for job in &claim.exhausted {
                tracing::warn!(job.id = %job.id, "job failed: no attempt left");
                self.follow(job, now);
            }
            if let Some(job) = &claim.job {
                self.follow(&job.row, now);
                self.jobs.calls.call(capability); // There may be another.
            } else if claim.exhausted.len() >= BATCH as usize {
                continue; // They were in the way of others.
            }
            return Ok(claim.job);
        }
    }

    async fn give_back(self: &Arc<Self>, job: JobRow, instance: String) -> Result<(), JobError> {
        tracing::warn!(job.id = %job.id, agent.id = instance, "job given back: its claimer hung up");
        let release = JobRelease {
            instance_id: instance,
            claim_epoch: Some(job.claim_epoch),
            reason: Some("its claimer hung up".to_owned()),
        };
        match self.release_job(job.id, release).await {
            Ok(_) | Err(JobError::Refused { .. }) => Ok(()), // Or it is somebody else's by now.
            Err(error) => Err(error),
        }
    }

    /// Applies each delta by itself; the answers are in the order of the deltas.
    pub(crate) async fn apply_job_deltas(
        self: &Arc<Self>,
        instance: String,
        deltas: Vec<JobDelta>,
    ) -> Result<Vec<Result<JobRow, DeltaRejection>>, JobError> {
        self.carry_out(|app| async move {
            let now = app.clock.now();
            let outcomes = app
                .metrics
                .store(
                    StoreOperation::ApplyDeltas,
                    app.store.apply_deltas(&instance, &deltas, now),
                )
                .await?;
            // Progress alone wakes nobody.
            for (delta, outcome) in deltas.iter().zip(&outcomes) {
                if delta.status.is_some() && outcome.is_ok() {
                    app.jobs.bells.ring(&delta.id);
                }
            }
            Ok(outcomes)
        })
        .await
    }

    /// Gives a claim back.
    pub(crate) async fn release_job(
        self: &Arc<Self>,
        id: String,
        release: JobRelease,
    ) -> Result<JobRow, JobError> {
        self.carry_out(|app| async move {
            let now = app.clock.now();
            let job = app
                .metrics
                .store(
                    StoreOperation::ReleaseJob,
                    app.store.release_job(&id, &release, now),
                )
                .await?
                .map_err(JobError::refused(&id))?;
            app.follow(&job, now);
            Ok(job)
        })
        .await
    }

    /// Takes a job from its owner, whoever that is.
    pub(crate) async fn reclaim_job(self: &Arc<Self>, id: String) -> Result<Reclaimed, JobError> {
        self.carry_out(|app| async move {
            let now = app.clock.now();
            let reclaimed = app
                .metrics
                .store(StoreOperation::ReclaimJob, app.store.reclaim_job(&id))
                .await?
                .map_err(JobError::refused(&id))?;
            app.follow(&reclaimed.job, now);
            Ok(reclaimed)
        })
        .await
    }

    pub(crate) async fn append_job_event(
        self: &Arc<Self>,
        id: String,
        event: NewJobEvent,
    ) -> Result<JobEventRow, JobError> {
        self.carry_out(|app| async move {
            let now = app.clock.now();
            let event = app
                .metrics
                .store(
                    StoreOperation::AppendJobEvent,
                    app.store.append_job_event(&id, &event, now),
                )
                .await?
                .map_err(JobError::refused(&id))?;
            app.jobs.bells.ring(&id);
            Ok(event)
        })
        .await
    }

    /// Does `work` to its end even if whoever asked hangs up: what the store has taken must be
    /// followed by what others wait for.
    pub(super) async fn carry_out<T, F>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, JobError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, JobError>> + Send + 'static,
    {
        let task = self.jobs.tasks.spawn(work(self.clone()));
        task.await.unwrap_or(Err(JobError::Interrupted))
    }

    /// What follows once the store has `job` under another owner or in another state: whoever waits
    /// looks again, and what is kept in memory of it is brought up to date.
    pub(super) fn follow(&self, job: &JobRow, now: Timestamp) {
        let jobs = &self.jobs;
        jobs.bells.ring(&job.id);
        jobs.pending.touch(&job.capability);
        if rules::is_claimable(job) {
            jobs.calls.call(&job.capability);
        }
        if job.status.is_terminal() {
            return;
        }
        if let Some(owner) = &job.owner {
            jobs.owners.add(owner, &self.mesh.load(), now);
        }
        if let Some(moment) = rules::next_expiry(job, self.settings.job_stale_timeout) {
            jobs.alarm.arm(moment);
        }
    }
}
