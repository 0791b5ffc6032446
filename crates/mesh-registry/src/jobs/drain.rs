//! Stops the handing out of jobs before a change of the fleet; what runs goes on. The switch lives in
//! the store, which looks at it in the transaction of every claim: it holds for every replica and
//! outlives a restart.

use std::sync::Arc;

use mesh_core::wire::DrainReport;
use mesh_store::StoreError;

use super::service::JobError;
use crate::App;
use crate::metrics::StoreOperation;

impl App {
    /// Whether nobody gets a job, and how many jobs run.
    pub(crate) async fn drain_report(&self) -> Result<DrainReport, JobError> {
        Ok(DrainReport {
            draining: self.drain(self.store.draining()).await?,
            live_claims: self.drain(self.store.live_claims()).await?,
        })
    }

    /// Turns the drain on or off. A store that cannot count leaves the switch as it was.
    pub(crate) async fn set_draining(
        self: &Arc<Self>,
        draining: bool,
    ) -> Result<DrainReport, JobError> {
        self.carry_out(|app| async move {
            let before = app.drain(app.store.live_claims()).await?;
            app.drain(app.store.set_draining(draining)).await?;
            // Again: a claim may have slipped in before the switch.
            let live_claims = app.drain(app.store.live_claims()).await.unwrap_or(before);
            tracing::info!(draining, live_claims, "drain switched");
            if !draining {
                app.jobs.calls.call_everywhere();
            }
            Ok(DrainReport {
                draining,
                live_claims,
            })
        })
        .await
    }

    async fn drain<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.metrics.store(StoreOperation::Drain, work).await
    }
}
