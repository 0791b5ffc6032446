//! What a person waits for `meshctl list` beside a local registry.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mesh_core::env::EnvVars;
use serde_json::json;
use tempfile::TempDir;

use super::Bench;
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, ratio, show};

const LIST: Duration = Duration::from_millis(20);
const RUNS: usize = 20;

impl Bench<'_> {
    /// `meshctl list`, beside a process that does nothing at all.
    pub(super) fn meshctl_list(&self, mesh: &Mesh, report: &mut Report) -> anyhow::Result<()> {
        let Some(program) = &self.meshctl else {
            return Ok(());
        };
        let home = TempDir::with_prefix("mesh-bench-")?;
        let mut list = Command::new(program);
        list.arg("list")
            .env_clear()
            .env("HOME", home.path())
            .env(EnvVars::MCP_MESH_HOME, home.path())
            .env(EnvVars::MCP_MESH_REGISTRY_URL, mesh.registry.url());
        let shown = list.output().context("failed to run `meshctl list`")?;
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for index in 0..mesh.population.size() {
            let id = mesh.population.id(index);
            let name = id.rsplit_once('-').map_or(id.as_str(), |(name, _)| name);
            ensure!(
                shown.contains(name),
                "`meshctl list` does not show {name}:\n{shown}"
            );
        }
        let mut nothing = Command::new("true");
        let (mut times, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            floor.push(wall(&mut nothing)?);
            times.push(wall(&mut list)?);
        }
        let (middle, floor) = (median(&times), median(&floor));
        report.add(Row {
            subject: self.subject.name,
            figure: format!("meshctl list, {} agents", mesh.population.size()),
            measured: show(middle),
            yardstick: Some(format!("{} for `true`", show(floor))),
            ratio: Some(ratio(middle, floor)),
            target: Some(format!("≤ {}", show(LIST))),
            met: Some(middle <= LIST),
            beside: format!(
                "fastest {}",
                show(times.iter().min().copied().unwrap_or_default())
            ),
            raw: json!({"wall_us": micros(&times)}),
        });
        Ok(())
    }
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
