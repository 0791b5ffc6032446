//! Why a dependency has no provider.

use std::collections::BTreeSet;

use mesh_core::wire::{
    AgentInfo, AuditEviction, AuditTrace, CapabilityInfo, EventInfo, EventKind, SlotStatus,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::mesh_view::is_healthy;
use crate::suggestion::did_you_mean;

/// More providers than these are not told of.
const MOST: usize = 3;

/// What keeps a dependency from being wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Obstacle {
    /// No agent offers the capability.
    NobodyOffersIt,
    /// Whoever offers it is down.
    ProviderDown,
    /// Who offers it lacks something itself.
    ProviderUnavailable,
    /// Who offers it was ruled out by tags, version or schema.
    NoMatch,
    /// The registry did not write down why.
    Unknown,
}

/// A dependency without a provider.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Unresolved {
    pub(crate) function_name: String,
    pub(crate) capability: String,
    pub(crate) reason: Obstacle,
    /// The same in words.
    pub(crate) message: String,
    /// Ids of agents that offer the capability.
    pub(crate) providers: Vec<String>,
}

/// The dependencies of `agent` that are not wired, and why, judged by all `agents` and what the
/// registry wrote down about this one.
pub(super) fn unresolved(
    agent: &AgentInfo,
    agents: &[AgentInfo],
    events: &[EventInfo],
) -> Vec<Unresolved> {
    slots(agent)
        .into_iter()
        .map(|(function, capability)| {
            let offers = offers(agents, capability);
            let trace = last_failure(events, function, capability);
            let (reason, message) = judge(capability, &offers, trace.as_ref(), agents);
            let providers: BTreeSet<&str> = offers.iter().map(|(one, _)| one.id.as_str()).collect();
            Unresolved {
                function_name: function.to_owned(),
                capability: capability.to_owned(),
                reason,
                message,
                providers: providers.into_iter().map(str::to_owned).collect(),
            }
        })
        .collect()
}

/// Whether anything is to be explained.
pub(super) fn is_complete(agent: &AgentInfo) -> bool {
    slots(agent).is_empty()
}

/// Function and capability of each slot that is empty.
fn slots(agent: &AgentInfo) -> Vec<(&str, &str)> {
    let dependencies = agent.dependency_resolutions.iter().map(|slot| {
        (
            slot.status,
            slot.function_name.as_str(),
            slot.capability.as_str(),
        )
    });
    let providers = agent.llm_provider_resolutions.iter().map(|slot| {
        let capability = slot.required_capability.as_str();
        (slot.status, slot.function_name.as_str(), capability)
    });
    dependencies
        .chain(providers)
        .filter(|(status, ..)| *status != SlotStatus::Available)
        .map(|(_, function, capability)| (function, capability))
        .collect()
}

type Offer<'a> = (&'a AgentInfo, &'a CapabilityInfo);

fn offers<'a>(agents: &'a [AgentInfo], capability: &str) -> Vec<Offer<'a>> {
    let of = |agent: &'a AgentInfo| agent.capabilities.iter().map(move |offer| (agent, offer));
    agents
        .iter()
        .flat_map(of)
        .filter(|(_, offer)| offer.name == capability)
        .collect()
}

/// What the registry wrote down last about this slot, if it found nobody then.
fn last_failure(events: &[EventInfo], function: &str, capability: &str) -> Option<AuditTrace> {
    let kinds = [
        EventKind::DependencyResolved,
        EventKind::DependencyUnresolved,
    ];
    events
        .iter()
        .filter(|event| kinds.contains(&event.event_type))
        .filter(|event| event.function_name.as_deref() == Some(function))
        .filter_map(|event| serde_json::from_str::<AuditTrace>(event.data.as_ref()?.get()).ok())
        .find(|trace| trace.spec.capability == capability)
        .filter(|trace| trace.chosen.is_none())
}

fn judge(
    capability: &str,
    offers: &[Offer<'_>],
    trace: Option<&AuditTrace>,
    agents: &[AgentInfo],
) -> (Obstacle, String) {
    if offers.is_empty() {
        let known = agents.iter().flat_map(|agent| &agent.capabilities);
        let known = known.map(|offer| offer.name.as_str());
        return (
            Obstacle::NobodyOffersIt,
            match did_you_mean(capability, known) {
                Some(suggestion) => format!("nobody offers it; {suggestion}"),
                None => "nobody offers it".to_owned(),
            },
        );
    }
    let up: Vec<&Offer<'_>> = offers.iter().filter(|(one, _)| is_healthy(one)).collect();
    if up.is_empty() {
        return (
            Obstacle::ProviderDown,
            list(
                offers
                    .iter()
                    .map(|(agent, _)| format!("{} offers it and is {}", agent.id, agent.status)),
            ),
        );
    }
    let lacking: Vec<String> = up
        .iter()
        .filter(|(_, offer)| !offer.available)
        .map(|(agent, offer)| {
            let reason = offer.unavailable_reason.as_deref();
            let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
            format!("{} offers it and is not available{reason}", agent.id)
        })
        .collect();
    if lacking.len() == up.len() {
        return (Obstacle::ProviderUnavailable, list(lacking.into_iter()));
    }
    let evicted = trace.map_or(Vec::new(), |trace| {
        let all = trace.stages.iter().flat_map(|stage| &stage.evicted);
        let is_up = |id: &str| up.iter().any(|(agent, _)| agent.id == id);
        all.filter(|evicted| is_up(agent_of(&evicted.id))).collect()
    });
    if evicted.is_empty() {
        let ids = up.iter().map(|(agent, _)| agent.id.clone());
        let message = format!("not wired to {}, and it is not known why", list(ids));
        return (Obstacle::Unknown, message);
    }
    (Obstacle::NoMatch, list(evicted.into_iter().map(objection)))
}

/// A candidate is called `<agent id>:<function>`.
fn agent_of(candidate: &str) -> &str {
    candidate.rsplit_once(':').map_or(candidate, |(id, _)| id)
}

/// Why a candidate does not do.
fn objection(eviction: &AuditEviction) -> String {
    let id = agent_of(&eviction.id);
    let detail = |key: &str| {
        let value = eviction.details.as_ref().and_then(|all| all.get(key));
        value.map(words).filter(|words| !words.is_empty())
    };
    let told = match eviction.reason.as_str() {
        "MissingTag" => detail("missing")
            .map(|tags| format!("{id} is not tagged {tags}"))
            .or_else(|| {
                let group = detail("missing_one_of")?;
                Some(format!("{id} is tagged with none of {group}"))
            }),
        "ExtraTagDisallowed" => {
            detail("disallowed").map(|tags| format!("{id} is tagged {tags}, which is ruled out"))
        }
        "VersionConstraintFailed" => detail("version")
            .zip(detail("constraint"))
            .map(|(version, asked)| format!("{id} is version {version}, not {asked}")),
        "SchemaIncompatible" => Some(format!("{id} has another schema")),
        _ => None,
    };
    told.unwrap_or_else(|| format!("{id} was ruled out: {}", eviction.reason))
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// The first of them, and how many more there are.
fn list(parts: impl ExactSizeIterator<Item = String>) -> String {
    let more = parts.len().saturating_sub(MOST);
    let mut text = parts.take(MOST).collect::<Vec<_>>().join("; ");
    if more > 0 {
        text = format!("{text}; {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mesh_view::tests::agent;

    fn offering(id: &str, status: &str, available: bool) -> AgentInfo {
        let mut agent = agent(id, id, status);
        agent.capabilities = serde_json::from_value(json!([{
            "function_name": "tick", "name": "clock", "version": "1.0.0", "available": available,
            "unavailable_reason": (!available).then_some("`sun` has no provider"),
        }]))
        .unwrap();
        agent
    }

    fn lacking(capability: &str) -> AgentInfo {
        let mut agent = agent("w-1", "w", "healthy");
        agent.dependency_resolutions = serde_json::from_value(json!([
            { "function_name": "f", "capability": capability, "status": "unresolved" },
        ]))
        .unwrap();
        agent
    }

    fn told(capability: &str, others: &[AgentInfo], evicted: &Value) -> (Obstacle, String) {
        let agent = lacking(capability);
        let event = serde_json::from_value(json!({
            "event_type": "dependency_unresolved", "agent_id": "w-1", "function_name": "f",
            "timestamp": "2026-09-21T14:18:20Z",
            "data": {
                "consumer": "w-1", "dep_index": 0,
                "spec": { "capability": capability, "schema_mode": "none" },
                "stages": [{ "stage": "tags", "kept": [], "evicted": evicted }],
            },
        }))
        .unwrap();
        let mut found = unresolved(&agent, others, &[event]);
        let one = found.remove(0);
        (one.reason, one.message)
    }

    #[test]
    fn every_obstacle_has_its_words() {
        let nobody = json!([]);
        let told_of = |others: &[AgentInfo], evicted: &Value| {
            let (reason, message) = told("clock", others, evicted);
            format!("{reason:?}: {message}")
        };
        insta::assert_snapshot!(told_of(&[], &nobody), @"NobodyOffersIt: nobody offers it");
        insta::assert_snapshot!(told_of(&[offering("c-1", "unhealthy", true)], &nobody), @"ProviderDown: c-1 offers it and is unhealthy");
        insta::assert_snapshot!(told_of(&[offering("c-1", "healthy", false)], &nobody), @"ProviderUnavailable: c-1 offers it and is not available: `sun` has no provider");
        insta::assert_snapshot!(told_of(&[offering("c-1", "healthy", true)], &nobody), @"Unknown: not wired to c-1, and it is not known why");
        let up = [offering("c-1", "healthy", true)];
        for (reason, details) in [
            ("MissingTag", json!({ "missing": ["fast", "exact"] })),
            ("MissingTag", json!({ "missing_one_of": ["fast", "exact"] })),
            ("ExtraTagDisallowed", json!({ "disallowed": ["slow"] })),
            (
                "VersionConstraintFailed",
                json!({ "version": "1.0.0", "constraint": ">=2" }),
            ),
            ("SchemaIncompatible", json!({})),
            ("Novelty", json!({})),
        ] {
            let evicted = json!([{ "id": "c-1:tick", "reason": reason, "details": details }]);
            let message = told("clock", &up, &evicted);
            assert_eq!(message.0, Obstacle::NoMatch);
            assert!(message.1.starts_with("c-1 "), "{}", message.1);
        }
        let (_, message) = told("clok", &up, &nobody);
        insta::assert_snapshot!(message, @"nobody offers it; did you mean `clock`?");
    }
}
