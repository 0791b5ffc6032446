//! A minute in the life of a mesh: everybody pings, some come and go, jobs are worked on and somebody
//! keeps looking at the list.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mesh_core::wire::ClaimAnswer;
use mesh_test::http1::request;
use mesh_test::{CpuTime, resident_bytes};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at};

use super::Bench;
use crate::connection::Connection;
use crate::mesh::Mesh;
use crate::report::{Report, Row, micros, percentile, show, show_bytes};

/// An agent's heartbeat.
const PING_EVERY: Duration = Duration::from_secs(5);
/// One agent leaves and comes back.
const CHURN_EVERY: Duration = Duration::from_millis(500);
/// Somebody looks at all agents.
const LIST_EVERY: Duration = Duration::from_secs(1);
/// A worker begins a job.
const JOB_EVERY: Duration = Duration::from_millis(100);
const WORKERS: usize = 4;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Ping,
    /// A ping was answered 202.
    Refresh,
    Churn,
    Job,
    List,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Ping => "HEAD of every agent each 5 s, p99",
            Self::Refresh => "POST of whoever was answered 202, p99",
            Self::Churn => "two agents a second leave and return, p99",
            Self::Job => "40 jobs a second, each of their requests, p99",
            Self::List => "GET /agents each second, p99",
        }
    }
}

type Answered = (Kind, Duration);

impl Bench<'_> {
    pub(super) fn mixed(&self, mesh: &mut Mesh, report: &mut Report) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let pid = mesh.registry.pid().context("the registry runs")?;
        let (tell, mut told) = unbounded_channel();
        let script = Script {
            ends: Instant::now() + self.sizes.mixed,
            tell,
        };
        let before = CpuTime::of(pid)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(play(mesh, script))?;
        let cpu = CpuTime::of(pid)?.since(&before);
        let memory = resident_bytes(pid)?;

        let mut latencies = BTreeMap::<Kind, Vec<Duration>>::new();
        while let Ok((kind, latency)) = told.try_recv() {
            latencies.entry(kind).or_default().push(latency);
        }
        let seconds = self.sizes.mixed.as_secs();
        report.add(Row {
            beside: format!(
                "{:.1} % of one core",
                100.0 * cpu.as_secs_f64() / self.sizes.mixed.as_secs_f64()
            ),
            raw: json!({"bytes": memory, "cpu_us": micros(&[cpu])[0]}),
            ..self.row(
                format!("mixed load of {size} agents for {seconds} s: memory"),
                show_bytes(memory),
            )
        });
        for (kind, latencies) in latencies {
            let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
            report.add(Row {
                beside: format!("p50 {}, of {} requests", show(p50), latencies.len()),
                raw: json!({"p99_us": micros(&[p99])[0], "p50_us": micros(&[p50])[0]}),
                ..self.row(format!("  {}", kind.words()), show(p99))
            });
        }
        Ok(())
    }
}

/// Until when requests are sent, and who is told of the answers.
#[derive(Clone)]
struct Script {
    ends: Instant,
    tell: UnboundedSender<Answered>,
}

async fn play(mesh: &mut Mesh, script: Script) -> anyhow::Result<()> {
    let address = mesh.registry.address();
    let size = mesh.population.size();
    let mut players = JoinSet::new();
    let open = || Connection::open(address);
    for index in 0..size {
        let head = mesh.head_of(index).to_vec();
        let post = request("POST", "/heartbeat", &mesh.body_of(index));
        let part = script.part(open().await?, PING_EVERY, (index, size));
        players.spawn(ping(part, head, post));
    }
    let restless = (0..size)
        .step_by(7)
        .map(|index| {
            let path = format!("/agents/{}", mesh.population.id(index));
            let post = request("POST", "/heartbeat", &mesh.body_of(index));
            (request("DELETE", &path, b""), post)
        })
        .collect();
    let part = script.part(open().await?, CHURN_EVERY, (0, 1));
    players.spawn(come_and_go(part, restless));
    for worker in 0..WORKERS {
        let part = script.part(open().await?, JOB_EVERY, (worker, WORKERS));
        players.spawn(work(part, worker));
    }
    let part = script.part(open().await?, LIST_EVERY, (0, 1));
    players.spawn(look(part));
    drop(script);
    while let Some(ended) = players.join_next().await {
        ended??;
    }
    Ok(())
}

impl Script {
    /// A part that is `(number, all)` of its kind: they begin one after the other.
    fn part(
        &self,
        connection: Connection,
        period: Duration,
        (number, all): (usize, usize),
    ) -> Part {
        let share = u32::try_from(number).unwrap_or(0) * (period / u32::try_from(all).unwrap_or(1));
        let mut ticks = interval_at(tokio::time::Instant::now() + share, period);
        // Late is late: whoever waited for a slow answer sends the next request at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Part {
            script: self.clone(),
            connection,
            ticks,
        }
    }
}

/// One connection that sends something regularly.
struct Part {
    script: Script,
    connection: Connection,
    ticks: tokio::time::Interval,
}

impl Part {
    /// When the next request is due; nothing when the play is over.
    async fn due(&mut self) -> Option<Instant> {
        let due = self.ticks.tick().await.into_std();
        (due < self.script.ends).then_some(due)
    }

    /// Sends a request that was due then; its latency counts from there.
    async fn send(&mut self, kind: Kind, due: Instant, request: &[u8]) -> anyhow::Result<u16> {
        let (status, answered) = self.connection.send(request).await?;
        // The receiver outlives the play.
        let _ = self.script.tell.send((kind, answered - due));
        Ok(status)
    }
}

async fn ping(mut part: Part, head: Vec<u8>, post: Vec<u8>) -> anyhow::Result<()> {
    while let Some(due) = part.due().await {
        match part.send(Kind::Ping, due, &head).await? {
            // 410: it is just away, and its other half brings it back.
            200 | 410 => {}
            202 => {
                let status = part.send(Kind::Refresh, Instant::now(), &post).await?;
                ensure!(status == 200, "a refresh was answered {status}");
            }
            status => anyhow::bail!("a ping was answered {status}"),
        }
    }
    Ok(())
}

async fn come_and_go(mut part: Part, agents: Vec<(Vec<u8>, Vec<u8>)>) -> anyhow::Result<()> {
    for (leave, post) in agents.iter().cycle() {
        let Some(due) = part.due().await else {
            break;
        };
        let status = part.send(Kind::Churn, due, leave).await?;
        ensure!(status == 204, "a goodbye was answered {status}");
        let status = part.send(Kind::Churn, Instant::now(), post).await?;
        ensure!(status == 200, "a return was answered {status}");
    }
    Ok(())
}

async fn work(mut part: Part, worker: usize) -> anyhow::Result<()> {
    let capability = format!("bench_work_{worker}");
    let post =
        |path: &str, body: serde_json::Value| request("POST", path, body.to_string().as_bytes());
    let create = post(
        "/jobs",
        json!({ "capability": capability, "submitted_by": "bench", "submitted_payload": { "n": 3 } }),
    );
    let claim = post(
        "/jobs/claim",
        json!({ "capability": capability, "instance_id": "bench-worker" }),
    );
    while let Some(due) = part.due().await {
        let status = part.send(Kind::Job, due, &create).await?;
        ensure!(status == 201, "a job was answered {status}");
        part.send(Kind::Job, Instant::now(), &claim).await?;
        let answer: ClaimAnswer = serde_json::from_slice(part.connection.body())?;
        let job = answer.claimed.first().context("nothing was claimed")?;
        for change in [
            json!({"progress": 0.5}),
            json!({"status": "completed", "result": {"n": 3}}),
        ] {
            let mut delta = json!({ "id": job.id, "claim_epoch": job.claim_epoch });
            if let (Some(delta), Some(change)) = (delta.as_object_mut(), change.as_object()) {
                delta.extend(change.clone());
            }
            let body = json!({ "instance_id": "bench-worker", "deltas": [delta] });
            let status = part
                .send(Kind::Job, Instant::now(), &post("/jobs/batch", body))
                .await?;
            ensure!(status == 200, "a delta was answered {status}");
        }
    }
    Ok(())
}

async fn look(mut part: Part) -> anyhow::Result<()> {
    let list = request("GET", "/agents", b"");
    while let Some(due) = part.due().await {
        let status = part.send(Kind::List, due, &list).await?;
        ensure!(status == 200, "a listing was answered {status}");
    }
    Ok(())
}
