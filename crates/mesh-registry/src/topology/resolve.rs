//! Which provider a dependency is wired to.

use std::cmp::Ordering;
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
        .filter_map(|((_, position), profile)| Fit::judge(need, profile, *position))
        .min_by(Fit::compare)
        .map(|fit| Target {
            profile: fit.profile.clone(),
            position: fit.position,
        })
}

/// A candidate that satisfies a need.
struct Fit<'a> {
    score: u32,
    offer: &'a Offer,
    profile: &'a Arc<Profile>,
    position: usize,
}

impl<'a> Fit<'a> {
    fn judge(need: &Need, profile: &'a Arc<Profile>, position: usize) -> Option<Self> {
        let offer = profile.functions[position].offer.as_ref()?;
        let score = need.tags.score(&offer.tags).ok()?;
        need.version.accepts(&offer.version).then_some(Self {
            score,
            offer,
            profile,
            position,
        })
    }

    fn function_name(&self) -> &str {
        &self.profile.functions[self.position].name
    }

    /// The better one is less.
    fn compare(&self, other: &Self) -> Ordering {
        (other.score.cmp(&self.score))
            .then_with(|| other.offer.version.rank(&self.offer.version))
            .then_with(|| self.profile.id.cmp(&other.profile.id))
            .then_with(|| self.function_name().cmp(other.function_name()))
    }
}
