//! Judges agents by their silence, and tells the store who was heard.

use std::sync::Arc;
use std::time::Duration;

use mesh_core::wire::AgentStatus;
use mesh_store::PulseRow;
use tokio::time::{MissedTickBehavior, interval};

use crate::App;

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
    let mut ticks = interval(app.settings.health_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.age_silent_agents().await;
    }
}

impl App {
    /// Takes every agent out of the wiring that was silent for longer than the threshold.
    pub async fn age_silent_agents(&self) {
        let threshold = self.settings.timeout_threshold;
        let now = self.clock.now();
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

    /// Tells the store who was heard, whoever it is that the store is behind on.
    pub async fn store_pulses(&self) {
        store_pulses(self, Duration::ZERO).await;
    }
}

/// Stores pulses that the store is behind on, for as long as the registry runs.
pub(crate) async fn keep_pulses(app: Arc<App>) {
    let mut ticks = interval(STORE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        store_pulses(&app, STORE_AFTER).await;
    }
}

/// Stores every pulse that the store is `behind` on or more.
async fn store_pulses(app: &App, behind: Duration) {
    let mesh = app.mesh.load_full();
    let late: Vec<_> = mesh
        .agents()
        .filter_map(|agent| {
            let seen = agent.pulse.last_seen();
            (seen > agent.pulse.stored() && seen.since(agent.pulse.stored()) >= behind)
                .then_some((agent, seen))
        })
        .collect();
    if late.is_empty() {
        return;
    }
    let rows: Vec<_> = late
        .iter()
        .map(|(agent, seen)| PulseRow {
            agent_id: agent.profile.id.clone(),
            last_seen: *seen,
            // An answer that was not fetched must look new after a restart.
            answer_digest: if agent.is_outdated() {
                [0; 16]
            } else {
                agent.wiring.digest
            },
        })
        .collect();
    match app.store.touch(&rows).await {
        Ok(()) => late
            .iter()
            .for_each(|(agent, seen)| agent.pulse.mark_stored(*seen)),
        // The pulses stay behind, so the next round tries again.
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "pulses not stored"
            );
        }
    }
}
