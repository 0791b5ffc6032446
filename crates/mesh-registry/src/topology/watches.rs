//! Who waits for one agent's answer to change.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How many watches of one agent may be open. A healthy agent has one; the others are what a broken
/// network left half open.
pub(crate) const WATCHES_PER_AGENT: usize = 8;

/// The open watches of one agent. Whoever is concerned is woken and nobody else, so a change costs
/// what it touches.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    changed: Notify,
    /// One entry per open watch, oldest first; notified when it is its turn to go.
    open: Mutex<VecDeque<Arc<Notify>>>,
}

impl Watches {
    /// Wakes every watch: there is something new to look at.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// The next [`Self::wake`]. Whoever enables it before looking misses nothing.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Counts a watch in. The one returned is notified when too many others came after it: the newest
    /// is the one whose agent still lives.
    pub(crate) fn enter(&self) -> Arc<Notify> {
        let mut open = self.lock();
        if open.len() >= WATCHES_PER_AGENT
            && let Some(oldest) = open.pop_front()
        {
            oldest.notify_one();
        }
        let entry = Arc::new(Notify::new());
        open.push_back(Arc::clone(&entry));
        entry
    }

    /// Counts a watch out.
    pub(crate) fn leave(&self, entry: &Arc<Notify>) {
        self.lock().retain(|known| !Arc::ptr_eq(known, entry));
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Notify>>> {
        // A list of handles is whole at any moment.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
