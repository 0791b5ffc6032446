//! Writes down how dependencies were resolved, behind the writer's back: nobody who registers waits
//! for it.
//!
//! The writer notes the slots that were resolved, each with the mesh in which it was: anew, or again
//! because others became candidates or ceased to be, while the winner stayed. One task takes the
//! notes in order, decides by the last trace of the slot whether there is anything to tell, and only
//! then computes a trace. What is remembered of a slot lives in memory; after a restart its first
//! trace is told again.
//!
//! The queue is bounded. In a storm that is longer than the queue, notes are dropped and counted;
//! the next time that such a slot is resolved, it is told. Slots that kept their winner are noted
//! while half of the queue is free, so they never crowd out the others.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mesh_core::wire::{AuditTrace, EventKind};
use mesh_core::{AgentId, Timestamp};
use mesh_store::{Change, EventRow, Store};
use serde_json::value::to_raw_value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

use crate::metrics::{Metrics, StoreOperation};
use crate::topology::{Mesh, Resolved, Slot};

/// How many notes may wait. Each keeps a snapshot of the mesh alive, or a part of one.
const QUEUE: usize = 1024;
/// How many of these places are not for slots that kept their winner.
const RESERVED: usize = QUEUE / 2;
/// How many notes are taken at once, and so how many events one transaction writes at most.
const BATCH: usize = 64;
/// The pause between two transactions while more notes wait. It leaves the store to registrations: in
/// a storm every slot has something to tell, and telling is as long as registering.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the task goes on when the registry stops. The store has more important things to learn
/// then, and little time.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How many slots are remembered before those of vanished agents are looked for.
const FIRST_PRUNE: usize = 1024;
/// How long a reader waits for what was noted before he came.
const PATIENCE: Duration = Duration::from_millis(500);

/// A slot that was resolved.
#[derive(Debug)]
struct Note {
    mesh: Arc<Mesh>,
    agent_id: AgentId,
    /// Among the agent's slots.
    position: usize,
    at: Timestamp,
}

/// Where the writer leaves its notes.
#[derive(Debug)]
pub(crate) struct Audit {
    notes: mpsc::Sender<Note>,
    progress: Arc<Progress>,
    task: JoinHandle<()>,
}

/// How far the task is.
#[derive(Debug)]
pub(crate) struct Progress {
    noted: AtomicU64,
    dropped: AtomicU64,
    done: watch::Sender<u64>,
}

impl Audit {
    pub(crate) fn start(store: Store, metrics: Arc<Metrics>) -> Self {
        let (notes, waiting) = mpsc::channel(QUEUE);
        let progress = Arc::new(Progress {
            noted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            done: watch::Sender::new(0),
        });
        let clerk = Clerk {
            store,
            metrics,
            slots: HashMap::new(),
            prune_at: FIRST_PRUNE,
            progress: progress.clone(),
        };
        Self {
            task: tokio::spawn(clerk.run(waiting)),
            notes,
            progress,
        }
    }

    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    /// Notes the slots that were resolved in `mesh`. Never waits.
    pub(crate) fn note(&self, mesh: &Arc<Mesh>, resolved: Resolved, at: Timestamp) {
        let note = |(agent_id, position)| Note {
            mesh: mesh.clone(),
            agent_id,
            position,
            at,
        };
        for slot in resolved.anew {
            // A full queue; the task outlives its queue.
            self.count(self.notes.try_send(note(slot)).is_ok());
        }
        for slot in resolved.again {
            let has_room = self.notes.capacity() > RESERVED;
            self.count(has_room && self.notes.try_send(note(slot)).is_ok());
        }
    }

    fn count(&self, is_noted: bool) {
        let counter = if is_noted {
            &self.progress.noted
        } else {
            &self.progress.dropped
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when everything noted is written, or soon.
    pub(crate) async fn close(self) {
        drop(self.notes);
        // A clerk that died has logged why.
        let _ = self.task.await;
    }
}

impl Progress {
    /// Waits until what is noted by now is written, but not for long: a reader of events sees what
    /// he caused, unless there is a storm.
    pub(crate) async fn settled(&self) {
        let noted = self.noted.load(Ordering::Relaxed);
        let mut done = self.done.subscribe();
        // In vain if it takes too long, or if the task has ended.
        let _ = tokio::time::timeout(PATIENCE, done.wait_for(|done| *done >= noted)).await;
    }
}

/// What the task works with.
struct Clerk {
    store: Store,
    metrics: Arc<Metrics>,
    /// By agent, function and index of the dependency.
    slots: HashMap<SlotKey, Memory>,
    prune_at: usize,
    progress: Arc<Progress>,
}

type SlotKey = (AgentId, Arc<str>, usize);

/// What is remembered of a slot.
#[derive(Debug, Default)]
struct Memory {
    /// Who won last, told or not.
    winner: Option<Winner>,
    /// The kind and the digest of what was told last.
    told: Option<(EventKind, u128)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Winner {
    agent_id: String,
    function: String,
}

impl Clerk {
    async fn run(mut self, mut waiting: mpsc::Receiver<Note>) {
        let mut notes = Vec::with_capacity(BATCH);
        let mut done = 0;
        let mut closing = None;
        while waiting.recv_many(&mut notes, BATCH).await > 0 {
            done += notes.len() as u64;
            self.prune(&notes);
            let events: Vec<_> = notes
                .drain(..)
                .filter_map(|note| self.judge(&note))
                .collect();
            self.write(events).await;
            self.progress.done.send_replace(done);
            if waiting.is_empty() {
                self.confess();
            } else if !waiting.is_closed() {
                tokio::time::sleep(PAUSE).await;
            } else if closing.get_or_insert_with(Instant::now).elapsed() > LAST_WORDS {
                let left = waiting.len() as u64;
                self.progress.dropped.fetch_add(left, Ordering::Relaxed);
                break;
            }
        }
        self.confess();
    }

    /// The event that a note makes, if it makes one.
    fn judge(&mut self, note: &Note) -> Option<(SlotKey, Change)> {
        let slot = Slot::find(&note.mesh, note.agent_id.as_str(), note.position)?;
        let key = (
            note.agent_id.clone(),
            Arc::from(slot.function_name()),
            slot.index(),
        );
        let memory = self.slots.entry(key.clone()).or_default();
        let winner = slot.winner().map(|(agent_id, function)| Winner {
            agent_id: agent_id.to_owned(),
            function: function.to_owned(),
        });
        let has_losers = slot.has_losers();
        let (kind, is_news) = if winner.is_some() {
            let was_unresolved = matches!(memory.told, Some((EventKind::DependencyUnresolved, _)));
            let changed = memory.winner.is_some() && memory.winner != winner;
            let is_news = has_losers || changed || was_unresolved;
            (EventKind::DependencyResolved, is_news)
        } else {
            let is_news = has_losers || memory.winner.is_some();
            (EventKind::DependencyUnresolved, is_news)
        };
        let prior = std::mem::replace(&mut memory.winner, winner);
        if !is_news {
            return None;
        }
        let mut trace = slot.trace(None);
        let told = (kind, digest(&trace));
        if memory.told == Some(told) {
            return None;
        }
        memory.told = Some(told);
        trace.prior_chosen = prior.map(|winner| winner.agent_id);
        let event = EventRow {
            kind,
            agent_id: note.agent_id.to_string(),
            agent_name: None,
            function_name: Some(slot.function_name().to_owned()),
            timestamp: note.at,
            data: Some(to_raw_value(&trace).expect("wire types hold nothing that JSON lacks")),
        };
        Some((key, Change::Record(event)))
    }

    async fn write(&mut self, events: Vec<(SlotKey, Change)>) {
        if events.is_empty() {
            return;
        }
        let (keys, changes): (Vec<_>, Vec<_>) = events.into_iter().unzip();
        let apply = self.store.apply(&changes);
        if let Err(error) = self.metrics.store(StoreOperation::Audit, apply).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                traces = changes.len(),
                "audit traces not stored"
            );
            for key in keys {
                self.slots.remove(&key); // So that the next trace is told.
            }
        }
    }

    /// Forgets the slots of agents that are gone, whenever twice as many are remembered as the last
    /// time.
    fn prune(&mut self, notes: &[Note]) {
        if let Some(note) = notes.last()
            && self.slots.len() >= self.prune_at
        {
            let mesh = &note.mesh;
            self.slots
                .retain(|(agent_id, _, _), _| mesh.agent(agent_id.as_str()).is_some());
            self.prune_at = (self.slots.len() * 2).max(FIRST_PRUNE);
        }
    }

    /// Says once per storm what was not written.
    fn confess(&self) {
        let traces = self.progress.dropped.swap(0, Ordering::Relaxed);
        if traces > 0 {
            tracing::warn!(traces, "audit traces dropped, too many at once");
        }
    }
}

/// Tells two traces apart, whatever came before them.
fn digest(trace: &AuditTrace) -> u128 {
    let mut trace = trace.clone();
    trace.prior_chosen = None;
    trace.spec.tags.sort_unstable();
    xxh3_128(&serde_json::to_vec(&trace).expect("wire types hold nothing that JSON lacks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(agent_id: &str, count: usize) -> Vec<(AgentId, usize)> {
        let agent_id = AgentId::parse(agent_id).unwrap();
        (0..count).map(|slot| (agent_id.clone(), slot)).collect()
    }

    #[tokio::test]
    async fn slots_that_kept_their_winner_leave_room_for_the_others() {
        let (notes, mut waiting) = mpsc::channel(QUEUE);
        let progress = Progress {
            noted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            done: watch::Sender::new(0),
        };
        let audit = Audit {
            notes,
            progress: Arc::new(progress),
            task: tokio::spawn(async {}),
        };
        let note = |anew, again| {
            let resolved = Resolved {
                anew: slots("anew", anew),
                again: slots("again", again),
            };
            audit.note(&Arc::default(), resolved, Timestamp::from_seconds(1));
            let dropped = audit.progress.dropped.swap(0, Ordering::Relaxed);
            (waiting.len(), dropped)
        };
        assert_eq!(note(10, 0), (10, 0));
        assert_eq!(note(0, QUEUE), (QUEUE - RESERVED, RESERVED as u64 + 10));
        assert_eq!(note(10, 5), (QUEUE - RESERVED + 10, 5));
        assert_eq!(note(QUEUE, 5), (QUEUE, (QUEUE - RESERVED) as u64 + 15));
        assert_eq!(audit.progress.noted.load(Ordering::Relaxed), QUEUE as u64);
        let mut order = Vec::new();
        while let Ok(note) = waiting.try_recv() {
            order.push(note.agent_id.to_string());
        }
        order.dedup();
        assert_eq!(order, ["anew", "again", "anew"]);
    }
}
