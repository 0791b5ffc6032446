//! Tells the owner of a cancelled job to stop. The job is cancelled whether or not he hears it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use mesh_core::wire::{CancelRequest, TIMEOUT_HEADER};
use mesh_store::job::JobRow;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::service::JobError;
use crate::App;
use crate::metrics::StoreOperation;

/// What the owner may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How many owners are called at the same time.
const LINES: usize = 64;
/// How many calls may wait for that; beyond it the owner learns from his next delta.
const QUEUE: usize = 4096;
/// What goes on from the request that cancels to the owner.
const PASSED_ON: [HeaderName; 3] = [
    HeaderName::from_static("x-trace-id"),
    HeaderName::from_static("x-parent-span"),
    HeaderName::from_static(TIMEOUT_HEADER),
];

/// Bounds the calls to owners.
#[derive(Debug)]
pub(crate) struct Forwards {
    queue: Arc<Semaphore>,
    lines: Semaphore,
}

impl Default for Forwards {
    fn default() -> Self {
        Self {
            queue: Arc::new(Semaphore::new(QUEUE)),
            lines: Semaphore::new(LINES),
        }
    }
}

/// Whom to tell what.
struct Call {
    owner: String,
    endpoint: String,
    headers: HeaderMap,
    request: CancelRequest,
    _place: OwnedSemaphorePermit,
}

impl App {
    /// Cancels a job and has its owner told, after a grace in which a handler that waits for events
    /// can leave by itself. Says who is told. The grace ends with the request: dropping it has the
    /// owner told at once.
    pub(crate) async fn cancel_job(
        self: &Arc<Self>,
        id: String,
        reason: Option<String>,
        headers: &HeaderMap,
    ) -> Result<Option<String>, JobError> {
        let grace_over = CancellationToken::new();
        let _request = grace_over.clone().drop_guard();
        let headers = passed_on(headers);
        let told = self
            .carry_out(|app| async move {
                let now = app.clock.now();
                let (job, _) = app
                    .metrics
                    .store(
                        StoreOperation::CancelJob,
                        app.store.cancel_job(&id, reason.as_deref(), now),
                    )
                    .await?
                    .map_err(JobError::refused(&id))?;
                app.follow(&job, now);
                let Some(call) = app.call_to_owner(&job, reason, headers) else {
                    return Ok(None);
                };
                let owner = call.owner.clone();
                let caller = app.clone();
                app.jobs.tasks.spawn(async move {
                    tokio::select! {
                        () = caller.stopping.cancelled() => {} // He learns from his next delta.
                        () = async {
                            grace_over.cancelled().await;
                            caller.tell(&job.id, call).await;
                        } => {}
                    }
                });
                Ok(Some(owner))
            })
            .await?;
        if told.is_some() {
            tokio::select! {
                () = sleep(self.settings.cancel_event_grace) => {}
                () = self.stopping.cancelled() => {}
            }
        }
        Ok(told)
    }

    /// What to tell the owner; nothing if there is none, or none that can be called.
    fn call_to_owner(
        &self,
        job: &JobRow,
        reason: Option<String>,
        headers: HeaderMap,
    ) -> Option<Call> {
        let owner = job.owner.clone()?;
        let mesh = self.mesh.load();
        let endpoint = &mesh.agent(&owner)?.profile.endpoint;
        endpoint.authority()?;
        let Ok(place) = self.jobs.forwards.queue.clone().try_acquire_owned() else {
            tracing::warn!(job.id = %job.id, agent.id = owner, "too many cancels; owner not told");
            return None;
        };
        Some(Call {
            owner,
            endpoint: endpoint.to_string(),
            headers,
            request: CancelRequest { reason },
            _place: place,
        })
    }

    async fn tell(&self, job: &str, call: Call) {
        let Ok(_line) = self.jobs.forwards.lines.acquire().await else {
            return; // Nobody closes the semaphore.
        };
        let exchange = self
            .forwarder
            .cancel_job(&call.endpoint, job, call.headers, &call.request);
        let outcome = match timeout(TIMEOUT, exchange).await {
            Ok(Ok(status)) if status.is_success() => {
                tracing::debug!(job.id = job, agent.id = call.owner, "owner told to cancel");
                return;
            }
            Ok(Ok(status)) => format!("it answered {status}"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", TIMEOUT.as_secs()),
        };
        tracing::warn!(
            job.id = job,
            agent.id = call.owner,
            outcome,
            "owner not told to cancel"
        );
    }
}

fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let kept = PASSED_ON.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    kept.collect()
}
