//! A provider joins and leaves a mesh in which every agent keeps its watch open: how long until each
//! agent that this concerns has its new answer?

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mesh_test::http1::request;
use mesh_test::{Random, fake};
use serde_json::json;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Bench, MIDDLE};
use crate::connection::Connection;
use crate::mesh::Mesh;
use crate::report::{Report, Row, micros, percentile, ratio, show};
use crate::sizes::WAITING_AGENTS;
use crate::waiting::{self, Heard};

const CAPABILITY: &str = "the_one_that_comes_and_goes";
/// What every SDK does without a watch.
const PERIOD: Duration = Duration::from_secs(5);
const TARGET: Duration = Duration::from_millis(50);
/// Longer than any agent waits for anything.
const LIMIT: Duration = Duration::from_secs(30);

/// What came of some joins and leaves.
#[derive(Debug, Default)]
struct Rewired {
    /// From the answer that acknowledged the change until one agent had its new answer.
    each: Vec<Duration>,
    /// The same, until all of them had it.
    last: Vec<Duration>,
}

impl Bench<'_> {
    /// Measures watches with one open for every agent, then a few agents that poll.
    pub(super) fn rewire(&self, mesh: &mut Mesh, report: &mut Report) -> anyhow::Result<()> {
        let waiting = mesh.let_some_need(CAPABILITY)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let watched = runtime
            .block_on(by_watch(mesh, &waiting, self.sizes.rewires))
            .context("by watch")?;
        mesh.settle()?;
        let polled = runtime
            .block_on(by_polling(mesh, &waiting, self.sizes.polled_rewires))
            .context("by polling")?;
        for percent in [50, 99] {
            report.add(self.rewired(percent, &watched, &polled));
        }
        Ok(())
    }

    fn rewired(&self, percent: usize, watched: &Rewired, polled: &Rewired) -> Row {
        let measured = percentile(&watched.each, percent);
        let yardstick = percentile(&polled.each, percent);
        let judged = self.judged() && percent == 99;
        Row {
            yardstick: Some(format!("{} by HEAD every 5 s", show(yardstick))),
            ratio: Some(ratio(measured, yardstick)),
            target: judged.then(|| format!("< {}", show(TARGET))),
            met: judged.then_some(measured < TARGET),
            beside: format!(
                "until the last of {WAITING_AGENTS}: {}, by HEAD {}; {} joins and leaves, by HEAD {}",
                show(percentile(&watched.last, percent)),
                show(percentile(&polled.last, percent)),
                watched.last.len(),
                polled.last.len(),
            ),
            raw: json!({"watched": micros(&watched.each), "polled": micros(&polled.each)}),
            ..self.row(
                format!("rewire by watch, {MIDDLE} agents watching, p{percent}"),
                show(measured),
            )
        }
    }
}

/// Agents that wait, each in a task of its own.
struct Agents {
    tasks: JoinSet<anyhow::Result<()>>,
    news: UnboundedReceiver<Heard>,
}

async fn by_watch(mesh: &Mesh, waiting: &[usize], rounds: usize) -> anyhow::Result<Rewired> {
    let (tell, news) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let size = mesh.population.size();
    for number in 0..size {
        let connection = Connection::open(mesh.registry.address())
            .await
            .context("a thousand watches need `ulimit -n 4096`")?;
        let agent_id = mesh.population.id(number);
        tasks.spawn(waiting::watch(connection, number, agent_id, tell.clone()));
    }
    let mut agents = Agents { tasks, news };
    // The answer of the day comes first.
    let everybody: Vec<usize> = (0..size).collect();
    agents.until_heard_by(&everybody).await?;
    agents.measure(mesh, waiting, rounds).await
}

async fn by_polling(mesh: &mut Mesh, waiting: &[usize], rounds: usize) -> anyhow::Result<Rewired> {
    let (tell, news) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for (turn, number) in (0_u32..).zip(waiting) {
        let connection = Connection::open(mesh.registry.address()).await?;
        let post = request("POST", "/heartbeat", &mesh.body_of(*number));
        let requests = (mesh.head_of(*number).to_vec(), post);
        // Agents do not start together, so their heartbeats are spread.
        let phase = PERIOD * turn / u32::try_from(WAITING_AGENTS).unwrap_or(1);
        let poller = waiting::poll(connection, *number, requests, (phase, PERIOD), tell.clone());
        tasks.spawn(poller);
    }
    Agents { tasks, news }.measure(mesh, waiting, rounds).await
}

impl Agents {
    /// Lets the provider join and leave, and takes the time each time.
    async fn measure(
        mut self,
        mesh: &Mesh,
        waiting: &[usize],
        rounds: usize,
    ) -> anyhow::Result<Rewired> {
        let joining = fake::agent(
            "comes-and-goes",
            "http://10.9.9.8:9000",
            vec![fake::tool(CAPABILITY)],
        );
        let join = request("POST", "/heartbeat", &serde_json::to_vec(&joining)?);
        let leave = request("DELETE", "/agents/comes-and-goes", b"");
        let mut connection = Connection::open(mesh.registry.address()).await?;
        let mut random = Random::from_seed(7);
        let mut outcome = Rewired::default();
        for _ in 0..rounds {
            for (change, expected) in [(&join, 200), (&leave, 204)] {
                // Or polling agents, the last of which was just served, would all be asked in step.
                let pause = Duration::from_millis(random.below(700));
                tokio::time::sleep(pause).await;
                let (status, acknowledged) = connection.send(change).await?;
                ensure!(status == expected, "a change was answered with {status}");
                let moments = self.until_heard_by(waiting).await?;
                // A push may arrive before the acknowledgement.
                let each = moments
                    .iter()
                    .map(|moment| moment.saturating_duration_since(acknowledged));
                outcome.last.extend(each.clone().max());
                outcome.each.extend(each);
            }
        }
        Ok(outcome)
    }

    /// Waits until each of `numbers` has heard, once, and nobody else has.
    async fn until_heard_by(&mut self, numbers: &[usize]) -> anyhow::Result<Vec<Instant>> {
        let mut missing: BTreeSet<usize> = numbers.iter().copied().collect();
        let mut moments = Vec::with_capacity(numbers.len());
        let all = async {
            while !missing.is_empty() {
                tokio::select! {
                    heard = self.news.recv() => {
                        let (number, moment) = heard.context("nobody waits any more")?;
                        ensure!(missing.remove(&number), "agent {number} heard what was not for it");
                        moments.push(moment);
                    }
                    Some(ended) = self.tasks.join_next() => ended??,
                }
            }
            anyhow::Ok(())
        };
        timeout(LIMIT, all)
            .await
            .with_context(|| format!("not everybody heard within {LIMIT:?}"))??;
        Ok(moments)
    }
}
