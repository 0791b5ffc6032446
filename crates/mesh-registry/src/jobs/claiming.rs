//! Hands out work, and lets those wait who came for it in vain.
//!
//! One is woken per job and not all: with a hundred idle workers a job would else cost a hundred
//! transactions. Whoever got a job wakes the next, for there may be another; so no job is left lying
//! although several came at once.

use std::sync::Arc;
use std::time::Duration;

use mesh_store::job::Job;
use tokio::time::{Instant, sleep_until};

use super::service::JobError;
use crate::App;

impl App {
    /// The oldest job for `capability`, which `instance` owns from now on; if there is none, waits up
    /// to `wait` for one. While it waits it holds nothing of the store. Ends without a job when the
    /// registry stops.
    pub(crate) async fn await_claim(
        self: &Arc<Self>,
        capability: String,
        instance: String,
        wait: Duration,
    ) -> Result<Option<Job>, JobError> {
        if wait.is_zero() {
            return self.claim_job(capability, instance).await;
        }
        let end = Instant::now() + wait;
        let calls = &self.jobs.calls;
        let seat = calls.sit(&capability)?;
        let mut published = self.writer.published();
        loop {
            // Before the look: what comes after it is heard.
            let rung = seat.rung();
            published.mark_unchanged();
            let is_equipped = self.mesh.load().is_equipped(&instance, &capability);
            if is_equipped {
                match self.take_job(capability.clone(), instance.clone()).await {
                    Ok(None) => {}
                    Ok(job) => return Ok(job),
                    Err(error) => {
                        calls.call(&capability);
                        return Err(error);
                    }
                }
            }
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(None),
                () = rung, if is_equipped => {
                    if !self.mesh.load().is_equipped(&instance, &capability) {
                        calls.call(&capability); // Others may have what this one lacks by now.
                    }
                }
                Ok(()) = published.changed(), if !is_equipped => {}
                () = sleep_until(end) => return Ok(None),
            }
        }
    }
}
