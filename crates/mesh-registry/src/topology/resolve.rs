//! Which provider a dependency is wired to.

use std::cmp::Reverse;
use std::sync::Arc;

use imbl::OrdMap;
use mesh_core::AgentId;

use super::profile::{Need, Offer};
use super::{Endpoint, Profile};

/// Where an offer stands: the agent, and the position of the function among its tools.
pub(crate) type OfferKey = (AgentId, usize);

/// The offers of one capability by healthy agents, in the order that breaks ties.
pub(crate) type Candidates = OrdMap<OfferKey, Arc<Profile>>;

/// A provider's function that a dependency is wired to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) profile: Arc<Profile>,
    position: usize,
}

impl Target {
    pub(crate) fn function_name(&self) -> &str {
        &self.profile.functions[self.position].name
    }

    pub(crate) fn offer(&self) -> &Offer {
        self.profile.functions[self.position]
            .offer
            .as_ref()
            .expect("a target is made from an offer, and profiles never change")
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.profile.endpoint
    }

    /// Whether both are the same registration of the same function.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.profile, &other.profile) && self.position == other.position
    }
}

/// Runs the pipeline: health (only healthy agents are candidates), name, tags, version, and the
/// winner by tag score, then version, then agent id, then function name.
pub(crate) fn resolve(need: &Need, candidates: &Candidates) -> Option<Target> {
    candidates
        .iter()
        .filter_map(|((_, position), profile)| {
            let function = &profile.functions[*position];
            let offer = function.offer.as_ref()?;
            let score = need.tags.score(&offer.tags).ok()?;
            need.version.accepts(&offer.version).then_some((
                (
                    Reverse(score),
                    Reverse(&offer.version),
                    &profile.id,
                    &function.name,
                ),
                (profile, *position),
            ))
        })
        .min_by(|(left, _), (right, _)| left.cmp(right))
        .map(|(_, (profile, position))| Target {
            profile: profile.clone(),
            position,
        })
}
