//! What an agent, or a program that is none, asks the registry about jobs.

use std::fmt;
use std::sync::Arc;

use mesh_client::{JobCall, RegistryClient, TlsFiles};
use serde_json::value::RawValue;
use tokio::runtime::{self, Runtime};

use crate::agent::{connect, read_tls};
use crate::call::{CallHandle, Completion};
use crate::{JobsError, StartError};

/// Asks a registry about jobs. Clones share the connections.
#[derive(Clone)]
pub struct Jobs {
    client: Arc<RegistryClient>,
    runtime: runtime::Handle,
    /// Of those who have no agent, which would have one.
    _own: Option<Arc<OwnRuntime>>,
}

/// Ends with its last handle; what is under way then ends with [`JobsError::Cancelled`].
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background(); // The last handle may go on the runtime's own thread.
        }
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Jobs {
    /// For a program that is no agent: requests run on a thread of their own.
    pub fn connect(registry_url: &str, tls: &TlsFiles) -> Result<Self, StartError> {
        let client = connect(registry_url, read_tls(tls)?)?;
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("mesh-jobs")
            .build()
            .map_err(StartError::Thread)?;
        Ok(Self {
            client,
            runtime: runtime.handle().clone(),
            _own: Some(Arc::new(OwnRuntime(Some(runtime)))),
        })
    }

    /// For those who have a client and a runtime already.
    #[must_use]
    pub fn of(client: Arc<RegistryClient>, runtime: runtime::Handle) -> Self {
        Self {
            client,
            runtime,
            _own: None,
        }
    }

    /// Sends `call`. `done` is told exactly once, on the runtime's thread: the registry's JSON as it
    /// spelled it, nothing if it said nothing.
    pub fn send<F>(&self, call: JobCall, done: F) -> CallHandle
    where
        F: FnOnce(Result<Option<Box<RawValue>>, JobsError>) + Send + 'static,
    {
        let client = Arc::clone(&self.client);
        let completion = Completion::new(done);
        let task = self.runtime.spawn(async move {
            let outcome = client.ask_about_jobs(&call).await;
            completion.finish(outcome.map_err(JobsError::Registry));
        });
        CallHandle::new(task.abort_handle())
    }
}
