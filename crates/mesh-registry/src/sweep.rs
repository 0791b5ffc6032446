//! Forgets what is too old to matter.

use std::sync::Arc;

use jiff::SignedDuration;
use mesh_core::wire::AgentStatus;
use tokio::time::{MissedTickBehavior, interval};

use crate::App;
use crate::metrics::StoreOperation;

/// Sweeps at once and then regularly, for as long as the registry runs.
pub(crate) async fn run(app: Arc<App>) {
    let settings = &app.settings;
    tracing::info!(
        "[sweep] using MCP_MESH_SWEEP_INTERVAL {:#}, MCP_MESH_RETENTION {:#}, MCP_MESH_EVENT_MAX_ROWS {}",
        SignedDuration::try_from(settings.sweep_interval).unwrap_or(SignedDuration::MAX),
        SignedDuration::try_from(settings.retention).unwrap_or(SignedDuration::MAX),
        settings.event_max_rows,
    );
    let mut ticks = interval(settings.sweep_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.sweep().await;
    }
}

impl App {
    /// Forgets agents that are gone, jobs that ended and schemas that nobody refers to, for longer than
    /// the retention, and events beyond the cap.
    pub async fn sweep(&self) {
        purge(self).await;
        self.forget_jobs().await;
        cap_events(self).await;
        clear_schemas(self).await;
    }
}

async fn purge(app: &App) {
    let retention = app.settings.retention;
    if retention.is_zero() {
        return; // Zero means for ever.
    }
    let now = app.clock.now();
    let gone: Vec<_> = app
        .mesh
        .load()
        .agents()
        .filter(|agent| agent.status != AgentStatus::Healthy)
        .filter(|agent| now.since(agent.pulse.last_seen()) > retention)
        .map(|agent| agent.profile.id.clone())
        .collect();
    if !gone.is_empty() {
        tracing::info!(agents = gone.len(), "purging agents");
        // The writer logs a store that fails, and the next sweep finds the same agents.
        let _ = app.writer.purge(gone, retention).await;
    }
}

async fn cap_events(app: &App) {
    if app.settings.event_max_rows == 0 {
        return; // Zero means all.
    }
    let cap = app.store.cap_events(app.settings.event_max_rows);
    match app.metrics.store(StoreOperation::CapEvents, cap).await {
        Ok(0) => {}
        Ok(dropped) => tracing::info!(events = dropped, "old events dropped"),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "events not capped"
            );
        }
    }
}

async fn clear_schemas(app: &App) {
    let retention = app.settings.retention;
    if retention.is_zero() {
        return; // Zero means for ever.
    }
    let before = app.clock.now().before(retention);
    // The writer logs a store that fails, and the next sweep finds the same schemas.
    if let Ok(forgotten @ 1..) = app.writer.clear_schemas(before).await {
        tracing::info!(schemas = forgotten, "unused schemas forgotten");
    }
}
