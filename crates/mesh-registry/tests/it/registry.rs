//! A registry of one's own.

#[cfg(unix)]
use std::io::Read;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use mesh_client::{Forwarder, Tls};
use mesh_core::{Clock, Timestamp};
use mesh_registry::cli::Args;
use mesh_registry::{App, Settings};
use mesh_store::{AgentRow, Change, Store};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// A registry in a folder that vanishes with it.
pub(crate) struct Registry {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Clock,
    writer: JoinHandle<()>,
    router: Router,
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

/// A program that holds the database's lock until this is dropped.
#[cfg(unix)]
pub(crate) struct DatabaseLock(Child);

#[cfg(unix)]
impl Drop for DatabaseLock {
    fn drop(&mut self) {
        drop(self.0.stdin.take()); // Its end of input is its end.
        self.0.wait().expect("the program ends");
    }
}

/// A database that is elsewhere until this is dropped.
#[cfg(unix)]
pub(crate) struct DatabaseAside {
    place: PathBuf,
    aside: PathBuf,
}

#[cfg(unix)]
impl Drop for DatabaseAside {
    fn drop(&mut self) {
        std::fs::rename(&self.aside, &self.place).expect("the database goes back");
    }
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("the answer is JSON")
    }
}

impl Registry {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A registry with some settings of its own.
    pub(crate) async fn with(environment: &[(&'static str, &str)]) -> Self {
        let environment = environment
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let clock = Clock::fixed(Timestamp::from_seconds(1_790_000_000));
        Self::begin(environment, clock).await
    }

    /// A registry with a clock of its own.
    pub(crate) async fn with_clock(clock: Clock) -> Self {
        Self::begin(Vec::new(), clock).await
    }

    async fn begin(environment: Vec<(&'static str, String)>, clock: Clock) -> Self {
        let folder = TempDir::new().expect("a folder for the database");
        let (app, writer) = open(folder.path(), &environment, &clock).await;
        Self {
            router: mesh_registry::app(app.clone()),
            app,
            clock,
            writer,
            folder,
            environment,
        }
    }

    /// Stops the registry and starts another one on the same database, `pause` later.
    pub(crate) async fn restart(self, pause: Duration) -> Self {
        self.app.close();
        self.clock.advance(pause);
        self.app.store_pulses().await;
        self.replace().await
    }

    /// Starts another registry on a database that holds `rows` alone.
    pub(crate) async fn restart_with(self, rows: &[AgentRow]) -> Self {
        let Self {
            clock, environment, ..
        } = self;
        let folder = TempDir::new().expect("a folder for the database");
        let variables = environment
            .iter()
            .map(|(name, value)| (*name, value.clone()))
            .collect();
        let settings =
            Settings::resolve(Args::default(), &variables, folder.path()).expect("settings");
        let (store, _) = Store::open(&settings.database, &settings.store, &clock)
            .await
            .expect("a new database");
        let changes: Vec<_> = rows.iter().cloned().map(Change::Put).collect();
        store.apply(&changes).await.expect("the rows are stored");
        store.close().await;
        let (app, writer) = open(folder.path(), &environment, &clock).await;
        Self {
            router: mesh_registry::app(app.clone()),
            app,
            clock,
            writer,
            folder,
            environment,
        }
    }

    /// Starts another registry on the same database, without the last words of an orderly stop.
    pub(crate) async fn crash(self) -> Self {
        self.app.close();
        self.replace().await
    }

    async fn replace(self) -> Self {
        let Self {
            app,
            clock,
            writer,
            router,
            folder,
            environment,
        } = self;
        drop(router);
        writer.await.expect("the writer ends well");
        drop(app);
        let (app, writer) = open(folder.path(), &environment, &clock).await;
        Self {
            router: mesh_registry::app(app.clone()),
            app,
            clock,
            writer,
            folder,
            environment,
        }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("mcp_mesh_registry.db")
    }

    /// Takes the database away from under the registry.
    pub(crate) fn lose_database(&self) {
        std::fs::remove_file(self.database()).expect("the database is there");
    }

    /// Takes the database away until what this returns is dropped.
    #[cfg(unix)]
    pub(crate) fn set_database_aside(&self) -> DatabaseAside {
        let place = self.database();
        let aside = place.with_extension("aside");
        std::fs::rename(&place, &aside).expect("the database is there");
        DatabaseAside { place, aside }
    }

    /// Has another program hold the database's lock.
    #[cfg(unix)]
    pub(crate) fn lock_database(&self) -> DatabaseLock {
        let script = "import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()";
        let mut program = Command::new("python3")
            .args(["-c", script])
            .arg(self.database())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests need `python3`");
        let mut word = [0; 7];
        let told = program.stdout.as_mut().expect("a pipe");
        told.read_exact(&mut word).expect("the lock is taken");
        DatabaseLock(program)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(body.into());
        self.send_request(request.expect("the request is well-formed"))
            .await
    }

    pub(crate) async fn send_request(&self, request: Request<Body>) -> Reply {
        let response = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body arrives").to_bytes();
        let text = String::from_utf8(bytes.into()).expect("the answer is UTF-8");
        Reply {
            status: parts.status,
            headers: parts.headers,
            text,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.send(Method::GET, path, Body::empty()).await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        reply.json()
    }

    /// Registers and expects success.
    pub(crate) async fn register(&self, registration: &Value) -> Value {
        let reply = self
            .send(Method::POST, "/heartbeat", registration.to_string())
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
        let answer = reply.json();
        assert_eq!(answer["status"], "success", "{answer}");
        answer
    }

    pub(crate) async fn ping(&self, id: &str) -> u16 {
        let reply = self
            .send(Method::HEAD, &format!("/heartbeat/{id}"), Body::empty())
            .await;
        assert_eq!(reply.text, "", "a ping's answer has no body");
        reply.status.as_u16()
    }

    pub(crate) async fn leave(&self, id: &str) -> u16 {
        let reply = self
            .send(Method::DELETE, &format!("/agents/{id}"), Body::empty())
            .await;
        reply.status.as_u16()
    }
}

async fn open(
    folder: &Path,
    environment: &[(&'static str, String)],
    clock: &Clock,
) -> (Arc<App>, JoinHandle<()>) {
    let environment = environment
        .iter()
        .map(|(name, value)| (*name, value.clone()))
        .collect();
    let settings = Settings::resolve(Args::default(), &environment, folder).expect("settings");
    let tls = Tls::read(&settings.agent_tls).expect("certificates");
    let (store, _) = Store::open(&settings.database, &settings.store, clock)
        .await
        .expect("a new database");
    App::open(settings, store, clock.clone(), Forwarder::new(Some(tls)))
        .await
        .expect("the topology")
}

/// An agent that offers one tool per capability and needs nothing.
pub(crate) fn provider(id: &str, capabilities: &[&str]) -> Value {
    let tools: Vec<_> = capabilities
        .iter()
        .map(|name| json!({ "function_name": format!("do_{name}"), "capability": name }))
        .collect();
    json!({ "agent_id": id, "http_host": "127.0.0.1", "http_port": 9001, "tools": tools })
}

/// An agent whose one tool needs `dependencies`.
pub(crate) fn consumer(id: &str, dependencies: &Value) -> Value {
    json!({
        "agent_id": id, "http_host": "127.0.0.1", "http_port": 9002,
        "tools": [{ "function_name": "use", "capability": "use", "dependencies": dependencies }],
    })
}
