//! One agent joins a settled mesh in which seven wait for it: who is told?

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::ensure;
use mesh_core::wire::{Answer, DependencyAnswer};
use mesh_test::fake;
use mesh_test::http1::HttpConnection;
use serde_json::json;

use super::{Bench, MIDDLE};
use crate::mesh::Mesh;
use crate::report::{Report, Row, show};
use crate::sizes::WAITING_AGENTS;

const CAPABILITY: &str = "the_one_that_joins";

type Wiring = BTreeMap<String, Vec<DependencyAnswer>>;

impl Bench<'_> {
    /// Counts the answers of 202 and compares them with a naive resolver: everybody's registration
    /// is sent before and after, and whoever was answered differently should have been told.
    pub(super) fn join(&self, mesh: &mut Mesh, report: &mut Report) -> anyhow::Result<()> {
        let size = mesh.population.size();
        let waiting = mesh.let_some_need(CAPABILITY)?;
        let before = wirings_of(mesh)?;
        mesh.settle()?;

        let joining = fake::agent(
            "late-comer",
            "http://10.9.9.9:9000",
            vec![fake::tool(CAPABILITY)],
        );
        let start = Instant::now();
        let mut connection = mesh.registry.connect()?;
        register(&mut connection, &serde_json::to_vec(&joining)?)?;
        let took = start.elapsed();
        let told = who_is_told(mesh)?;
        let after = wirings_of(mesh)?;
        let concerned: Vec<usize> = (0..size)
            .filter(|index| differ(&before[*index], &after[*index]))
            .collect();
        ensure!(
            concerned == waiting,
            "the answers of {} agents changed, not those of the {WAITING_AGENTS} that wait",
            concerned.len()
        );
        let beside = format!("its registration took {}", show(took));
        report.add(self.verdict("one join", &told, &waiting, beside));
        mesh.settle()?;

        let answer = connection.send("DELETE", "/agents/late-comer", b"")?;
        ensure!(answer.status == 204, "DELETE answered {}", answer.status);
        let told = who_is_told(mesh)?;
        report.add(self.verdict("one leave", &told, &waiting, String::new()));
        Ok(())
    }

    fn verdict(&self, what: &str, told: &[usize], waiting: &[usize], beside: String) -> Row {
        let figure =
            format!("{what} that {WAITING_AGENTS} of {MIDDLE} agents depend on: answers of 202");
        Row {
            yardstick: Some(format!("{} by naive resolving", waiting.len())),
            target: self.judged().then(|| format!("exactly {WAITING_AGENTS}")),
            met: self.judged().then_some(told == waiting),
            beside,
            raw: json!({"told": told.len()}),
            ..self.row(figure, told.len().to_string())
        }
    }
}

/// Who is asked for a refresh by its next HEAD.
fn who_is_told(mesh: &Mesh) -> anyhow::Result<Vec<usize>> {
    let size = mesh.population.size();
    let heads = mesh.send_heads(size)?;
    heads.demand(&[200, 202])?;
    ensure!(
        heads.answered == size,
        "only {} HEADs were answered",
        heads.answered
    );
    Ok((0..size)
        .filter(|index| heads.statuses[*index] == 202)
        .collect())
}

/// What each agent's registration is answered.
fn wirings_of(mesh: &mut Mesh) -> anyhow::Result<Vec<Wiring>> {
    let size = mesh.population.size();
    let mut wirings = vec![None; size];
    mesh.send_posts(size, &mut |number, body| {
        wirings[number] = serde_json::from_slice::<Answer>(body)
            .ok()
            .map(|answer| answer.dependencies_resolved);
    })?
    .demand(&[200])?;
    wirings
        .into_iter()
        .enumerate()
        .map(|(index, wiring)| {
            wiring.ok_or_else(|| anyhow::anyhow!("agent {index} got no readable answer"))
        })
        .collect()
}

fn register(connection: &mut HttpConnection, body: &[u8]) -> anyhow::Result<()> {
    let answer = connection.send("POST", "/heartbeat", body)?;
    ensure!(
        answer.status == 200,
        "the join was answered {}",
        answer.status
    );
    Ok(())
}

fn differ(before: &Wiring, after: &Wiring) -> bool {
    let key = |wiring: &Wiring| -> Vec<(String, String, String)> {
        wiring
            .iter()
            .flat_map(|(function, slots)| {
                slots.iter().map(|slot| {
                    (
                        function.clone(),
                        slot.agent_id.clone(),
                        slot.function_name.clone(),
                    )
                })
            })
            .collect()
    };
    key(before) != key(after)
}
