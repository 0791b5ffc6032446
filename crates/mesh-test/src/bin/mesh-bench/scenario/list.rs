//! `GET /agents`, with heartbeats between two looks, so that no answer is the one before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mesh_core::wire::AgentList;
use mesh_test::CpuTime;
use mesh_test::http1::request;
use serde_json::json;

use super::{Bench, MIDDLE};
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, show, show_bytes};

impl Bench<'_> {
    /// The whole list, over one kept connection.
    pub(super) fn list(&self, mesh: &Mesh, report: &mut Report) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let mut connection = mesh.registry.connect()?;
        let get = request("GET", "/agents", b"");
        let pid = mesh.registry.pid().context("the registry runs")?;
        let before = CpuTime::of(pid)?;
        let mut times = Vec::new();
        let mut bytes = 0;
        for look in 0..self.sizes.lists {
            for agent in 0..10 {
                connection.send_rendered(mesh.head_of((look * 10 + agent) % size))?;
            }
            let start = Instant::now();
            let status = connection.exchange(&get)?;
            times.push(start.elapsed());
            ensure!(status == 200, "GET /agents answered {status}");
            bytes = connection.body().len();
            if look == 0 {
                let list: AgentList = serde_json::from_slice(connection.body())?;
                ensure!(
                    list.agents.len() == size,
                    "{} agents are listed",
                    list.agents.len()
                );
            }
        }
        let cpu = CpuTime::of(pid)?.since(&before) / u32::try_from(self.sizes.lists)?;
        let limit = Duration::from_millis(if size > MIDDLE { 150 } else { 15 });
        let middle = median(&times);
        report.add(Row {
            target: self.judged().then(|| format!("≤ {}", show(limit))),
            met: self.judged().then_some(middle <= limit),
            beside: format!(
                "{}, fastest {}, {} CPU",
                show_bytes(bytes as u64),
                show(times.iter().min().copied().unwrap_or_default()),
                show(cpu)
            ),
            raw: json!({"wall_us": micros(&times), "cpu_us": micros(&[cpu])[0], "bytes": bytes}),
            ..self.row(format!("GET /agents, {size} agents"), show(middle))
        });
        Ok(())
    }
}
