//! What the runtime's thread writes and every other thread reads.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use arc_swap::ArcSwap;
use mesh_core::wire::{Answer, Registration};
use parking_lot::Mutex;

use crate::settle::{Done, Need, Settle};
use crate::status::StatusBoard;
use crate::{AgentSettings, AgentState, Target, Wiring};

/// The published state of one agent.
pub(crate) struct Shared {
    wiring: ArcSwap<Wiring>,
    settle: Mutex<Settle>,
    pub(crate) status: StatusBoard,
    /// What the last ping said.
    pub(crate) pending_jobs: AtomicU32,
}

impl Shared {
    pub(crate) fn new(registration: &Registration, settings: &AgentSettings) -> Self {
        let state = if settings.standalone {
            AgentState::Standalone
        } else {
            AgentState::Starting
        };
        let shared = Self {
            wiring: ArcSwap::default(),
            settle: Mutex::new(Settle::new(registration)),
            status: StatusBoard::new(state, settings.observer.clone()),
            pending_jobs: AtomicU32::new(0),
        };
        if settings.standalone {
            shared.close_settle();
        }
        shared
    }

    pub(crate) fn wiring(&self) -> Arc<Wiring> {
        self.wiring.load_full()
    }

    pub(crate) fn slot(&self, function: &str, index: usize) -> Option<Arc<Target>> {
        self.wiring.load().slot(function, index)
    }

    pub(crate) fn wait_for(&self, need: Need, done: Done) {
        // The wiring is read under the lock: `publish` stores it before it takes the lock, so either
        // it is seen here or the waiter is seen there.
        let mut settle = self.settle.lock();
        let told = settle.wait(self.wiring(), need, done);
        drop(settle);
        told.tell();
    }

    pub(crate) fn publish(&self, answer: Answer) {
        let Some(wiring) = self.wiring.load().after(answer) else {
            return;
        };
        tracing::debug!(version = wiring.version(), "wiring changed");
        let wiring = Arc::new(wiring);
        self.wiring.store(Arc::clone(&wiring));
        let told = self.settle.lock().notice(wiring);
        told.tell();
    }

    pub(crate) fn redeclare(&self, before: &Registration, after: &Registration) {
        self.settle.lock().redeclare(before, after);
    }

    pub(crate) fn close_settle(&self) {
        let told = self.settle.lock().close(self.wiring());
        told.tell();
    }
}
