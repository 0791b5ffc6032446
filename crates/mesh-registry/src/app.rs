//! What the handlers and the clocks share.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use mesh_client::Forwarder;
use mesh_core::wire::{AgentStatus, Registration};
use mesh_core::{Clock, Timestamp};
use mesh_store::{AgentRow, PulseRow, Store, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Settings;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::store_health::StoreHealth;
use crate::topology::{Draft, Fingerprint, Loss, Mesh, Profile, Settled};
use crate::traces::Traces;
use crate::writer::Writer;

/// An agent that was silent for this long when the registry starts is not given the benefit of
/// the doubt.
const STALE_ON_STARTUP: Duration = Duration::from_secs(30);

/// A registry, without a socket: tests call its router directly.
#[derive(Debug)]
pub struct App {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) started: Timestamp,
    pub(crate) store: Store,
    pub(crate) store_health: Arc<StoreHealth>,
    pub(crate) mesh: Arc<ArcSwap<Mesh>>,
    pub(crate) writer: Writer,
    pub(crate) forwarder: Forwarder,
    pub(crate) jobs: Jobs,
    /// None while tracing is off.
    pub(crate) traces: Option<Traces>,
    /// Cancelled when the registry begins to stop. Whoever holds a request open on purpose, such as a
    /// stream or a long-poll, ends it then; no new one is begun.
    pub(crate) stopping: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
}

impl App {
    /// Takes up what the store remembers and starts the writer. The handle ends once
    /// [`App::close`] was called and everything accepted is written.
    pub async fn open(
        settings: Settings,
        store: Store,
        clock: Clock,
        forwarder: Forwarder,
    ) -> Result<(Arc<Self>, JoinHandle<()>), StoreError> {
        let started = clock.now();
        let mesh = restore(&settings, &store, started).await?;
        tracing::info!(agents = mesh.len(), "topology restored");
        let mesh = Arc::new(ArcSwap::from_pointee(mesh));
        let jobs = Jobs::load(&store, &mesh.load(), started).await?;
        let store_health = Arc::new(StoreHealth::new(clock.clone()));
        let metrics = Arc::new(Metrics::new(store_health.clone()));
        let (writer, task) =
            Writer::start(mesh.clone(), store.clone(), clock.clone(), metrics.clone());
        let traces = settings.traces.as_ref().map(Traces::new);
        let app = Self {
            settings,
            clock,
            started,
            store,
            store_health,
            mesh,
            writer,
            forwarder,
            jobs,
            traces,
            stopping: CancellationToken::new(),
            metrics,
        };
        Ok((Arc::new(app), task))
    }

    /// Ends what is held open on purpose, streams and long-polls, so that nothing but short requests
    /// is left to wait for.
    pub fn begin_stop(&self) {
        self.stopping.cancel();
    }

    /// Lets the writer finish what it has accepted; later changes are refused.
    pub fn close(&self) {
        self.begin_stop();
        self.writer.close();
    }
}

/// Builds the topology from the store and ages out whoever was silent while the registry was away.
async fn restore(settings: &Settings, store: &Store, now: Timestamp) -> Result<Mesh, StoreError> {
    let mut draft = Draft::new(&Mesh::default(), now);
    let rows = store.load_agents().await?;
    let profiles = compile_all(&rows, settings);
    for (row, profile) in rows.iter().zip(profiles) {
        match profile {
            Ok(profile) => draft.restore(Arc::new(profile), row),
            Err(error) => {
                tracing::error!(agent.id = %row.agent_id, error, "stored agent is unreadable");
            }
        }
    }
    let stale = rows.iter().filter(|row| {
        row.status == AgentStatus::Healthy && now.since(row.last_seen) > STALE_ON_STARTUP
    });
    for row in stale {
        draft.lose(
            row.agent_id.as_str(),
            Loss::StaleOnStartup(STALE_ON_STARTUP),
        );
    }
    let Settled {
        mesh,
        changes,
        touched: _,
        stirred: _,  // Nobody watches yet.
        resolved: _, // It was told when it happened.
    } = draft.settle();
    if !changes.is_empty() {
        store.apply(&changes).await?;
    }
    // What was fetched is known after an orderly stop alone: a killed registry took with it what it
    // handed out last. So the digests are good for one start.
    let taken: Vec<PulseRow> = rows
        .iter()
        .filter(|row| row.answer_digest.is_some())
        .map(|row| PulseRow {
            agent_id: row.agent_id.clone(),
            last_seen: row.last_seen,
            answer_digest: None,
        })
        .collect();
    store.touch(&taken).await?;
    for row in &rows {
        if let Some(agent) = mesh.agent(row.agent_id.as_str())
            && row.answer_digest == Some(agent.wiring.digest)
        {
            agent.mark_fetched();
        }
    }
    Ok(mesh)
}

/// Reads what the agents said of themselves, on all cores: it is megabytes of JSON in a large mesh.
fn compile_all(rows: &[AgentRow], settings: &Settings) -> Vec<Result<Profile, String>> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let share = rows.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let shares: Vec<_> = rows
            .chunks(share)
            .map(|rows| {
                scope.spawn(move || {
                    rows.iter()
                        .map(|row| compile(&row.registration, settings))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        shares
            .into_iter()
            .flat_map(|share| share.join().expect("reading a registration does not panic"))
            .collect()
    })
}

fn compile(registration: &str, settings: &Settings) -> Result<Profile, String> {
    let (_, fingerprint) =
        Fingerprint::read(registration.as_bytes()).map_err(|error| error.to_string())?;
    let registration: Registration =
        serde_json::from_str(registration).map_err(|error| error.to_string())?;
    Profile::compile(
        registration,
        fingerprint,
        settings.public_url_prefix.as_deref(),
    )
    .map_err(|error| error.to_string())
}
