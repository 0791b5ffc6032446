//! A registry without a socket, a file or a process of its own, for tests of agents.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Collected};
use mesh_client::{ClientError, Forwarder, LocalAnswer, LocalRequest, RegistryClient};
use mesh_core::Clock;
use mesh_core::env::{EnvVars, Environment};
use mesh_store::{Store, StoreError};
use tokio::runtime::{self, Runtime};
use tower::ServiceExt;

use crate::cli::Args;
use crate::{App, Settings, app};

/// A registry that ends when it is dropped. Nobody has to send it signs of life: an agent is there
/// until it leaves.
#[derive(Debug)]
pub struct InMemory {
    app: Arc<App>,
    router: Router,
    client: Arc<RegistryClient>,
    /// Absent only while it is dropped.
    runtime: Option<Runtime>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum InMemoryError {
    /// The machine gave no thread.
    #[error("failed to start a thread of the registry")]
    Thread(#[source] io::Error),
    /// The database could not be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no client of it.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl InMemory {
    /// Starts it, on a thread of its own.
    pub fn start() -> Result<Self, InMemoryError> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("mesh-registry")
            .build()
            .map_err(InMemoryError::Thread)?;
        let app = runtime.block_on(open())?;
        // Claims end and deadlines pass. Nobody looks for silent agents.
        runtime.spawn(Arc::clone(&app).keep_jobs());
        let router = self::app(Arc::clone(&app));
        let client = RegistryClient::local({
            let router = router.clone();
            move |request| Box::pin(answer(router.clone(), request))
        })?;
        Ok(Self {
            app,
            router,
            client: Arc::new(client),
            runtime: Some(runtime),
        })
    }

    /// Sends a request and waits for its answer. Must not be called on a thread of a runtime.
    #[must_use]
    pub fn ask(&self, method: Method, target: &str, body: &str) -> LocalAnswer {
        let request = LocalRequest {
            method,
            target: target.to_owned(),
            body: body.to_owned().into(),
        };
        self.runtime()
            .block_on(answer(self.router.clone(), request))
    }

    /// Asks it from its [`runtime`](Self::runtime).
    #[must_use]
    pub fn client(&self) -> &Arc<RegistryClient> {
        &self.client
    }

    /// Where it runs.
    #[must_use]
    pub fn runtime(&self) -> &runtime::Handle {
        let runtime = self.runtime.as_ref();
        runtime
            .expect("the runtime is there until this is dropped")
            .handle()
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        self.app.close();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The published settings, and nothing of the environment of whoever tests.
async fn open() -> Result<Arc<App>, StoreError> {
    let variables = [(EnvVars::DATABASE_URL, ":memory:".to_owned())];
    let environment: Environment = variables.into_iter().collect();
    let settings = Settings::resolve(Args::default(), &environment, "/".as_ref())
        .expect("the defaults are allowed");
    let clock = Clock::System;
    let (store, _) = Store::open(&settings.database, &settings.store, &clock).await?;
    let (app, _writer) = App::open(settings, store, clock, Forwarder::new(None)).await?;
    Ok(app)
}

async fn answer(router: Router, request: LocalRequest) -> LocalAnswer {
    let built = Request::builder()
        .method(request.method)
        .uri(request.target)
        .body(Body::from(request.body));
    let Ok(request) = built else {
        return LocalAnswer {
            status: StatusCode::BAD_REQUEST,
            body: r#"{"error":"the target is no path"}"#.into(),
        };
    };
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(Collected::to_bytes);
    LocalAnswer {
        status: parts.status,
        // Bodies of a router in memory arrive whole or not at all.
        body: body.unwrap_or_default(),
    }
}
