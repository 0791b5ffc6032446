//! `GET /agents`, with heartbeats between two looks, so that no answer is the one before.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;

use super::{Bench, MIDDLE};
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, show, show_bytes};

impl Bench<'_> {
    /// The whole list, over one kept connection.
    pub(super) fn list(&self, mesh: &Mesh, report: &mut Report) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let mut connection = mesh.registry.connect()?;
        let mut times = Vec::new();
        let mut bytes = 0;
        for look in 0..self.sizes.lists {
            for agent in 0..10 {
                connection.send_rendered(mesh.head_of((look * 10 + agent) % size))?;
            }
            let start = Instant::now();
            let answer = connection.send("GET", "/agents", b"")?;
            times.push(start.elapsed());
            bytes = answer.body.len();
            ensure!(
                answer.status == 200,
                "GET /agents answered {}",
                answer.status
            );
            if look == 0 {
                let list: mesh_core::wire::AgentList = serde_json::from_slice(&answer.body)?;
                ensure!(
                    list.agents.len() == size,
                    "{} agents are listed",
                    list.agents.len()
                );
            }
        }
        let limit = Duration::from_millis(if size > MIDDLE { 150 } else { 15 });
        let middle = median(&times);
        report.add(Row {
            subject: self.subject.name,
            figure: format!("GET /agents, {size} agents"),
            measured: show(middle),
            yardstick: None,
            ratio: None,
            target: self.judged().then(|| format!("≤ {}", show(limit))),
            met: self.judged().then_some(middle <= limit),
            beside: format!(
                "{}, fastest {}",
                show_bytes(bytes as u64),
                show(times.iter().min().copied().unwrap_or_default())
            ),
            raw: json!({"wall_us": micros(&times), "bytes": bytes}),
        });
        Ok(())
    }
}
