//! Which agent does the thinking for an LLM function.

use mesh_core::wire::{LlmProviderAnswer, SlotStatus};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Mesh, Target, usable};
use crate::topology::function::Spec;
use crate::topology::resolve::best;

/// The LLM provider that `need` finds: the winner as among the providers of a dependency.
pub(super) fn find(need: &Spec, mesh: &Mesh) -> Option<Target> {
    best(need, usable(mesh.providers.get(&need.capability)?))
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
        model: None,
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
