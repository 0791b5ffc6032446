//! From settings to a listening registry, and back to a clean end.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use mesh_client::{Forwarder, Tls, TlsError};
use mesh_core::env::EnvVars;
use mesh_core::{Clock, Hint, VERSION};
use mesh_store::{Store, StoreError};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::connection::{self, Limits};
use crate::http::admin_app;
use crate::platform::{StopSignal, allow_many_connections, prepare_listener};
use crate::readiness::Readiness;
use crate::{App, Settings, address, app, health, sweep};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;
/// What requests in flight get when the registry stops; the whole stop stays under 3 s.
const DRAIN: Duration = Duration::from_millis(1500);
/// What the store gets after that. A store that is stuck must not hold the process.
const SETTLE: Duration = Duration::from_secs(1);

/// Why the registry could not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("failed to start the runtime")]
    Runtime(#[source] io::Error),
    #[error("`{host}` is not a name or address of this machine")]
    Resolve { host: String, source: io::Error },
    #[error("failed to listen on `{host}:{port}`")]
    Bind {
        host: String,
        port: u16,
        /// What chooses the port.
        with: &'static str,
        source: io::Error,
    },
    #[error("failed to listen for signals")]
    Signals(#[source] io::Error),
    #[error("the writer ended unexpectedly; this is a defect")]
    Writer,
    #[error(transparent)]
    Tls(#[from] TlsError),
    // The store's own message names the file and the fault.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hint for ServeError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Bind {
                source, port, with, ..
            } if source.kind() == io::ErrorKind::AddrInUse => {
                Some(format!("another program has port {port}; choose one with `{with}`").into())
            }
            Self::Bind { .. } | Self::Resolve { .. } => {
                Some("choose an address of this machine with `--host`".into())
            }
            Self::Store(error) => error.hint(),
            Self::Tls(error) => error.hint(),
            Self::Runtime(_) | Self::Signals(_) | Self::Writer => None,
        }
    }
}

/// Runs a registry until the process is told to stop.
pub(crate) fn serve(settings: Settings, readiness: &Readiness) -> Result<(), ServeError> {
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let outcome = runtime.block_on(run(settings, readiness));
    // A connection that outlived the drain must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    outcome
}

async fn run(settings: Settings, readiness: &Readiness) -> Result<(), ServeError> {
    tracing::info!(version = VERSION, "Starting MCP Mesh Registry Service");
    // Before anybody can know that there is a process to stop.
    let stop = StopSignal::listen().map_err(ServeError::Signals)?;
    let mut stop = std::pin::pin!(stop.received());
    // A name server or a database that another program holds may keep the start waiting.
    let (listeners, state, mut writer) = tokio::select! {
        started = start(settings) => started?,
        () = &mut stop => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };

    let mut clocks = JoinSet::new();
    clocks.spawn(health::monitor(state.clone()));
    clocks.spawn(health::keep_pulses(state.clone()));
    clocks.spawn(sweep::run(state.clone()));
    clocks.spawn(state.clone().keep_jobs());
    clocks.spawn(state.clone().watch_store());

    let address = listeners
        .public
        .first()
        .and_then(|listener| listener.local_addr().ok());
    let port = address.map_or(state.settings.port, |address| address.port());
    tracing::info!("listening on {}:{port}", state.settings.host);
    if let Some(port) = state.settings.admin_port {
        tracing::info!("administration on {}:{port}", state.settings.host);
    }
    readiness.ready(&format!(
        "http://{}:{port}",
        address::in_url(&state.settings.host)
    ));

    let outcome = tokio::select! {
        () = listeners.serve(&state, stop.as_mut()) => Ok(()),
        // Nobody closed it, so it died; a registry that can change nothing must not look alive.
        _ = &mut writer => Err(ServeError::Writer),
    };

    tracing::info!("shutting down");
    clocks.shutdown().await;
    let writer = outcome.is_ok().then_some(writer);
    if tokio::time::timeout(SETTLE, settle(&state, writer))
        .await
        .is_err()
    {
        // Whoever waited for the store was never told that it has his change.
        tracing::warn!("the store did not settle in time");
    }
    tracing::info!("stopped");
    outcome
}

/// Where requests come from.
struct Listeners {
    public: Vec<TcpListener>,
    /// None if the administration is served to everybody.
    administration: Vec<TcpListener>,
}

impl Listeners {
    async fn bind(settings: &Settings) -> Result<Self, ServeError> {
        let host = &settings.host;
        let public = bind(host, settings.port, "--port").await?;
        let administration = match settings.admin_port {
            None => Vec::new(),
            Some(port) => bind(host, port, EnvVars::MCP_MESH_ADMIN_PORT).await?,
        };
        Ok(Self {
            public,
            administration,
        })
    }

    /// Serves connections until `stop` comes, then lets requests in flight end.
    async fn serve(self, state: &Arc<App>, stop: impl Future<Output = ()>) {
        serve_doors(self.doors(state), state, stop).await;
    }

    /// Every listener with what it serves.
    fn doors(self, state: &Arc<App>) -> Vec<(TcpListener, Router)> {
        let public = app(state.clone());
        let administration = admin_app(state.clone());
        let serving = |listeners: Vec<TcpListener>, router: Router| {
            let listeners = listeners.into_iter();
            listeners.map(move |listener| (listener, router.clone()))
        };
        serving(self.public, public)
            .chain(serving(self.administration, administration))
            .collect()
    }
}

/// Binds the addresses and takes up what the store remembers.
async fn start(settings: Settings) -> Result<(Listeners, Arc<App>, JoinHandle<()>), ServeError> {
    // Before anything else is touched: a file that cannot be used is a mistake in the settings.
    let tls = if settings.agent_tls.are_absent() {
        None
    } else {
        Some(Tls::read(&settings.agent_tls)?)
    };
    // The port first: a second registry must not touch the first one's database.
    let listeners = Listeners::bind(&settings).await?;
    let (store, opened) = Store::open(&settings.database, &settings.store, &Clock::System).await?;
    if let Some(path) = &opened.kept_aside {
        tracing::warn!(path = %path.display(), "another program's database was kept aside");
    }
    let (state, writer) = App::open(settings, store, Clock::System, Forwarder::new(tls)).await?;
    Ok((listeners, state, writer))
}

/// Lets the `writer`, if it lives, finish what it accepted, and closes the store.
async fn settle(state: &App, writer: Option<JoinHandle<()>>) {
    if let Some(writer) = writer {
        state.close();
        // A writer that dies now has logged why, and there is nothing left to wait for.
        let _ = writer.await;
    }
    // Here too: a writer that died closed nothing.
    state.begin_stop();
    state.settle_jobs().await;
    state.store_pulses().await;
    state.store.clone().close().await;
}

/// Binds every address that `host` stands for: `localhost` is often two. The port is chosen by what is
/// called `with`.
async fn bind(host: &str, port: u16, with: &'static str) -> Result<Vec<TcpListener>, ServeError> {
    let failed = |source| ServeError::Bind {
        host: host.to_owned(),
        port,
        with,
        source,
    };
    let addresses = address::to_bind(host, port)
        .await
        .map_err(|source| ServeError::Resolve {
            host: host.to_owned(),
            source,
        })?;
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(addresses.len());
    let mut first_error = None;
    for mut address in addresses {
        if let Some(bound) = listeners.first() {
            // A port that the system chose for the first address serves them all.
            address.set_port(bound.local_addr().map_err(failed)?.port());
        }
        match listen(address) {
            Ok(listener) => listeners.push(listener),
            // A machine may name an address family that it does not have.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(failed(error)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    if listeners.is_empty() {
        return Err(failed(
            first_error.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()),
        ));
    }
    Ok(listeners)
}

fn listen(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    prepare_listener(&socket)?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip().to_canonical().is_loopback())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves connections to `listeners` until `stop` comes, then lets requests in flight end.
pub async fn accept(listeners: Vec<TcpListener>, state: &Arc<App>, stop: impl Future<Output = ()>) {
    let listeners = Listeners {
        public: listeners,
        administration: Vec::new(),
    };
    listeners.serve(state, stop).await;
}

/// Serves connections that come through `doors` until `stop` comes, then lets requests in flight end.
async fn serve_doors(
    doors: Vec<(TcpListener, Router)>,
    state: &Arc<App>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = std::pin::pin!(stop);
    let connections = GracefulShutdown::new();
    loop {
        let (stream, router) = tokio::select! {
            next = next(&doors) => next,
            () = stop.as_mut() => break,
        };
        let connection = connection::serve(stream, router.clone(), Limits::PROTOCOL);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                // Clients that vanish are daily business.
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(doors);
    state.begin_stop();
    if tokio::time::timeout(DRAIN, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests in flight were cut off");
    }
}

/// The next connection of any listener, and what it is served. A failing accept (out of descriptors, say) is retried
/// after a pause, because there is nobody to tell.
async fn next(doors: &[(TcpListener, Router)]) -> (TcpStream, &Router) {
    let accepts = doors.iter().map(|(listener, router)| {
        Box::pin(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // Small answers must not wait for the client's acknowledgement.
                        let _ = stream.set_nodelay(true);
                        return (stream, router);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "failed to accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        })
    });
    futures_util::future::select_all(accepts).await.0
}
