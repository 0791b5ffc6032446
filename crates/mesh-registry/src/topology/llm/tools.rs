//! Which tools a filter selects.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use mesh_core::AgentId;
use mesh_core::wire::{FilterMode, LlmToolAnswer};
use serde_json::value::{RawValue, to_raw_value};

use super::filter::ToolFilter;
use super::{Candidate, Mesh, Target, usable};

/// The tools that a filter selects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tools(pub(super) Box<[Selected]>);

/// A tool, and the filter's entry by which it was selected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selected {
    pub(super) target: Target,
    pub(super) entry: Option<usize>,
}

impl Tools {
    /// Runs `filter` over the mesh. The tools of `asker` are never among the result: an LLM function
    /// that may call itself would not end.
    ///
    /// Names of functions are unique in the result, because an LLM knows a tool by its name. The
    /// order is that of the entries, then of how well the tags suit, then by capability, name,
    /// version and agent; without a choice to make, by capability, name and agent.
    pub(super) fn select(filter: &ToolFilter, asker: &AgentId, mesh: &Mesh) -> Self {
        let mut matches = Vec::new();
        if filter.mode == FilterMode::Everything {
            let all = mesh.providers.values().flat_map(usable);
            matches.extend(all.map(|candidate| Match {
                entry: None,
                score: 0,
                candidate,
            }));
        } else {
            for (position, entry) in filter.entries.iter().enumerate() {
                let mut take = |offers| {
                    matches.extend(usable(offers).filter_map(|candidate| {
                        Some(Match {
                            entry: Some(position),
                            score: entry.spec.score(candidate.offer())?,
                            candidate,
                        })
                    }));
                };
                match entry.capability() {
                    Some(name) => mesh.providers.get(name).into_iter().for_each(&mut take),
                    None => mesh.providers.values().for_each(&mut take),
                }
            }
        }
        matches.retain(|found| found.candidate.profile.id != *asker);
        matches.sort_unstable_by(Match::compare);
        let mut names = HashSet::new();
        matches.retain(|found| names.insert(&*found.candidate.function().name));
        if filter.mode == FilterMode::BestMatch {
            matches = best(matches);
        }
        let selected = matches.iter().map(|found| Selected {
            target: found.candidate.target(),
            entry: found.entry,
        });
        Self(selected.collect())
    }

    /// Whether a change to the offers of `touched` can matter: whether something was selected there,
    /// or matches now. What matched and lost to a tool of another capability is not missed.
    pub(super) fn depend_on(
        &self,
        touched: &BTreeSet<Arc<str>>,
        filter: &ToolFilter,
        mesh: &Mesh,
    ) -> bool {
        let matches = |candidate: Candidate<'_>| {
            let mut entries = filter.entries.iter();
            entries.any(|entry| entry.selects(candidate.offer()))
        };
        filter.mode == FilterMode::Everything
            || (self.0.iter()).any(|tool| touched.contains(&tool.target.offer().capability))
            || (touched.iter())
                .filter_map(|name| mesh.providers.get(name))
                .any(|offers| usable(offers).any(matches))
    }
}

/// An offer that an entry selects.
struct Match<'a> {
    entry: Option<usize>,
    score: u32,
    candidate: Candidate<'a>,
}

impl<'a> Match<'a> {
    fn capability(&self) -> &'a Arc<str> {
        &self.candidate.offer().capability
    }

    /// The better one is less. No two are equal.
    fn compare(&self, other: &Self) -> Ordering {
        let (own, others) = (&self.candidate, &other.candidate);
        (self.entry.cmp(&other.entry))
            .then_with(|| other.score.cmp(&self.score))
            .then_with(|| self.capability().cmp(other.capability()))
            .then_with(|| own.function().name.cmp(&others.function().name))
            .then_with(|| others.offer().version.rank(&own.offer().version))
            .then_with(|| own.profile.id.cmp(&others.profile.id))
            .then_with(|| own.position.cmp(&others.position))
    }
}

/// The best tool of each capability, by capability.
fn best(matches: Vec<Match<'_>>) -> Vec<Match<'_>> {
    let mut best: BTreeMap<&Arc<str>, Match<'_>> = BTreeMap::new();
    for found in matches {
        let capability = found.capability();
        let is_better = best.get(capability).is_none_or(|holder| {
            let (offer, held) = (found.candidate.offer(), holder.candidate.offer());
            // `rank` puts the higher version last, and on a tie whoever came first stays.
            (offer.version.rank(&held.version))
                .then_with(|| offer.tags.len().cmp(&held.tags.len()))
                .is_gt()
        });
        if is_better {
            best.insert(capability, found);
        }
    }
    best.into_values().collect()
}

/// A tool as every answer shows it; spelled once per registration.
pub(super) fn answer(target: &Target) -> &RawValue {
    let offer = target.offer();
    offer.llm_answer.get_or_init(|| {
        let answer = LlmToolAnswer {
            name: target.function_name().to_owned(),
            capability: offer.capability.to_string(),
            description: offer.description.to_string(),
            endpoint: target.profile.llm_endpoint.to_string(),
            input_schema: offer
                .input_schema
                .as_ref()
                .map(|schema| schema.raw().to_owned()),
            tags: offer.tags.to_vec(),
            version: offer.version.as_str().to_owned(),
            agent_id: None,
        };
        to_raw_value(&answer).expect("wire types hold nothing that JSON lacks")
    })
}
