//! How long a waiting read sleeps on after its event is durable.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mesh_core::wire::{JobCreated, JobEventList};
use mesh_test::http1::{HttpConnection, request};
use serde_json::json;
use tempfile::TempDir;

use super::Bench;
use crate::report::{Report, Row, micros, percentile, show};
use crate::sizes::WAITING_READS;

const LIMIT: Duration = Duration::from_millis(50);
/// No single request takes longer.
const PATIENCE: Duration = Duration::from_secs(70);
/// What a request may take to reach its wait before the event is posted.
const HEAD_START: Duration = Duration::from_millis(5);

impl Bench<'_> {
    /// One read after the other is woken, while many others wait for other jobs.
    pub(super) fn wake(&self, report: &mut Report) -> anyhow::Result<()> {
        let home = TempDir::with_prefix("mesh-bench-")?;
        let registry = self.subject.command(home.path()).start()?;
        let address = registry.address();
        let mut poster = HttpConnection::open(address, PATIENCE)?;
        let crowd = self.crowd(address, &mut poster)?;
        let job = create(&mut poster)?;
        let event = request(
            "POST",
            &format!("/jobs/{job}/events"),
            br#"{"type":"go","payload":{"n":1}}"#,
        );
        let waiter = Waiter::start(address, job);
        let mut delays = Vec::with_capacity(self.sizes.wakes);
        for after in 0..self.sizes.wakes {
            waiter.wait_after(after)?;
            thread::sleep(HEAD_START);
            let status = poster.exchange(&event)?;
            let told = Instant::now();
            ensure!(status == 200, "an event was answered {status}");
            let woken = waiter.woken()?;
            delays.push(woken.saturating_duration_since(told));
        }
        drop(crowd);
        let (p50, p99) = (percentile(&delays, 50), percentile(&delays, 99));
        report.add(Row {
            target: self.judged().then(|| format!("< {}", show(LIMIT))),
            met: self.judged().then_some(p99 < LIMIT),
            beside: format!(
                "p50 {}, after the event's own answer; {WAITING_READS} others wait",
                show(p50)
            ),
            raw: json!({"delay_us": micros(&delays)}),
            ..self.row("a waiting read is woken, p99".to_owned(), show(p99))
        });
        Ok(())
    }

    /// Connections whose reads wait for jobs that are told nothing.
    fn crowd(
        &self,
        address: SocketAddr,
        poster: &mut HttpConnection,
    ) -> anyhow::Result<Vec<TcpStream>> {
        let jobs = (0..WAITING_READS).map(|_| create(poster));
        let jobs: Vec<String> = jobs.collect::<anyhow::Result<_>>()?;
        let wait = |job: &String| {
            let mut stream = TcpStream::connect(address)?;
            let path = format!("/jobs/{job}/events?wait=60");
            stream.write_all(&request("GET", &path, b""))?;
            Ok(stream)
        };
        let crowd: std::io::Result<_> = jobs.iter().map(wait).collect();
        crowd.with_context(|| format!("{} cannot hold {WAITING_READS} reads", self.subject.name))
    }
}

fn create(connection: &mut HttpConnection) -> anyhow::Result<String> {
    let job = json!({ "capability": "work", "submitted_by": "bench", "submitted_payload": {} });
    let answer = connection.send("POST", "/jobs", job.to_string().as_bytes())?;
    let created: JobCreated = serde_json::from_slice(&answer.body)
        .with_context(|| format!("a job was answered {}", answer.status))?;
    Ok(created.id)
}

/// A thread that reads with a wait whenever it is told to.
struct Waiter {
    asks: mpsc::Sender<usize>,
    wakes: mpsc::Receiver<anyhow::Result<Instant>>,
}

impl Waiter {
    /// It ends when this is dropped.
    fn start(address: SocketAddr, job: String) -> Self {
        let (asks, asked) = mpsc::channel();
        let (wake, wakes) = mpsc::channel();
        thread::spawn(move || {
            let mut connection = HttpConnection::open(address, PATIENCE);
            for after in asked {
                let woken = match &mut connection {
                    Ok(connection) => read(connection, &job, after),
                    Err(error) => Err(anyhow::anyhow!("failed to connect: {error}")),
                };
                if wake.send(woken).is_err() {
                    return;
                }
            }
        });
        Self { asks, wakes }
    }

    fn wait_after(&self, after: usize) -> anyhow::Result<()> {
        self.asks.send(after).context("the waiter has ended")
    }

    fn woken(&self) -> anyhow::Result<Instant> {
        self.wakes.recv().context("the waiter has ended")?
    }
}

fn read(connection: &mut HttpConnection, job: &str, after: usize) -> anyhow::Result<Instant> {
    let path = format!("/jobs/{job}/events?wait=60&after={after}");
    let answer = connection.send("GET", &path, b"")?;
    let woken = Instant::now();
    let list: JobEventList = serde_json::from_slice(&answer.body)
        .with_context(|| format!("a read was answered {}", answer.status))?;
    ensure!(
        list.events.len() == 1,
        "a read brought {} events",
        list.events.len()
    );
    Ok(woken)
}
