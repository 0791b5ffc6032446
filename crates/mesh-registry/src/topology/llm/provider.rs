//! Which agent does the thinking for an LLM function.

use std::cmp::Ordering;
use std::sync::Arc;

use mesh_core::matching::{TagQuery, VersionQuery};
use mesh_core::wire::{LlmProviderAnswer, LlmSelector, SlotStatus, TagEntry};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Candidate, Mesh, Target};

/// The LLM provider that a function asks for, compiled.
#[derive(Debug)]
pub(super) struct ProviderNeed {
    pub(super) capability: Arc<str>,
    tags: TagQuery,
    version: VersionQuery,
    /// As declared, for listings.
    pub(super) tag_entries: Box<[TagEntry]>,
}

impl ProviderNeed {
    /// `None` if no capability is named.
    pub(super) fn compile(selector: LlmSelector) -> Option<Self> {
        (!selector.capability.is_empty()).then(|| Self {
            capability: selector.capability.into(),
            tags: TagQuery::new(&selector.tags),
            version: VersionQuery::new(&selector.version),
            tag_entries: selector.tags.into(),
        })
    }

    /// The winner by tag score, then version, then agent id, then function name, as among the
    /// providers of a dependency.
    pub(super) fn resolve(&self, mesh: &Mesh) -> Option<Target> {
        let offers = mesh.providers.get(&self.capability)?;
        Candidate::among(offers)
            .filter_map(|candidate| {
                let offer = candidate.offer();
                let score = self.tags.score(&offer.tags).ok()?;
                let fits = self.version.accepts(&offer.version);
                fits.then_some((score, candidate))
            })
            .min_by(|(score, candidate), (other_score, other)| {
                (other_score.cmp(score)).then_with(|| compare(*candidate, *other))
            })
            .map(|(_, candidate)| candidate.target())
    }
}

/// Of two that suit equally well, the better one is less.
fn compare(candidate: Candidate<'_>, other: Candidate<'_>) -> Ordering {
    (other.offer().version.rank(&candidate.offer().version))
        .then_with(|| candidate.profile.id.cmp(&other.profile.id))
        .then_with(|| candidate.function().name.cmp(&other.function().name))
}

/// A provider as the answer shows it.
pub(super) fn answer(target: &Target) -> LlmProviderAnswer {
    let offer = target.offer();
    LlmProviderAnswer {
        agent_id: target.profile.id.to_string(),
        name: target.function_name().to_owned(),
        endpoint: target.profile.llm_endpoint.to_string(),
        capability: offer.capability.to_string(),
        status: SlotStatus::Available,
        vendor: vendor(offer.kwargs.as_deref()).unwrap_or_else(|| UNKNOWN_VENDOR.to_owned()),
        tags: offer.tags.to_vec(),
        version: Some(offer.version.as_str().to_owned()),
        kwargs: offer.kwargs.clone(),
    }
}

const UNKNOWN_VENDOR: &str = "unknown";

fn vendor(kwargs: Option<&RawValue>) -> Option<String> {
    #[derive(Deserialize)]
    struct Vendor {
        vendor: String,
    }
    // Keyword arguments are free form: what is no text names no vendor.
    let kwargs: Vendor = serde_json::from_str(kwargs?.get()).ok()?;
    (!kwargs.vendor.is_empty()).then_some(kwargs.vendor)
}
