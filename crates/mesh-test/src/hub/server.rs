//! The socket, the thread behind it, and what arrived.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::sync::oneshot;

use super::answer::{Refusal, missing_page};
use super::{Fault, api, contents, draft, fault, index, pages, tags};

/// A local GitHub and PyPI over a folder, on a free loopback port.
///
/// It runs on a thread of its own, so blocking and asynchronous callers may use it alike. Files that
/// appear under the root are served at once. Reading needs no token; writing takes any bearer token, and
/// [`Hub::requests`] tells which one came. Dropping it closes its port and every connection.
pub struct Hub {
    state: Arc<HubState>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A request as the hub saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubRequest {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The bearer token that came with it.
    pub token: Option<String>,
    /// The status of the answer.
    pub status: u16,
}

/// What the routes share.
pub(super) struct HubState {
    pub(super) root: PathBuf,
    pub(super) base_url: String,
    requests: Mutex<Vec<HubRequest>>,
    faults: Mutex<Vec<(String, Fault)>>,
    /// Held by whoever changes the folder.
    writing: Mutex<()>,
}

impl Hub {
    /// Serves the folder `root`, which may still be empty.
    ///
    /// # Panics
    ///
    /// If the machine has no free port or no thread to give.
    #[must_use]
    pub fn start(root: impl AsRef<Path>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket of our own");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(HubState {
            root: root.as_ref().to_owned(),
            base_url: format!("http://{address}"),
            requests: Mutex::default(),
            faults: Mutex::default(),
            writing: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let app = app(Arc::clone(&state));
        let thread = thread::Builder::new()
            .name("hub".to_owned())
            .spawn(move || serve(listener, app, stopped))
            .expect("a thread");
        Self {
            state,
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end: what stands for `https://github.com`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.state.base_url
    }

    /// The package index, for `pip install --index-url`.
    #[must_use]
    pub fn index_url(&self) -> String {
        format!("{}/simple/", self.state.base_url)
    }

    /// The folder it serves.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.state.root
    }

    /// Every request that was answered so far.
    #[must_use]
    pub fn requests(&self) -> Vec<HubRequest> {
        lock(&self.state.requests).clone()
    }

    /// The requests so far that were neither GET nor HEAD.
    #[must_use]
    pub fn writes(&self) -> Vec<HubRequest> {
        let mut requests = self.requests();
        requests.retain(|request| !matches!(request.method.as_str(), "GET" | "HEAD"));
        requests
    }

    /// From now on, answers to paths that end in `path_end` are spoiled. A later fault of the same path
    /// replaces an earlier one.
    pub fn spoil(&self, path_end: &str, fault: Fault) {
        let mut faults = lock(&self.state.faults);
        faults.retain(|(known, _)| known != path_end);
        faults.push((path_end.to_owned(), fault));
    }

    /// No answer is spoiled any more.
    pub fn heal(&self) {
        lock(&self.state.faults).clear();
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ended_already = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl HubState {
    pub(super) fn fault_of(&self, path: &str) -> Option<Fault> {
        let faults = lock(&self.faults);
        let found = faults
            .iter()
            .rev()
            .find(|(end, _)| path.ends_with(end.as_str()));
        found.map(|(_, fault)| fault.clone())
    }

    /// Whoever changes the folder holds this meanwhile.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        lock(&self.writing)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(listener: TcpListener, app: Router, stopped: oneshot::Receiver<()>) {
    // Dropping the runtime at the end drops every connection with it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listening socket");
        tokio::select! {
            served = axum::serve(listener, app) => served.expect("serving ends only when it is stopped"),
            _ = stopped => {}
        }
    });
}

fn app(state: Arc<HubState>) -> Router {
    let rest = Router::new()
        .merge(api::routes())
        .merge(draft::routes())
        .merge(contents::routes())
        .merge(tags::routes());
    Router::new()
        .merge(pages::routes())
        .merge(index::routes())
        .nest("/repos", rest.clone())
        .nest("/api/v3/repos", rest)
        .nest("/api/uploads/repos", draft::upload_routes())
        .fallback(|| async { missing_page() })
        .layer(middleware::from_fn_with_state(
            Arc::clone(&state),
            fault::spoil,
        ))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), record))
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

async fn record(State(state): State<Arc<HubState>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.uri().to_string();
    let token = bearer(request.headers()).map(ToOwned::to_owned);
    let response = next.run(request).await;
    lock(&state.requests).push(HubRequest {
        method,
        path,
        token,
        status: response.status().as_u16(),
    });
    response
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ")?.trim();
    (!token.is_empty()).then_some(token)
}

/// Refuses whoever may not write.
pub(super) fn authorize(headers: &HeaderMap) -> Result<(), Refusal> {
    if bearer(headers).is_some() {
        Ok(())
    } else {
        Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "Requires authentication",
        ))
    }
}

/// Whether the asker may see drafts.
pub(super) fn is_authorized(headers: &HeaderMap) -> bool {
    bearer(headers).is_some()
}
