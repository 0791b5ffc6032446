//! What a person waits for `meshctl` beside a local registry.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mesh_core::env::EnvVars;
use mesh_test::http1::request;
use mesh_test::{Heartbeat, Script, ScriptedServer, fake};
use serde_json::json;
use tempfile::TempDir;

use super::Bench;
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, percentile, ratio, show};

/// What a command may take longer than the requests that it sends.
const ADDED: Duration = Duration::from_millis(20);
/// What a completion may take, from the key to the candidates.
const COMPLETION: Duration = Duration::from_millis(100);
const RUNS: usize = 40;

/// The agent that answers, and its tool.
const AGENT: &str = "answering";
const TOOL: &str = "answer";
const RESULT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"yes"}]}}"#;

/// A command, and the requests that it cannot do without.
struct Question {
    arguments: &'static [&'static str],
    /// Rendered, in their order.
    requests: Vec<Vec<u8>>,
    /// What its output must contain.
    shows: &'static str,
    limit: Limit,
}

enum Limit {
    /// Beside the requests.
    Added(Duration),
    /// All in all.
    Whole(Duration),
}

impl Bench<'_> {
    /// Commands that are typed many times a day, in turns with the same requests by a bare client, with
    /// a process that does nothing at all, and with another implementation's command line.
    pub(super) fn meshctl(&self, mesh: &Mesh, report: &mut Report) -> anyhow::Result<()> {
        let Some(program) = &self.meshctl else {
            return Ok(());
        };
        let home = TempDir::with_prefix("mesh-bench-")?;
        let command = |program: &Path, arguments: &[&str]| {
            let mut command = Command::new(program);
            command
                .args(arguments)
                .env_clear()
                .env("HOME", home.path())
                .env(EnvVars::MCP_MESH_HOME, home.path())
                .env(EnvVars::MCP_MESH_REGISTRY_URL, mesh.registry.url())
                // Whoever does not know the URL knows these.
                .env(EnvVars::MCP_MESH_REGISTRY_HOST, "127.0.0.1")
                .env(
                    EnvVars::MCP_MESH_REGISTRY_PORT,
                    mesh.registry.address().port().to_string(),
                );
            command
        };
        let agent = ScriptedServer::start(|_| Script::json(RESULT));
        register(mesh, &agent)?;
        for question in questions(&agent) {
            let Question {
                arguments,
                requests,
                shows,
                limit,
            } = question;
            let mut ours = command(program, arguments);
            let mut theirs = self
                .other_meshctl
                .as_deref()
                // It asks in its own way what may be completed.
                .filter(|_| matches!(limit, Limit::Added(_)))
                .map(|program| command(program, arguments));
            for command in [Some(&mut ours), theirs.as_mut()].into_iter().flatten() {
                let shown = command.output().context("failed to run a meshctl")?;
                let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
                ensure!(
                    shown.contains(shows),
                    "{command:?} does not show {shows}:\n{shown}"
                );
            }
            let mut nothing = Command::new("true");
            let (mut times, mut bare, mut floor, mut other) =
                (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            for _ in 0..RUNS {
                floor.push(wall(&mut nothing)?);
                bare.push(exchange(mesh, &requests)?);
                times.push(wall(&mut ours)?);
                if let Some(theirs) = &mut theirs {
                    other.push(wall(theirs)?);
                }
            }
            let (middle, bare_middle) = (median(&times), median(&bare));
            let (target, met) = match limit {
                Limit::Added(most) => (
                    format!("≤ requests + {}", show(most)),
                    middle <= bare_middle + most,
                ),
                Limit::Whole(most) => (format!("≤ {}", show(most)), middle <= most),
            };
            let mut beside = format!(
                "p95 {}, {} for `true`",
                show(percentile(&times, 95)),
                show(median(&floor))
            );
            if !other.is_empty() {
                beside = format!(
                    "{beside}, {} (p95 {}) by the other meshctl",
                    show(median(&other)),
                    show(percentile(&other, 95))
                );
            }
            report.add(Row {
                yardstick: Some(format!("{} for the requests", show(bare_middle))),
                ratio: Some(ratio(middle, bare_middle)),
                target: Some(target),
                met: Some(met),
                beside,
                raw: json!({
                    "wall_us": micros(&times),
                    "requests_us": micros(&bare),
                    "true_us": micros(&floor),
                    "other_us": micros(&other),
                }),
                ..self.row(
                    format!(
                        "meshctl {}, {} agents",
                        arguments.join(" ").trim_end(),
                        mesh.population.size() + 1
                    ),
                    show(middle),
                )
            });
        }
        Ok(())
    }
}

fn questions(agent: &ScriptedServer) -> [Question; 4] {
    let agents = || request("GET", "/agents", b"");
    let asked = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": TOOL, "arguments": {} },
    });
    let call = request(
        "POST",
        &format!("/proxy/{}/mcp", agent.address()),
        asked.to_string().as_bytes(),
    );
    [
        Question {
            arguments: &["list"],
            requests: vec![agents()],
            shows: AGENT,
            limit: Limit::Added(ADDED),
        },
        Question {
            arguments: &["status", AGENT],
            requests: vec![agents()],
            shows: TOOL,
            limit: Limit::Added(ADDED),
        },
        Question {
            arguments: &["call", TOOL],
            requests: vec![agents(), call],
            shows: "yes",
            limit: Limit::Added(ADDED),
        },
        Question {
            arguments: &["__complete", "call", ""],
            requests: vec![agents()],
            shows: TOOL,
            limit: Limit::Whole(COMPLETION),
        },
    ]
}

/// Adds an agent that answers to those that are only registered.
fn register(mesh: &Mesh, agent: &ScriptedServer) -> anyhow::Result<()> {
    let registration = fake::agent(AGENT, &agent.url(), vec![fake::tool(TOOL)]);
    let mut heartbeat = Heartbeat::of(&registration);
    let answer = mesh
        .registry
        .connect()?
        .send("POST", "/heartbeat", heartbeat.stamped(0))?;
    ensure!(answer.status == 200, "the agent cannot be registered");
    Ok(())
}

/// Sends the requests, one after the other, over a connection of its own.
fn exchange(mesh: &Mesh, requests: &[Vec<u8>]) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut connection = mesh.registry.connect()?;
    for request in requests {
        let status = connection.exchange(request)?;
        ensure!(status == 200, "the registry answered {status}");
    }
    Ok(start.elapsed())
}

fn wall(command: &mut Command) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("failed to run {command:?}"))?;
    let took = start.elapsed();
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(took)
}
