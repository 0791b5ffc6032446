//! Which provider a dependency is wired to.

use std::cmp::Ordering;
use std::sync::Arc;

use imbl::OrdMap;
use mesh_core::AgentId;

use super::function::{Function, Offer, Spec};
use super::{Endpoint, Profile};

/// Where an offer stands: the agent, and the position of the function among its tools.
pub(crate) type OfferKey = (AgentId, usize);

/// Offers of one capability, in the order that breaks ties.
pub(crate) type Candidates = OrdMap<OfferKey, Arc<Profile>>;

/// A provider's function that a dependency is wired to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) profile: Arc<Profile>,
    position: usize,
}

impl Target {
    /// The function at `position`, which must offer something.
    pub(super) fn new(profile: Arc<Profile>, position: usize) -> Self {
        Self { profile, position }
    }

    pub(crate) fn function_name(&self) -> &str {
        &self.function().name
    }

    pub(crate) fn offer(&self) -> &Offer {
        self.function()
            .offer
            .as_ref()
            .expect("a target is made from an offer, and profiles never change")
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.profile.endpoint
    }

    fn function(&self) -> &Function {
        &self.profile.functions[self.position]
    }

    /// Whether both are the same registration of the same function.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.profile, &other.profile) && self.position == other.position
    }
}

/// What a need is wired to, and by which of its alternatives.
#[derive(Debug, Clone)]
pub(crate) struct Wired {
    pub(crate) target: Target,
    pub(crate) alternative: usize,
}

impl Wired {
    /// Whether both are the same alternative and the same registration of the same function.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.alternative == other.alternative && self.target.is(&other.target)
    }
}

/// Runs the pipeline: tags, version, schema, and the winner by tag score, then version, then agent
/// id, then function name. Who is not available is no candidate in the first place.
pub(crate) fn resolve(spec: &Spec, candidates: &Candidates) -> Option<Target> {
    candidates
        .iter()
        .filter_map(|((_, position), profile)| Fit::judge(spec, profile, *position))
        .min_by(Fit::compare)
        .map(|fit| Target::new(fit.profile.clone(), fit.position))
}

/// Whether [`resolve`] finds anybody.
pub(crate) fn is_resolvable(spec: &Spec, candidates: &Candidates) -> bool {
    first_match(spec, candidates).is_some()
}

/// The first in order, be it the winner or not, that satisfies `spec`.
pub(crate) fn first_match<'a>(
    spec: &Spec,
    candidates: &'a Candidates,
) -> Option<(&'a OfferKey, &'a Arc<Profile>)> {
    candidates
        .iter()
        .find(|((_, position), profile)| Fit::judge(spec, profile, *position).is_some())
}

/// A candidate that satisfies a dependency.
struct Fit<'a> {
    score: u32,
    offer: &'a Offer,
    profile: &'a Arc<Profile>,
    position: usize,
}

impl<'a> Fit<'a> {
    fn judge(spec: &Spec, profile: &'a Arc<Profile>, position: usize) -> Option<Self> {
        let offer = profile.functions[position].offer.as_ref()?;
        let score = spec.tags.score(&offer.tags).ok()?;
        let suits = spec.version.accepts(&offer.version)
            && (spec.schema.as_ref()).is_none_or(|schema| schema.accepts(offer.output.as_ref()));
        suits.then_some(Self {
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
