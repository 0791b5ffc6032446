//! Says in the log when a capability loses its last provider, and when it is back.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::topology::Mesh;

/// The capabilities that consumers need and nobody offers any more.
#[derive(Debug, Default)]
pub(crate) struct Outages(HashSet<Arc<str>>);

impl Outages {
    /// Compares the mesh before and after a change to the offers of `touched`.
    pub(crate) fn note(&mut self, before: &Mesh, after: &Mesh, touched: &BTreeSet<Arc<str>>) {
        for capability in touched {
            let offered = after.offers(capability);
            if !offered && before.offers(capability) && after.needs(capability) {
                tracing::warn!(%capability, "capability lost its last provider");
                self.0.insert(capability.clone());
            } else if offered && self.0.remove(capability) {
                tracing::info!(%capability, "capability has a provider again");
            }
        }
    }
}
