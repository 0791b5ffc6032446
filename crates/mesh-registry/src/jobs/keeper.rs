//! The clocks of the jobs: what its owner abandoned is recovered when that is known and not at the
//! next sweep. They run whatever the retention is.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_store::StoreError;
use mesh_store::job::{BATCH, Expired};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::App;
use crate::metrics::StoreOperation;

/// How often the store is asked who owns jobs and what is due next, in case another replica changed
/// it.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How often every claimable job is counted, for the same reason.
const RECOUNT_EVERY: Duration = Duration::from_mins(1);
/// The least time between two rounds, however fast the mesh or the jobs change.
const PAUSE: Duration = Duration::from_millis(50);
/// The pause after a store that failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How many finished jobs are forgotten in one transaction.
const FORGET_AT_ONCE: u32 = 500;

/// Recovers jobs when their owner is lost, or when their lease or deadline is over.
async fn keep_time(app: &App) {
    let mut published = app.writer.published();
    let mut checks = interval(CHECK_EVERY);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let outcome = tokio::select! {
            _ = checks.tick() => app.recover_jobs().await,
            () = app.jobs.alarm.due(&app.clock) => app.expire_jobs().await,
            Ok(()) = published.changed() => app.orphan_jobs().await,
        };
        if let Err(error) = outcome {
            tracing::warn!(error = &error as &dyn Error, "jobs not recovered");
            sleep(STORE_PAUSE).await;
        }
        sleep(PAUSE).await;
    }
}

/// Counts claimable jobs whenever the count is in doubt.
async fn keep_count(app: &App) {
    let mut recounts = interval(RECOUNT_EVERY);
    recounts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let outcome = tokio::select! {
            _ = recounts.tick() => app.recount_all_jobs().await,
            () = app.jobs.pending.doubted() => app.recount_jobs().await,
        };
        if let Err(error) = outcome {
            tracing::warn!(error = &error as &dyn Error, "waiting jobs not counted");
            sleep(STORE_PAUSE).await;
        }
        sleep(PAUSE).await;
    }
}

impl App {
    /// Runs the clocks, for as long as the registry runs.
    pub async fn keep_jobs(self: Arc<Self>) {
        tokio::join!(keep_time(&self), keep_count(&self));
    }

    /// Takes jobs from owners that are gone, ends what is overdue, and learns from the store what
    /// other replicas did.
    pub async fn recover_jobs(&self) -> Result<(), StoreError> {
        let renewal = self.jobs.owners.begin_renewal();
        match self
            .metrics
            .store(StoreOperation::RecoverJobs, self.store.live_job_owners())
            .await
        {
            Ok(stored) => self.jobs.owners.renew(renewal, stored),
            Err(error) => {
                self.jobs.owners.abandon(renewal);
                return Err(error);
            }
        }
        self.orphan_jobs().await?;
        self.expire_jobs().await
    }

    /// Takes jobs from owners that the mesh has lost.
    async fn orphan_jobs(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let patience = self.settings.timeout_threshold;
        let lost = self.jobs.owners.lost(&self.mesh.load(), now, patience);
        if lost.is_empty() {
            return Ok(());
        }
        loop {
            let expired = self
                .metrics
                .store(
                    StoreOperation::RecoverJobs,
                    self.store.orphan_jobs(&lost, now),
                )
                .await?;
            self.follow_expiry(&expired, now);
            if expired.len() < BATCH as usize {
                break;
            }
        }
        self.jobs.owners.forget(&lost);
        Ok(())
    }

    /// Ends or frees jobs whose lease or deadline is over.
    async fn expire_jobs(&self) -> Result<(), StoreError> {
        // First, so that whatever is armed while the store works counts.
        self.jobs.alarm.disarm();
        let now = self.clock.now();
        let stale = self.settings.job_stale_timeout;
        let outcome = async {
            loop {
                let expired = self
                    .metrics
                    .store(
                        StoreOperation::RecoverJobs,
                        self.store.expire_jobs(stale, now),
                    )
                    .await?;
                self.follow_expiry(&expired, now);
                if expired.len() < BATCH as usize {
                    return self
                        .metrics
                        .store(
                            StoreOperation::RecoverJobs,
                            self.store.next_job_expiry(stale),
                        )
                        .await;
                }
            }
        };
        match outcome.await {
            Ok(next) => next.into_iter().for_each(|next| self.jobs.alarm.arm(next)),
            Err(error) => {
                self.jobs.alarm.arm(now);
                return Err(error);
            }
        }
        Ok(())
    }

    fn follow_expiry(&self, expired: &[Expired], now: Timestamp) {
        for Expired {
            job,
            why,
            previous_owner,
        } in expired
        {
            tracing::warn!(
                job.id = %job.id,
                job.status = %job.status,
                agent.id = previous_owner.as_deref(),
                why = ?why,
                "job expired"
            );
            self.follow(job, now);
        }
    }

    /// Forgets jobs that ended longer ago than the retention, with their events.
    pub(crate) async fn forget_jobs(&self) {
        let retention = self.settings.retention;
        if retention.is_zero() {
            return; // Zero means for ever.
        }
        let before = self.clock.now().before(retention);
        let mut forgotten = 0;
        loop {
            match self
                .metrics
                .store(
                    StoreOperation::ForgetJobs,
                    self.store.forget_jobs(before, FORGET_AT_ONCE),
                )
                .await
            {
                Ok(jobs) => {
                    forgotten += jobs;
                    if jobs < u64::from(FORGET_AT_ONCE) {
                        break;
                    }
                }
                Err(error) => {
                    // The next sweep finds the same jobs.
                    tracing::warn!(error = &error as &dyn Error, "finished jobs not forgotten");
                    break;
                }
            }
        }
        if forgotten > 0 {
            tracing::info!(jobs = forgotten, "finished jobs forgotten");
        }
    }
}
