//! Everybody registers at once.

use std::time::Duration;

use anyhow::Context as _;
use mesh_test::resident_bytes;
use serde_json::json;

use super::{Bench, MIDDLE};
use crate::mesh::Mesh;
use crate::report::{Report, Row, micros, ratio, show, show_bytes};
use crate::sizes::STORM_CONNECTIONS;

const P99: Duration = Duration::from_millis(250);
const GROWTH: f64 = 1.5;
const MEMORY: u64 = 250_000_000;

impl Bench<'_> {
    /// Reports the registrations that raised `mesh`.
    pub(super) fn storm(&mut self, mesh: &Mesh, report: &mut Report) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let p99 = mesh.storm.percentile(99);
        let each = mesh.storm.cpu_each();
        let memory = resident_bytes(mesh.registry.pid().context("the registry runs")?)?;
        let judged = self.judged() && size > MIDDLE;
        let row = |figure: String, measured: String| Row {
            subject: self.subject.name,
            figure,
            measured,
            yardstick: None,
            ratio: None,
            target: None,
            met: None,
            beside: String::new(),
            raw: json!({}),
        };
        report.add(Row {
            target: judged.then(|| format!("< {}", show(P99))),
            met: judged.then_some(p99 < P99),
            beside: format!(
                "{:.0}/s, p50 {}, all in {}",
                mesh.storm.rate(),
                show(mesh.storm.percentile(50)),
                show(mesh.storm.wall)
            ),
            raw: json!({
                "p99_us": micros(&[p99])[0], "per_second": mesh.storm.rate(),
                "wall_us": micros(&[mesh.storm.wall])[0],
            }),
            ..row(
                format!("storm of {size} agents over {STORM_CONNECTIONS} connections, p99"),
                show(p99),
            )
        });
        let growth = self.storm_in_middle.map(|middle| ratio(each, middle));
        report.add(Row {
            yardstick: self.storm_in_middle.map(show),
            ratio: growth,
            target: growth
                .filter(|_| judged)
                .map(|_| format!("≤ {GROWTH} × of {MIDDLE}")),
            met: growth.filter(|_| judged).map(|growth| growth <= GROWTH),
            raw: json!({"cpu_us": micros(&[each])[0]}),
            ..row("  processor time per agent".to_owned(), show(each))
        });
        report.add(Row {
            target: judged.then(|| format!("< {}", show_bytes(MEMORY))),
            met: judged.then_some(memory < MEMORY),
            raw: json!({"bytes": memory}),
            ..row("  memory afterwards".to_owned(), show_bytes(memory))
        });
        if size == MIDDLE {
            self.storm_in_middle = Some(each);
        }
        Ok(())
    }
}
