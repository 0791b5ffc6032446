//! Which provider a dependency is wired to.

use std::cmp::Ordering;
use std::sync::Arc;

use imbl::OrdMap;
use mesh_core::AgentId;
use mesh_core::wire::SlotStatus;

use super::function::{Function, Offer, Spec};
use super::{Endpoint, Profile};

/// Where an offer stands: the agent, and the position of the function among its tools.
pub(crate) type OfferKey = (AgentId, usize);

/// Offers of one capability, in the order that breaks ties.
pub(crate) type Candidates = OrdMap<OfferKey, Arc<Profile>>;

/// An offer that is looked at: its agent, and the position of the function among its tools.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) profile: &'a Arc<Profile>,
    pub(super) position: usize,
}

impl<'a> Candidate<'a> {
    /// Every offer of one capability, in the order that breaks ties.
    pub(super) fn all(offers: &'a Candidates) -> impl Iterator<Item = Self> {
        offers
            .iter()
            .map(|((_, position), profile)| Self::new(profile, *position))
    }

    /// The function at `position`, which must offer something.
    pub(super) fn new(profile: &'a Arc<Profile>, position: usize) -> Self {
        Self { profile, position }
    }

    pub(super) fn function(self) -> &'a Function {
        &self.profile.functions[self.position]
    }

    pub(super) fn offer(self) -> &'a Offer {
        let offer = self.function().offer.as_ref();
        offer.expect("what is indexed as an offer is one, and profiles never change")
    }

    pub(super) fn target(self) -> Target {
        Target {
            profile: self.profile.clone(),
            position: self.position,
        }
    }
}

/// A provider's function that a dependency is wired to. Two are equal if they are the same
/// registration of the same function.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) profile: Arc<Profile>,
    position: usize,
}

impl Target {
    pub(crate) fn function_name(&self) -> &str {
        &self.candidate().function().name
    }

    pub(crate) fn offer(&self) -> &Offer {
        self.candidate().offer()
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.profile.endpoint
    }

    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate::new(&self.profile, self.position)
    }

    /// What a listing says of a place that `found` was wired to, if anything was.
    pub(super) fn status(found: Option<&Self>) -> SlotStatus {
        if found.is_some() {
            SlotStatus::Available
        } else {
            SlotStatus::Unresolved
        }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.profile, &other.profile) && self.position == other.position
    }
}

/// What a need is wired to, and by which of its alternatives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wired {
    pub(crate) target: Target,
    pub(crate) alternative: usize,
}

/// Runs the pipeline: tags, version, schema, and the winner by tag score, then version, then agent
/// id, then function name. Who is not available is no candidate in the first place.
pub(super) fn best<'a>(
    spec: &Spec,
    candidates: impl Iterator<Item = Candidate<'a>>,
) -> Option<Target> {
    candidates
        .filter_map(|candidate| {
            let score = spec.score(candidate.offer())?;
            Some(Fit { score, candidate })
        })
        .min_by(Fit::compare)
        .map(|fit| fit.candidate.target())
}

/// The first in order, be it the winner or not, that satisfies `spec`.
pub(super) fn first_match<'a>(spec: &Spec, offers: &'a Candidates) -> Option<Candidate<'a>> {
    Candidate::all(offers).find(|candidate| spec.score(candidate.offer()).is_some())
}

/// A candidate that satisfies a dependency.
struct Fit<'a> {
    score: u32,
    candidate: Candidate<'a>,
}

impl Fit<'_> {
    /// The better one is less.
    fn compare(&self, other: &Self) -> Ordering {
        let (own, others) = (self.candidate, other.candidate);
        (other.score.cmp(&self.score))
            .then_with(|| others.offer().version.rank(&own.offer().version))
            .then_with(|| own.profile.id.cmp(&others.profile.id))
            .then_with(|| own.function().name.cmp(&others.function().name))
    }
}
