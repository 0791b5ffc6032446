//! How a dependency was resolved, told stage by stage: the document of the audit.
//!
//! It is computed a second time and not while resolving, because most resolutions are never told.

use std::sync::Arc;

use mesh_core::matching::{ProviderSchema, TagMismatch};
use mesh_core::wire::{
    AgentStatus, AuditChoice, AuditEviction, AuditSpec, AuditStage, AuditTrace, TagEntry,
};
use serde_json::{Value, json};

use super::function::{Function, Need, Offer, Spec};
use super::resolve::{Candidate, Candidates, Target};
use super::{Agent, Mesh, Profile, Wiring};

/// How many candidates a stage lists at most. A trace must stay readable, and storable.
const MAX_LISTED: usize = 200;

/// A position among the dependencies of one function of a consumer, in one snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    mesh: &'a Mesh,
    consumer: &'a Profile,
    wiring: &'a Wiring,
    function: &'a Function,
    need: &'a Need,
    /// Among the agent's slots.
    position: usize,
    /// Among the function's dependencies.
    index: usize,
}

impl<'a> Slot<'a> {
    /// The slots of an agent, in the order of their positions in its wiring.
    pub(super) fn all(mesh: &'a Mesh, agent: &'a Agent) -> impl Iterator<Item = Self> {
        let needs = agent.profile.functions.iter().flat_map(|function| {
            let needs = function.needs.iter().enumerate();
            needs.map(move |(index, need)| (function, index, need))
        });
        needs
            .enumerate()
            .map(move |(position, (function, index, need))| Self {
                mesh,
                consumer: &agent.profile,
                wiring: &agent.wiring,
                function,
                need,
                position,
                index,
            })
    }

    /// The slot at `position` of the agent's wiring.
    pub(crate) fn find(mesh: &'a Mesh, agent_id: &str, position: usize) -> Option<Self> {
        Self::all(mesh, mesh.agent(agent_id)?).nth(position)
    }

    /// Among the agent's slots.
    pub(super) fn position(self) -> usize {
        self.position
    }

    /// The function that has the slot.
    pub(crate) fn function_name(self) -> &'a str {
        &self.function.name
    }

    /// Among the function's dependencies.
    pub(crate) fn index(self) -> usize {
        self.index
    }

    /// The agent and the function that the slot is wired to.
    pub(crate) fn winner(self) -> Option<(&'a str, &'a str)> {
        let target = self.target()?;
        Some((target.profile.id.as_str(), target.function_name()))
    }

    fn target(self) -> Option<&'a Target> {
        Some(&self.wiring.slot(self.position)?.target)
    }

    /// The alternative that the slot is wired by, or the favourite.
    fn spec(self) -> &'a Spec {
        let alternative = self
            .wiring
            .slot(self.position)
            .map(|wired| wired.alternative);
        self.need.alternative(alternative.unwrap_or_default())
    }

    /// The capability that a trace is about.
    pub(super) fn capability(self) -> &'a Arc<str> {
        &self.spec().capability
    }

    /// Whether there are offers of the capability, available or not, that were not chosen.
    pub(crate) fn has_losers(self) -> bool {
        let offers = self.mesh.all_offers(self.capability());
        offers.map(Candidates::len).sum::<usize>() > usize::from(self.target().is_some())
    }

    /// Tells how the slot was resolved.
    pub(crate) fn trace(self, prior_chosen: Option<String>) -> AuditTrace {
        let spec = self.spec();
        AuditTrace {
            consumer: self.consumer.id.to_string(),
            dep_index: self.index,
            spec: AuditSpec {
                capability: spec.capability.to_string(),
                tags: TagEntry::without_groups(&spec.tag_entries),
                version_constraint: spec.version.as_str().to_owned(),
                schema_mode: (spec.schema.as_ref())
                    .map_or("none", |schema| schema.mode().as_str())
                    .to_owned(),
            },
            stages: self.stages(spec),
            chosen: self.target().map(|target| AuditChoice {
                agent_id: target.profile.id.to_string(),
                endpoint: target.endpoint().to_string(),
                function_name: target.function_name().to_owned(),
            }),
            prior_chosen,
        }
    }

    fn stages(self, spec: &Spec) -> Vec<AuditStage> {
        let mut candidates = self.candidates_of(spec);
        let mut stages = vec![sift("health", &mut candidates, |candidate| {
            self.health(candidate)
        })];
        if !candidates.is_empty() {
            stages.push(sift("capability_match", &mut candidates, |_| None));
            stages.push(sift("tags", &mut candidates, |candidate| {
                tags(spec, candidate.offer())
            }));
        }
        if !candidates.is_empty() {
            stages.push(sift("version", &mut candidates, |candidate| {
                version(spec, candidate.offer())
            }));
        }
        if !candidates.is_empty() && spec.schema.is_some() {
            stages.push(sift("schema", &mut candidates, |candidate| {
                schema(spec, candidate.offer())
            }));
        }
        if let Some(target) = self.target().filter(|_| !candidates.is_empty()) {
            let winner = id(target.candidate());
            stages.push(AuditStage {
                stage: "tiebreaker".to_owned(),
                kept: vec![winner.clone()],
                chosen: Some(winner),
                reason: Some("HighestScoreThenVersion".to_owned()),
                ..AuditStage::default()
            });
        }
        stages
    }

    /// Every offer of the capability, in an order that tells equal meshes alike.
    fn candidates_of(self, spec: &Spec) -> Vec<Candidate<'a>> {
        let offers = self.mesh.all_offers(&spec.capability);
        let mut all: Vec<_> = offers.flat_map(Candidate::all).collect();
        all.sort_by_key(|candidate| (&candidate.profile.id, &candidate.function().name));
        all
    }

    fn health(self, candidate: Candidate<'_>) -> Option<(&'static str, Value)> {
        let agent = self.mesh.agent(candidate.profile.id.as_str())?;
        if agent.status != AgentStatus::Healthy {
            return Some(("Unhealthy", json!({ "status": agent.status })));
        }
        let reason = self.mesh.unavailable_reason(agent, candidate.position)?;
        Some(("Unavailable", json!({ "reason": reason })))
    }
}

/// How a trace calls a candidate.
fn id(candidate: Candidate<'_>) -> String {
    format!("{}:{}", candidate.profile.id, candidate.function().name)
}

/// Lets those `candidates` pass that `objection` has nothing against.
fn sift<'a>(
    stage: &str,
    candidates: &mut Vec<Candidate<'a>>,
    objection: impl Fn(Candidate<'a>) -> Option<(&'static str, Value)>,
) -> AuditStage {
    let all = candidates.len();
    let mut told = AuditStage {
        stage: stage.to_owned(),
        ..AuditStage::default()
    };
    candidates.retain(|candidate| {
        let Some((reason, details)) = objection(*candidate) else {
            if told.kept.len() < MAX_LISTED {
                told.kept.push(id(*candidate));
            }
            return true;
        };
        if told.evicted.len() < MAX_LISTED {
            told.evicted.push(AuditEviction {
                id: id(*candidate),
                reason: reason.to_owned(),
                details: Some(details),
            });
        }
        false
    });
    told.omitted = Some(all - told.kept.len() - told.evicted.len()).filter(|more| *more > 0);
    told
}

fn tags(spec: &Spec, offer: &Offer) -> Option<(&'static str, Value)> {
    let mismatch = spec.tags.score(&offer.tags).err()?;
    Some(match mismatch {
        TagMismatch::Disallowed(tag) => ("ExtraTagDisallowed", json!({ "disallowed": [tag] })),
        TagMismatch::Missing(_) => (
            "MissingTag",
            json!({ "missing": spec.tags.missing(&offer.tags) }),
        ),
        TagMismatch::MissingOneOf(group) => ("MissingTag", json!({ "missing_one_of": group })),
    })
}

fn version(spec: &Spec, offer: &Offer) -> Option<(&'static str, Value)> {
    let (version, constraint) = (offer.version.as_str(), spec.version.as_str());
    (!spec.version.accepts(&offer.version)).then(|| {
        (
            "VersionConstraintFailed",
            json!({ "version": version, "constraint": constraint }),
        )
    })
}

fn schema(spec: &Spec, offer: &Offer) -> Option<(&'static str, Value)> {
    let query = spec.schema.as_ref()?;
    let reasons = query.check(offer.output.as_deref()).err()?;
    let published = offer.output.as_deref().map(ProviderSchema::hash);
    let details = json!({
        "mode": query.mode().as_str(),
        "consumer_hash": query.hash(),
        "producer_hash": published.unwrap_or_default(),
        "reasons": reasons,
    });
    Some(("SchemaIncompatible", details))
}
