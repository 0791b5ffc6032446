//! How many jobs wait to be claimed, by capability. Pings read it, so it is never a query: changes
//! name the capabilities whose count is in doubt, and those are counted again, together.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use imbl::HashMap;
use mesh_core::Label;
use mesh_store::StoreError;
use tokio::sync::Notify;

use crate::App;
use crate::metrics::StoreOperation;
use crate::topology::Mesh;

/// More are not counted out to a ping.
const MAX_HINT: u64 = 100;

/// The counts, and which of them are in doubt.
#[derive(Debug)]
pub(crate) struct Pending {
    /// Capabilities with none are absent.
    counts: ArcSwap<HashMap<Arc<str>, u64>>,
    doubtful: Mutex<HashSet<Arc<str>>>,
    doubt: Notify,
}

impl Pending {
    pub(crate) fn new(counts: Vec<(String, u64)>) -> Self {
        Self {
            counts: ArcSwap::from_pointee(table(counts)),
            doubtful: Mutex::default(),
            doubt: Notify::new(),
        }
    }

    /// How many jobs wait for what agents called `name` offer.
    pub(crate) fn hint(&self, mesh: &Mesh, name: &Label) -> u64 {
        let counts = self.counts.load();
        if counts.is_empty() {
            return 0; // The rule; then a ping costs nothing.
        }
        let waiting = mesh.repertoire(name).filter_map(|name| counts.get(name));
        waiting.sum::<u64>().min(MAX_HINT)
    }

    /// Says that the count of `capability` may have changed.
    pub(crate) fn touch(&self, capability: &str) {
        if self.doubtful().insert(capability.into()) {
            self.doubt.notify_one();
        }
    }

    /// Resolves when a count is in doubt.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    fn doubtful(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        // Every change leaves the set whole, so a panic elsewhere does not spoil it.
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table(counts: Vec<(String, u64)>) -> HashMap<Arc<str>, u64> {
    let waiting = counts.into_iter().filter(|(_, count)| *count > 0);
    waiting
        .map(|(capability, count)| (capability.into(), count))
        .collect()
}

impl App {
    /// Counts again what is in doubt. What comes into doubt meanwhile is left for the next time.
    pub async fn recount_jobs(&self) -> Result<(), StoreError> {
        let pending = &self.jobs.pending;
        let doubtful = std::mem::take(&mut *pending.doubtful());
        if doubtful.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = doubtful.iter().map(ToString::to_string).collect();
        let counted = match self
            .metrics
            .store(
                StoreOperation::CountJobs,
                self.store.claimable_jobs_of(&names),
            )
            .await
        {
            Ok(counted) => counted,
            Err(error) => {
                pending.doubtful().extend(doubtful);
                pending.doubt.notify_one();
                return Err(error);
            }
        };
        let mut counts = HashMap::clone(&pending.counts.load());
        for capability in doubtful {
            counts.remove(&capability);
        }
        counts.extend(table(counted));
        pending.counts.store(Arc::new(counts));
        Ok(())
    }

    /// Counts everything again: another replica may have changed what nobody here doubts.
    pub(super) async fn recount_all_jobs(&self) -> Result<(), StoreError> {
        let counts = self
            .metrics
            .store(StoreOperation::CountJobs, self.store.claimable_jobs())
            .await?;
        self.jobs.pending.counts.store(Arc::new(table(counts)));
        Ok(())
    }
}
