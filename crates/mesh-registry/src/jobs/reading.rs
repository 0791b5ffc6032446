//! Reads a job and its events, and waits for them.

use std::time::Duration;

use mesh_core::wire::JobStatus;
use mesh_store::job::{EventRead, Job, JobEventRow, JobRefusal, rules};
use tokio::time::{Instant, sleep_until};

use super::service::JobError;
use crate::App;
use crate::metrics::StoreOperation;

/// The least time between two extensions of a lease by one waiting read.
const LEAST_RENEWAL: Duration = Duration::from_millis(500);

impl App {
    /// The job, as soon as it is over or in another state than `known`, but after `wait` in any case.
    /// While it waits it holds nothing of the store. Does not wait when the registry stops.
    pub(crate) async fn read_job(
        &self,
        id: &str,
        known: JobStatus,
        wait: Duration,
    ) -> Result<Job, JobError> {
        if wait.is_zero() {
            return self.look_at(id).await;
        }
        let end = Instant::now() + wait;
        let seat = self.jobs.bells.sit(id)?;
        loop {
            // Before the look: a change that comes after it rings.
            let rung = seat.rung();
            let job = self.look_at(id).await?;
            let status = job.row.status;
            if status != known || status.is_terminal() {
                return Ok(job);
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(job),
                () = rung => {}
                () = sleep_until(end) => return Ok(job),
            }
        }
    }

    async fn look_at(&self, id: &str) -> Result<Job, JobError> {
        let job = self
            .metrics
            .store(StoreOperation::Jobs, self.store.job(id))
            .await?;
        job.ok_or_else(|| JobError::refused(id)(JobRefusal::NotFound))
    }

    /// The events that `read` asks for; if there are none yet, waits up to `wait` for the first. While
    /// it waits it holds nothing of the store. An executor that waits is alive: its lease is extended
    /// meanwhile, and it is told at once when its claim is lost. Ends without events when the
    /// registry stops.
    pub(crate) async fn read_job_events(
        &self,
        id: &str,
        read: &EventRead,
        wait: Duration,
    ) -> Result<Vec<JobEventRow>, JobError> {
        if wait.is_zero() {
            return self.look(id, read).await;
        }
        let end = Instant::now() + wait;
        let seat = self.jobs.bells.sit(id)?;
        let mut renewal = None;
        loop {
            // Before the look: an event that comes after it rings.
            let rung = seat.rung();
            let events = self.look(id, read).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            let renewal = match renewal {
                Some(renewal) => renewal,
                None => *renewal.insert(self.renewal(id, read).await?),
            };
            let look_again = end.min(Instant::now() + renewal);
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(Vec::new()),
                () = rung => {}
                () = sleep_until(look_again) => {
                    if Instant::now() >= end {
                        return Ok(Vec::new());
                    }
                }
            }
        }
    }

    async fn look(&self, id: &str, read: &EventRead) -> Result<Vec<JobEventRow>, JobError> {
        let events = self.store.read_job_events(id, read, self.clock.now());
        let events = self
            .metrics
            .store(StoreOperation::JobEvents, events)
            .await?;
        events.map_err(JobError::refused(id))
    }

    /// How often a waiting executor's lease is extended; observers have none.
    async fn renewal(&self, id: &str, read: &EventRead) -> Result<Duration, JobError> {
        if read.executor.is_none() {
            return Ok(rules::DEFAULT_LEASE);
        }
        let job = self
            .metrics
            .store(StoreOperation::Jobs, self.store.job(id))
            .await?;
        let window = job.map_or(rules::DEFAULT_LEASE, |job| rules::window(&job.row));
        Ok((window / 2).max(LEAST_RENEWAL))
    }
}
