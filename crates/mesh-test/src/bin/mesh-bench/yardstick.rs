//! What a request costs at least: bare axum handlers in a process of their own, loaded by the same
//! generator in the same run.
//!
//! * `HEAD /hello` runs a handler that answers `Hello, World!` (axum leaves out the body, as the
//!   registry's HEAD has none).
//! * `POST /parse` collects the body, parses it into a `serde_json::Value`, drops that and answers
//!   200 with an empty body. It validates, compares and stores nothing.
//!
//! Runtime, HTTP stack and socket options are the registry's: axum on tokio's multi-threaded
//! runtime with its default number of workers, Nagle's algorithm off.

use std::hint::black_box;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

/// The route without work.
pub(crate) const HELLO: &str = "/hello";
/// The route that only parses.
pub(crate) const PARSE: &str = "/parse";

/// Serves the routes until standard input ends, that is until the parent is gone.
pub(crate) fn serve() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    writeln!(io::stdout(), "{}", listener.local_addr()?)?;
    let app = Router::new()
        .route(HELLO, get(async || "Hello, World!"))
        .route(PARSE, post(parse));
    runtime.spawn(async move {
        let listener = listener.tap_io(|stream| {
            // Without it the figures would be worse, which the comparison would show.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

async fn parse(body: Bytes) -> StatusCode {
    match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(value) => {
            black_box(value);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

/// The yardstick's process; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Yardstick {
    child: Child,
    address: SocketAddr,
}

impl Yardstick {
    /// Starts `program`, this benchmark itself, as the yardstick.
    pub(crate) fn start(program: &Path) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg("--serve-yardstick")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("stdout is piped")?).read_line(&mut line)?;
        if let Ok(address) = line.trim().parse() {
            Ok(Self { child, address })
        } else {
            child.kill()?;
            child.wait()?;
            bail!("the yardstick reported `{line}` and not an address")
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        // It ends with its standard input anyway.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
