//! One agent in the mesh.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use mesh_core::Timestamp;
use mesh_core::wire::AgentStatus;

use super::watches::Watches;
use super::{AnswerId, Profile, Wiring};

/// An agent: its description, the registry's verdict and its answer. Cheap to clone; a change
/// replaces it in the next snapshot.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) profile: Arc<Profile>,
    pub(crate) status: AgentStatus,
    pub(crate) wiring: Arc<Wiring>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) created_at: Timestamp,
    /// The certificate's entity that claimed the id.
    pub(crate) entity_id: Option<Arc<str>>,
}

impl Agent {
    /// Whether the agent has not fetched its current answer.
    pub(crate) fn is_outdated(&self) -> bool {
        self.pulse.fetched.load(Ordering::Relaxed) != self.wiring.generation
    }

    /// Whether the agent, which says that it holds `held`, is to register again.
    pub(crate) fn is_outdated_with(&self, held: AnswerId) -> bool {
        let current = self.wiring.id();
        if !held.says_the_same_as(&current) {
            return true; // Whatever was sent to it got lost.
        }
        if held.generation == current.generation {
            self.mark_fetched();
            return false;
        }
        // The same words of another generation: of another life of the registry, or because the agent
        // is asked to register for another reason than its wiring.
        self.is_outdated()
    }

    /// Notes that the agent was handed its current answer.
    pub(crate) fn mark_fetched(&self) {
        self.pulse
            .fetched
            .store(self.wiring.generation, Ordering::Relaxed);
    }
}

/// What every heartbeat touches. It outlives snapshots, so a stamp is never lost to a change that
/// happens at the same time.
#[derive(Debug)]
pub(crate) struct Pulse {
    last_seen: AtomicI64,
    /// The generation of the answer that the agent fetched last; 0 for none.
    fetched: AtomicU64,
    /// The `last_seen` that the store knows.
    stored: AtomicI64,
    /// Who is to be told of a new answer at once.
    pub(crate) watches: Watches,
}

impl Pulse {
    /// The pulse of an agent that the store knows as seen at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            last_seen: AtomicI64::new(now.as_nanos()),
            fetched: AtomicU64::new(0),
            stored: AtomicI64::new(now.as_nanos()),
            watches: Watches::default(),
        }
    }

    /// Stamps the agent as alive.
    pub(crate) fn beat(&self, now: Timestamp) {
        self.last_seen.store(now.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn last_seen(&self) -> Timestamp {
        Timestamp::from_nanos(self.last_seen.load(Ordering::Relaxed))
    }

    /// What the store knows of [`Self::last_seen`].
    pub(crate) fn stored(&self) -> Timestamp {
        Timestamp::from_nanos(self.stored.load(Ordering::Relaxed))
    }

    /// Notes that the store was told `seen`.
    pub(crate) fn mark_stored(&self, seen: Timestamp) {
        self.stored.store(seen.as_nanos(), Ordering::Relaxed);
    }
}
