//! Judges agents by their silence, and tells the store who was heard.

use std::sync::Arc;
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::AgentStatus;
use mesh_store::PulseRow;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use crate::App;
use crate::metrics::StoreOperation;
use crate::topology::Agent;

/// How often the store is told who was heard.
const STORE_EVERY: Duration = Duration::from_secs(1);
/// A pulse is worth a write when the store is this far behind; one heartbeat period.
const STORE_AFTER: Duration = Duration::from_secs(5);

/// Ages agents out, for as long as the registry runs.
pub(crate) async fn monitor(app: Arc<App>) {
    let threshold = app.settings.timeout_threshold;
    tracing::info!(
        "health monitor (timeout: {}s, interval: {}s)",
        threshold.as_secs(),
        app.settings.health_interval.as_secs()
    );
    // Not at once: while the registry was away, nobody could make himself heard.
    let period = app.settings.health_interval;
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.age_silent_agents().await;
    }
}

impl App {
    /// Takes every agent out of the wiring that was silent for longer than the threshold, unless the
    /// store is to blame.
    pub async fn age_silent_agents(&self) {
        let threshold = self.settings.timeout_threshold;
        let now = self.clock.now();
        if self.store_health.excuses_silence(now) {
            return;
        }
        let silent: Vec<_> = self
            .mesh
            .load()
            .agents()
            .filter(|agent| agent.status == AgentStatus::Healthy)
            .filter(|agent| now.since(agent.pulse.last_seen()) > threshold)
            .map(|agent| agent.profile.id.clone())
            .collect();
        if !silent.is_empty() {
            tracing::warn!(agents = silent.len(), "agents went silent");
            // The writer logs a store that fails, and the next look finds the same agents.
            let _ = self.writer.age(silent, threshold).await;
        }
    }

    /// Tells the store, when the registry stops, who was heard and who has fetched its answer.
    pub async fn store_pulses(&self) {
        let mesh = self.mesh.load_full();
        let pulses = mesh.agents().map(|agent| {
            let answer_digest = (!agent.is_outdated()).then_some(agent.wiring.digest);
            (agent, agent.pulse.last_seen(), answer_digest)
        });
        store_pulses(self, pulses).await;
    }
}

/// Stores pulses that the store is behind on, for as long as the registry runs.
pub(crate) async fn keep_pulses(app: Arc<App>) {
    let mut ticks = interval(STORE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let mesh = app.mesh.load_full();
        let pulses = mesh.agents().filter_map(|agent| {
            let seen = agent.pulse.last_seen();
            // No digest: the agent may fetch another answer before the registry is killed.
            (seen.since(agent.pulse.stored()) >= STORE_AFTER).then_some((agent, seen, None))
        });
        store_pulses(&app, pulses).await;
    }
}

async fn store_pulses<'a>(
    app: &App,
    pulses: impl Iterator<Item = (&'a Agent, Timestamp, Option<[u8; 16]>)>,
) {
    let (agents, rows): (Vec<_>, Vec<_>) = pulses
        .map(|(agent, last_seen, answer_digest)| {
            let row = PulseRow {
                agent_id: agent.profile.id.clone(),
                last_seen,
                answer_digest,
            };
            (agent, row)
        })
        .unzip();
    let touch = app.store.touch(&rows);
    match app.metrics.store(StoreOperation::Touch, touch).await {
        Ok(()) => agents
            .iter()
            .zip(&rows)
            .for_each(|(agent, row)| agent.pulse.mark_stored(row.last_seen)),
        // The pulses stay behind, so the next round tries again.
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "pulses not stored"
            );
        }
    }
}
