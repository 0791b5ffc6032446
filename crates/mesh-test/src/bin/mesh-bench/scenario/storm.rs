//! Everybody registers at once.

use std::time::Duration;

use anyhow::Context as _;
use mesh_test::resident_bytes;
use serde_json::json;

use super::{Bench, MIDDLE};
use crate::load::Outcome;
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, ratio, show, show_bytes};
use crate::sizes::STORM_CONNECTIONS;

const P99: Duration = Duration::from_millis(250);
const GROWTH: f64 = 1.5;
const MEMORY: u64 = 250_000_000;

impl Bench<'_> {
    /// Reports the registrations that raised `mesh`, and those `before` it; each figure is the
    /// median storm's.
    pub(super) fn storm(
        &mut self,
        mesh: &Mesh,
        before: &[Outcome],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let storms: Vec<&Outcome> = before.iter().chain([&mesh.storm]).collect();
        let all = |figure: &dyn Fn(&Outcome) -> Duration| -> Vec<Duration> {
            storms.iter().map(|storm| figure(storm)).collect()
        };
        let p99s = all(&|storm| storm.percentile(99));
        let costs = all(&Outcome::cpu_each);
        let (p99, each) = (median(&p99s), median(&costs));
        let wall = median(&all(&|storm| storm.wall));
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
                "p50 {}, all in {}, median of {} storms",
                show(median(&all(&|storm| storm.percentile(50)))),
                show(wall),
                storms.len()
            ),
            raw: json!({"p99_us": micros(&p99s), "wall_us": micros(&[wall])[0]}),
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
            raw: json!({"cpu_us": micros(&costs)}),
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
