//! The one task that changes the mesh. It takes everything that waits into one draft and one
//! transaction (group commit), and publishes the draft only when the store has it: what was
//! acknowledged survives a crash, and what could not be stored never happened.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mesh_core::{AgentId, Clock, Timestamp};
use mesh_store::{SchemaRow, Store, StoreError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::audit::{Audit, Progress};
use crate::metrics::{Metrics, StoreOperation};
use crate::outages::Outages;
use crate::topology::{Agent, Draft, Loss, Mesh, Profile, RequiredCycle, Settled};

/// How many changes may wait; callers beyond that wait at the door.
const QUEUE: usize = 1024;
/// How many changes go into one transaction.
const BATCH: usize = 256;
/// How many schemas one request forgets.
const SCHEMAS_AT_ONCE: u32 = 1000;

/// Why a change did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum WriteError {
    /// The store did not take it.
    #[error("the store failed")]
    Store(#[source] Arc<StoreError>),
    /// The registration was refused, and nothing was written.
    #[error(transparent)]
    Refused(RequiredCycle),
    /// The registry is stopping.
    #[error("the registry is shutting down")]
    Closed,
}

/// The outcome of a registration.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) agent: Agent,
    pub(crate) is_new: bool,
}

type Reply<T> = oneshot::Sender<Result<T, WriteError>>;

#[derive(Debug)]
enum Command {
    Register {
        profile: Arc<Profile>,
        registration: String,
        schemas: Vec<SchemaRow>,
        reply: Reply<Registered>,
    },
    Leave {
        id: String,
        reply: Reply<()>,
    },
    Age {
        ids: Vec<AgentId>,
        threshold: Duration,
        reply: Reply<()>,
    },
    Purge {
        ids: Vec<AgentId>,
        retention: Duration,
        reply: Reply<()>,
    },
    Rotate {
        entity: String,
        reply: Reply<usize>,
    },
    Clear(Clearance),
}

/// Asks for schemas to be forgotten that came before a moment and that no agent refers to.
#[derive(Debug)]
struct Clearance {
    before: Timestamp,
    reply: Reply<u64>,
}

/// The way to the writer's task.
#[derive(Debug)]
pub(crate) struct Writer {
    commands: mpsc::Sender<Command>,
    closing: CancellationToken,
    published: watch::Receiver<()>,
    audited: Arc<Progress>,
}

impl Writer {
    pub(crate) fn start(
        mesh: Arc<ArcSwap<Mesh>>,
        store: Store,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> (Self, JoinHandle<()>) {
        let (commands, waiting) = mpsc::channel(QUEUE);
        let closing = CancellationToken::new();
        let (publish, published) = watch::channel(());
        let audit = Audit::start(store.clone(), metrics.clone());
        let audited = audit.progress();
        let desk = Desk {
            mesh,
            store,
            clock,
            metrics,
            outages: Outages::default(),
            audit,
            publish,
        };
        let task = tokio::spawn(run(desk, waiting, closing.clone()));
        let writer = Self {
            commands,
            closing,
            published,
            audited,
        };
        (writer, task)
    }

    /// Tells that another mesh was published; publications that nobody looked at in time are one.
    pub(crate) fn published(&self) -> watch::Receiver<()> {
        self.published.clone()
    }

    /// How far the audit is behind.
    pub(crate) fn audited(&self) -> &Progress {
        &self.audited
    }

    /// Registers an agent or replaces its description; answers when it is durable.
    pub(crate) async fn register(
        &self,
        profile: Profile,
        registration: String,
        schemas: Vec<SchemaRow>,
    ) -> Result<Registered, WriteError> {
        let profile = Arc::new(profile);
        self.ask(|reply| Command::Register {
            profile,
            registration,
            schemas,
            reply,
        })
        .await
    }

    /// Takes an agent out of the wiring because it said goodbye.
    pub(crate) async fn leave(&self, id: String) -> Result<(), WriteError> {
        self.ask(|reply| Command::Leave { id, reply }).await
    }

    /// Takes out those of `ids` that are still silent when their turn comes.
    pub(crate) async fn age(
        &self,
        ids: Vec<AgentId>,
        threshold: Duration,
    ) -> Result<(), WriteError> {
        self.ask(|reply| Command::Age {
            ids,
            threshold,
            reply,
        })
        .await
    }

    /// Forgets those of `ids` that are still gone when their turn comes.
    pub(crate) async fn purge(
        &self,
        ids: Vec<AgentId>,
        retention: Duration,
    ) -> Result<(), WriteError> {
        self.ask(|reply| Command::Purge {
            ids,
            retention,
            reply,
        })
        .await
    }

    /// Asks the healthy agents of `entity`, or all if it is empty, to register again. Says how many.
    pub(crate) async fn rotate(&self, entity: String) -> Result<usize, WriteError> {
        self.ask(|reply| Command::Rotate { entity, reply }).await
    }

    /// Forgets schemas that came before `before` and that no agent refers to when their turn comes.
    /// Says how many.
    pub(crate) async fn clear_schemas(&self, before: Timestamp) -> Result<u64, WriteError> {
        self.ask(|reply| Command::Clear(Clearance { before, reply }))
            .await
    }

    pub(crate) fn close(&self) {
        self.closing.cancel();
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, WriteError> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| WriteError::Closed)?;
        answer.await.map_err(|_| WriteError::Closed)?
    }
}

/// What the task works with.
struct Desk {
    mesh: Arc<ArcSwap<Mesh>>,
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    outages: Outages,
    audit: Audit,
    publish: watch::Sender<()>,
}

async fn run(mut desk: Desk, mut waiting: mpsc::Receiver<Command>, closing: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            biased;
            () = closing.cancelled(), if !waiting.is_closed() => waiting.close(),
            taken = waiting.recv_many(&mut batch, BATCH) => {
                if taken == 0 {
                    break;
                }
                desk.commit(&mut batch).await;
            }
        }
    }
    desk.audit.close().await;
}

impl Desk {
    async fn commit(&mut self, batch: &mut Vec<Command>) {
        let before = self.mesh.load_full();
        let now = self.clock.now();
        let mut draft = Draft::new(&before, now);
        let replies: Vec<Pending> = batch
            .drain(..)
            .map(|command| apply(&mut draft, command))
            .collect();
        if draft.is_empty() {
            let clearances = answer(replies, Ok(&before));
            self.clear(&before, clearances).await;
            return;
        }
        let Settled {
            mesh,
            changes,
            touched,
            stirred,
            resolved,
        } = draft.settle();
        let apply = self.store.apply(&changes);
        match self.metrics.store(StoreOperation::Apply, apply).await {
            Ok(()) => {
                let mesh = Arc::new(mesh);
                self.mesh.store(mesh.clone());
                self.publish.send_replace(());
                for pulse in &stirred {
                    pulse.watches.wake();
                }
                self.outages.note(&before, &mesh, &touched);
                self.audit.note(&mesh, resolved, now);
                let clearances = answer(replies, Ok(&mesh));
                self.clear(&mesh, clearances).await;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "change not stored"
                );
                let none = answer(replies, Err(&WriteError::Store(Arc::new(error))));
                debug_assert!(none.is_empty(), "they were told of the failure");
            }
        }
    }

    /// Forgets schemas. Here and not where it is asked for, because no registration is written
    /// meanwhile: none can bring a schema back that is about to go.
    async fn clear(&self, mesh: &Mesh, clearances: Vec<Clearance>) {
        for Clearance { before, reply } in clearances {
            let agents = mesh.agents();
            let kept: BTreeSet<_> = agents.flat_map(|agent| &agent.profile.schemas).collect();
            let kept: Vec<_> = kept.into_iter().map(ToString::to_string).collect();
            let forget = self.store.forget_schemas(&kept, before, SCHEMAS_AT_ONCE);
            let forgotten = self.metrics.store(StoreOperation::ForgetSchemas, forget);
            let outcome = forgotten.await.map_err(|error| {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "schemas not forgotten"
                );
                WriteError::Store(Arc::new(error))
            });
            let _ = reply.send(outcome);
        }
    }
}

/// Somebody who waits for the transaction.
enum Pending {
    Registration {
        id: AgentId,
        /// Whether the agent is new.
        outcome: Result<bool, RequiredCycle>,
        reply: Reply<Registered>,
    },
    Change(Reply<()>),
    Rotation {
        asked: usize,
        reply: Reply<usize>,
    },
    Clearance(Clearance),
}

fn apply(draft: &mut Draft, command: Command) -> Pending {
    match command {
        Command::Register {
            profile,
            registration,
            schemas,
            reply,
        } => {
            let id = profile.id.clone();
            let outcome = draft.register(profile, registration);
            if outcome.is_ok() {
                draft.publish(schemas);
            }
            Pending::Registration { id, outcome, reply }
        }
        Command::Leave { id, reply } => {
            draft.lose(&id, Loss::Left);
            Pending::Change(reply)
        }
        Command::Age {
            ids,
            threshold,
            reply,
        } => {
            for id in ids {
                draft.age(id.as_str(), threshold);
            }
            Pending::Change(reply)
        }
        Command::Purge {
            ids,
            retention,
            reply,
        } => {
            for id in ids {
                draft.purge(id.as_str(), retention);
            }
            Pending::Change(reply)
        }
        Command::Rotate { entity, reply } => {
            let entity = Some(entity.as_str()).filter(|entity| !entity.is_empty());
            let asked = draft.rotate(entity);
            Pending::Rotation { asked, reply }
        }
        Command::Clear(clearance) => Pending::Clearance(clearance),
    }
}

/// Tells everybody but those whose work begins only now, and returns them; whoever hung up meanwhile
/// is not missed.
fn answer(replies: Vec<Pending>, outcome: Result<&Mesh, &WriteError>) -> Vec<Clearance> {
    let mut clearances = Vec::new();
    for pending in replies {
        match pending {
            Pending::Registration {
                id,
                outcome: drafted,
                reply,
            } => {
                // A refusal may rest on what the same batch failed to store.
                let registered = outcome.map_err(Clone::clone).and_then(|mesh| {
                    let is_new = drafted.map_err(WriteError::Refused)?;
                    // The same batch may hold a later goodbye, but nothing purges a fresh agent.
                    let agent = mesh.agent(id.as_str()).cloned().ok_or(WriteError::Closed)?;
                    Ok(Registered { agent, is_new })
                });
                let _ = reply.send(registered);
            }
            Pending::Change(reply) => {
                let _ = reply.send(outcome.map(|_| ()).map_err(Clone::clone));
            }
            Pending::Rotation { asked, reply } => {
                let _ = reply.send(outcome.map(|_| asked).map_err(Clone::clone));
            }
            Pending::Clearance(clearance) => match outcome {
                Ok(_) => clearances.push(clearance),
                Err(error) => {
                    let _ = clearance.reply.send(Err(error.clone()));
                }
            },
        }
    }
    clearances
}
