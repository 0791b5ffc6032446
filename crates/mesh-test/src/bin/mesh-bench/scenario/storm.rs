//! Everybody registers at once.

use std::time::Duration;

use anyhow::Context as _;
use mesh_test::http1::request;
use mesh_test::resident_bytes;
use serde_json::json;

use super::{Bench, MIDDLE};
use crate::load::Outcome;
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, ratio, show, show_bytes};
use crate::sizes::STORM_CONNECTIONS;
use crate::yardstick::PARSE;

const P99: Duration = Duration::from_millis(250);
const GROWTH: f64 = 1.5;
const MEMORY: u64 = 250_000_000;

/// Requests that tell what the machine is worth at the moment.
const PARSES: usize = 2_000;

/// One registration storm, and what it cost only to parse a body right after it.
#[derive(Debug)]
pub(super) struct Storm {
    outcome: Outcome,
    parse: Duration,
}

impl Bench<'_> {
    /// The registrations that raised `mesh`.
    pub(super) fn storm_of(&self, mesh: &mut Mesh) -> anyhow::Result<Storm> {
        let parse = request("POST", PARSE, &mesh.body_of(0));
        let bare = self.bare(mesh, PARSES, &mut |_, out| out.extend_from_slice(&parse))?;
        Ok(Storm {
            outcome: mesh.storm.clone(),
            parse: bare.cpu_each(),
        })
    }

    /// Reports `storms`, of which the last one raised `mesh`; each figure is the median storm's.
    pub(super) fn storm(
        &mut self,
        mesh: &Mesh,
        storms: &[Storm],
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let all = |figure: &dyn Fn(&Outcome) -> Duration| -> Vec<Duration> {
            storms.iter().map(|storm| figure(&storm.outcome)).collect()
        };
        let parse = median(&storms.iter().map(|storm| storm.parse).collect::<Vec<_>>());
        let p99s = all(&|storm| storm.percentile(99));
        let costs = all(&Outcome::cpu_each);
        let (p99, each) = (median(&p99s), median(&costs));
        let wall = median(&all(&|storm| storm.wall));
        let memory = resident_bytes(mesh.registry.pid().context("the registry runs")?)?;
        let judged = self.judged() && size > MIDDLE;
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
            ..self.row(
                format!("storm of {size} agents over {STORM_CONNECTIONS} connections, p99"),
                show(p99),
            )
        });
        // In yardsticks, because the machine may be busier now than it was then.
        let cost = ratio(each, parse);
        report.add(Row {
            yardstick: Some(show(parse)),
            ratio: Some(cost),
            raw: json!({"cpu_us": micros(&costs), "yardstick_cpu_us": micros(&[parse])[0]}),
            ..self.row("  processor time per agent".to_owned(), show(each))
        });
        if let Some(middle) = self.storm_in_middle {
            let growth = cost / middle;
            report.add(Row {
                yardstick: Some(format!("{middle:.2} yardsticks")),
                ratio: Some(growth),
                target: judged.then(|| format!("≤ {GROWTH} × of {MIDDLE}")),
                met: judged.then_some(growth <= GROWTH),
                ..self.row(
                    format!("  the same beside {MIDDLE} agents"),
                    format!("{cost:.2} yardsticks"),
                )
            });
        }
        report.add(Row {
            target: judged.then(|| format!("< {}", show_bytes(MEMORY))),
            met: judged.then_some(memory < MEMORY),
            raw: json!({"bytes": memory}),
            ..self.row("  memory afterwards".to_owned(), show_bytes(memory))
        });
        if size == MIDDLE {
            self.storm_in_middle = Some(cost);
        }
        Ok(())
    }
}
