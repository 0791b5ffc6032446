//! Agents that wait for a new answer: by an open watch, or by asking every few seconds.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use mesh_test::http1::request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::connection::Connection;

/// An agent, by its number, had its new answer at this moment.
pub(crate) type Heard = (usize, Instant);

const EVENT: &[u8] = b"event: answer\n";
const END: &[u8] = b"\n\n";

/// Keeps the watch of agent `number` open and tells of every answer that is complete.
pub(crate) async fn watch(
    connection: Connection,
    number: usize,
    agent_id: String,
    news: UnboundedSender<Heard>,
) -> anyhow::Result<()> {
    let mut stream = connection.into_stream();
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
