//! Agents that wait for a new answer: by an open watch, or by asking every few seconds.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mesh_test::http1::{AnswerParser, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{MissedTickBehavior, interval_at};

/// An agent, by its number, had its new answer at this moment.
pub(crate) type Heard = (usize, Instant);

const EVENT: &[u8] = b"event: answer\n";
const END: &[u8] = b"\n\n";

/// A connection that is used for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    parser: AnswerParser,
    chunk: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .context("failed to connect; a thousand watches need `ulimit -n 4096`")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            parser: AnswerParser::default(),
            chunk: vec![0; 64 * 1024],
        })
    }

    /// Sends a rendered request; its answer's status, and when its last byte was there.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<(u16, Instant)> {
        self.parser.expect(request.starts_with(b"HEAD "));
        self.stream.write_all(request).await?;
        loop {
            let read = self.stream.read(&mut self.chunk).await?;
            ensure!(read > 0, "the server closed the connection");
            if let Some(status) = self.parser.push(&self.chunk[..read])? {
                return Ok((status, Instant::now()));
            }
        }
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        self.parser.body()
    }
}

/// Keeps the watch of agent `number` open and tells of every answer that is complete.
pub(crate) async fn watch(
    connection: Connection,
    number: usize,
    agent_id: String,
    news: UnboundedSender<Heard>,
) -> anyhow::Result<()> {
    let mut stream = connection.stream;
    let path = format!("/agents/{agent_id}/watch");
    stream.write_all(&request("GET", &path, b"")).await?;
    let mut held = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    let mut has_head = false;
    loop {
        let read = stream.read(&mut chunk).await?;
        let now = Instant::now();
        ensure!(read > 0, "the registry ended the watch of `{agent_id}`");
        held.extend_from_slice(&chunk[..read]);
        if !has_head {
            let Some(end) = find(&held, b"\r\n\r\n") else {
                continue;
            };
            if !held.starts_with(b"HTTP/1.1 200 ") {
                bail!("no watch: `{}`", String::from_utf8_lossy(&held[..end]));
            }
            has_head = true;
            held.drain(..end + 4);
        }
        // An event lies in one chunk of the body, so chunks need not be taken apart.
        while let Some(begin) = find(&held, EVENT)
            && let Some(length) = find(&held[begin..], END)
        {
            held.drain(..begin + length + END.len());
            if news.send((number, now)).is_err() {
                return Ok(()); // The measurement is over.
            }
        }
    }
}

/// Asks every `period`, beginning after `phase`, and fetches the answer whenever there is a new one.
pub(crate) async fn poll(
    mut connection: Connection,
    number: usize,
    (head, post): (Vec<u8>, Vec<u8>),
    (phase, period): (Duration, Duration),
    news: UnboundedSender<Heard>,
) -> anyhow::Result<()> {
    let mut ticks = interval_at(tokio::time::Instant::now() + phase, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match connection.send(&head).await?.0 {
            200 => {}
            202 => {
                let (status, now) = connection.send(&post).await?;
                ensure!(status == 200, "a registration was answered with {status}");
                if news.send((number, now)).is_err() {
                    return Ok(()); // The measurement is over.
                }
            }
            status => bail!("a HEAD was answered with {status}"),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
