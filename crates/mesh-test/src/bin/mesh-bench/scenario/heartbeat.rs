//! HEAD and unchanged POST: subject and yardstick take turns, so that both meet the same machine.

use mesh_test::http1::request;
use serde_json::json;

use super::Bench;
use crate::load::{self, Load, Outcome};
use crate::mesh::Mesh;
use crate::report::{Report, Row, median, micros, ratio, show};
use crate::yardstick::{HELLO, PARSE};

const HEAD_RATIO: f64 = 1.7;
const HEAD_SPREAD: f64 = 1.25;
const POST_RATIO: f64 = 2.2;

impl Bench<'_> {
    /// HEADs of a settled mesh: all of them 200.
    pub(super) fn head(&mut self, mesh: &Mesh, report: &mut Report) -> anyhow::Result<()> {
        let heads = self.sizes.heads;
        let hello = request("HEAD", HELLO, b"");
        // Warm: caches, allocators, connections' buffers.
        mesh.send_heads(heads / 10)?;
        self.bare(mesh, heads / 10, &mut |_, out| {
            out.extend_from_slice(&hello);
        })?;
        let mut turns = Turns::default();
        for _ in 0..self.sizes.rounds {
            let bare = self.bare(mesh, heads, &mut |_, out| out.extend_from_slice(&hello))?;
            let ours = mesh.send_heads(heads)?;
            ours.demand(&[200])?;
            turns.take(ours, bare);
        }
        let size = mesh.population.size();
        let cost = turns.cost();
        report.add(turns.row(self, format!("HEAD /heartbeat, {size} agents"), HEAD_RATIO));
        match self.head_in_smallest {
            None => self.head_in_smallest = Some(cost),
            Some(smallest) => {
                // In yardsticks, because the machine may be busier now than it was then.
                let spread = cost / smallest;
                report.add(Row {
                    yardstick: Some(format!("{smallest:.2} yardsticks")),
                    ratio: Some(spread),
                    target: self.judged().then(|| format!("same, ≤ {HEAD_SPREAD} ×")),
                    met: self.judged().then_some(spread <= HEAD_SPREAD),
                    ..self.row(
                        format!("  the same beside {} agents", self.sizes.meshes[0]),
                        format!("{cost:.2} yardsticks"),
                    )
                });
            }
        }
        Ok(())
    }

    /// POSTs in which only the timestamp differs from the one before.
    pub(super) fn post(&mut self, mesh: &mut Mesh, report: &mut Report) -> anyhow::Result<()> {
        let posts = self.sizes.posts;
        let size = mesh.population.size();
        let parse = |mesh: &mut Mesh| {
            let bodies: Vec<Vec<u8>> = (0..size).map(|index| mesh.body_of(index)).collect();
            bodies
                .iter()
                .map(|body| request("POST", PARSE, body))
                .collect::<Vec<_>>()
        };
        let bodies = parse(mesh);
        mesh.send_posts(posts / 10, &mut |_, _| ())?;
        let mut turns = Turns::default();
        for _ in 0..self.sizes.rounds {
            let bare = self.bare(mesh, posts, &mut |number, out| {
                out.extend_from_slice(&bodies[number % size]);
            })?;
            let ours = mesh.send_posts(posts, &mut |_, _| ())?;
            ours.demand(&[200])?;
            turns.take(ours, bare);
        }
        let bytes = mesh.body_of(0).len();
        report.add(turns.row(
            self,
            format!("POST /heartbeat unchanged, {size} agents, {bytes} bytes"),
            POST_RATIO,
        ));
        Ok(())
    }

    /// The same number of requests to the yardstick.
    pub(super) fn bare(
        &self,
        mesh: &Mesh,
        requests: usize,
        prepare: load::Prepare<'_>,
    ) -> anyhow::Result<Outcome> {
        let load = Load {
            address: self.yardstick.address(),
            pid: self.yardstick.pid(),
            ..mesh.load(requests)?
        };
        let outcome = load::send(load, prepare, &mut |_, _| ())?;
        outcome.demand(&[200])?;
        Ok(outcome)
    }
}

/// Pairs of rounds.
#[derive(Debug, Default)]
struct Turns {
    ours: Vec<Outcome>,
    bare: Vec<Outcome>,
}

impl Turns {
    fn take(&mut self, ours: Outcome, bare: Outcome) {
        self.ours.push(ours);
        self.bare.push(bare);
    }

    /// The processor time per request of the median round, in the yardstick's.
    fn cost(&self) -> f64 {
        let each = |side: &[Outcome]| side.iter().map(Outcome::cpu_each).collect::<Vec<_>>();
        ratio(median(&each(&self.ours)), median(&each(&self.bare)))
    }

    fn row(&self, bench: &Bench<'_>, figure: String, limit: f64) -> Row {
        let each = |side: &[Outcome]| side.iter().map(Outcome::cpu_each).collect::<Vec<_>>();
        let (ours, bare) = (each(&self.ours), each(&self.bare));
        let ratio = self.cost();
        let beside = |side: &[Outcome]| {
            let middle = |percent| {
                median(
                    &side
                        .iter()
                        .map(|o| o.percentile(percent))
                        .collect::<Vec<_>>(),
                )
            };
            let mut rates: Vec<f64> = side.iter().map(Outcome::rate).collect();
            rates.sort_unstable_by(f64::total_cmp);
            let rate = rates.get(rates.len() / 2).copied().unwrap_or_default();
            (rate, middle(50), middle(99))
        };
        let (rate, p50, p99) = beside(&self.ours);
        let (bare_rate, bare_p50, bare_p99) = beside(&self.bare);
        Row {
            subject: bench.subject.name,
            figure,
            measured: format!("{} CPU", show(median(&ours))),
            yardstick: Some(show(median(&bare))),
            ratio: Some(ratio),
            target: bench.judged().then(|| format!("≤ {limit} ×")),
            met: bench.judged().then_some(ratio <= limit),
            beside: format!(
                "{rate:.0}/s, p50 {}, p99 {} (yardstick {bare_rate:.0}/s, {}, {})",
                show(p50),
                show(p99),
                show(bare_p50),
                show(bare_p99)
            ),
            raw: json!({
                "cpu_us": micros(&ours), "yardstick_cpu_us": micros(&bare),
                "per_second": rate, "yardstick_per_second": bare_rate,
                "p50_us": micros(&[p50])[0], "p99_us": micros(&[p99])[0],
                "yardstick_p50_us": micros(&[bare_p50])[0], "yardstick_p99_us": micros(&[bare_p99])[0],
            }),
        }
    }
}
