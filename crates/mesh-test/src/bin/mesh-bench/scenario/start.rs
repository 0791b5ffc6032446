//! From the start of the process to its first answer to a HEAD.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mesh_test::http1::{HttpConnection, request};
use mesh_test::{CpuTime, RegistryCommand, free_port};
use serde_json::json;
use tempfile::TempDir;

use super::Bench;
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, show};

const EMPTY: Duration = Duration::from_millis(20);
const FULL: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(30);

impl Bench<'_> {
    /// With no database yet, and with one in which nobody is registered.
    pub(super) fn start_empty(&self, report: &mut Report) -> anyhow::Result<()> {
        let head = request("HEAD", "/heartbeat/nobody-00000000", b"");
        let (mut fresh, mut again) = (Vec::new(), Vec::new());
        for _ in 0..self.sizes.starts {
            let home = TempDir::with_prefix("mesh-bench-")?;
            let command = self.subject.command(home.path());
            fresh.push(first_answer(&command, &head, &[410])?);
            again.push(first_answer(&command, &head, &[410])?);
        }
        report.add(self.starts("start, new database", &fresh, EMPTY));
        report.add(self.starts("start, empty database", &again, EMPTY));
        Ok(())
    }

    /// With a whole mesh stored: the HEAD is one of a stored agent.
    pub(super) fn start_full(&self, mut mesh: Mesh, report: &mut Report) -> anyhow::Result<()> {
        let size = mesh.population.size();
        mesh.registry.terminate(LIMIT)?;
        let command = mesh.registry.command().clone();
        let mut times = Vec::new();
        for _ in 0..self.sizes.starts.min(5) {
            times.push(first_answer(&command, mesh.head_of(size - 1), &[200, 202])?);
        }
        report.add(self.starts(&format!("start, {size} agents stored"), &times, FULL));
        Ok(())
    }

    fn starts(&self, figure: &str, starts: &[Start], limit: Duration) -> Row {
        let walls: Vec<Duration> = starts.iter().map(|start| start.wall).collect();
        let cpus: Vec<Duration> = starts.iter().map(|start| start.cpu).collect();
        let middle = median(&walls);
        Row {
            target: self.judged().then(|| format!("< {}", show(limit))),
            met: self.judged().then_some(middle < limit),
            beside: format!(
                "fastest {}, {} CPU",
                show(walls.iter().min().copied().unwrap_or_default()),
                show(median(&cpus))
            ),
            raw: json!({"wall_us": micros(&walls), "cpu_us": micros(&cpus)}),
            ..self.row(format!("{figure}, until a HEAD is answered"), show(middle))
        }
    }
}

/// What one start took.
#[derive(Debug, Clone, Copy)]
struct Start {
    wall: Duration,
    cpu: Duration,
}

/// Starts the registry, asks until it answers, ends it.
fn first_answer(command: &RegistryCommand, head: &[u8], allowed: &[u16]) -> anyhow::Result<Start> {
    let port = free_port()?;
    let start = Instant::now();
    let mut registry = command.spawn(port)?;
    let answer = loop {
        let answer = HttpConnection::open(registry.address(), LIMIT)
            .and_then(|mut connection| connection.send_rendered(head));
        match answer {
            Ok(answer) => break answer,
            Err(error) if start.elapsed() > LIMIT => bail!("no answer after {LIMIT:?}: {error}"),
            Err(_) => {
                if let Some(status) = registry.ended()? {
                    bail!("the registry ended with {status} instead of answering");
                }
                thread::sleep(Duration::from_micros(200));
            }
        }
    };
    let wall = start.elapsed();
    let pid = registry.pid().context("the registry runs")?;
    let cpu = CpuTime::of(pid)?.since(&CpuTime::none());
    ensure!(
        allowed.contains(&answer.status),
        "the first HEAD was answered {}, not {allowed:?}",
        answer.status
    );
    registry.terminate(LIMIT)?;
    Ok(Start { wall, cpu })
}
