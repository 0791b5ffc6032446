//! The answer to one consumer: where its dependencies are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mesh_core::wire::{AnswerTail, DependencyAnswer, DependencyResolution, SlotStatus, TagEntry};
use serde_json::value::{RawValue, to_raw_value};
use xxhash_rust::xxh3::xxh3_128;

use super::function::Need;
use super::llm::Selection;
use super::resolve::{Target, Wired};
use super::{AnswerId, Mesh, Profile};

/// A consumer's slots, resolved, and their JSON. Immutable; a change makes a new one.
#[derive(Debug, Clone)]
pub(crate) struct Wiring {
    /// Grows whenever the answer differs from the one before; never 0.
    pub(crate) generation: u64,
    /// One entry per need, functions in order, needs in order.
    slots: Box<[Option<Wired>]>,
    /// What the LLM functions are given.
    pub(crate) llm: Selection,
    /// The answer's members from `dependencies_resolved` on, with the closing brace.
    pub(crate) tail: Bytes,
    /// Tells one answer from another across restarts.
    pub(crate) digest: [u8; 16],
    /// The slots as a listing shows them; rendered when first asked for.
    listing: OnceLock<Box<RawValue>>,
}

impl Wiring {
    /// What an agent holds until its needs are resolved; nobody gets to see it.
    pub(crate) fn pending() -> Self {
        Self {
            generation: 0,
            slots: Box::default(),
            llm: Selection::default(),
            tail: Bytes::new(),
            digest: [0; 16],
            listing: OnceLock::new(),
        }
    }

    /// Resolves every need of `profile`; the draft numbers the result.
    pub(crate) fn resolve(profile: &Profile, mesh: &Mesh) -> Self {
        let needs = profile.needs();
        let slots = needs.map(|(_, need)| mesh.resolve(need)).collect();
        Self::spell(profile, 0, slots, Selection::resolve(profile, mesh))
    }

    /// Resolves again what a change to the offers of `touched` can matter to; `None` if all stays as
    /// it was.
    pub(crate) fn refresh(
        &self,
        profile: &Profile,
        touched: &BTreeSet<Arc<str>>,
        mesh: &Mesh,
    ) -> Option<Self> {
        let llm = self.llm.refresh(profile, touched, mesh);
        let mut slots = self.slots.clone();
        for (slot, (_, need)) in slots.iter_mut().zip(profile.needs()) {
            let mut alternatives = need.alternatives();
            if alternatives.any(|spec| touched.contains(&spec.capability)) {
                *slot = mesh.resolve(need);
            }
        }
        if llm.is_none() && slots == self.slots {
            return None;
        }
        // A provider may have registered again without a change that this consumer can see.
        // The new wiring is kept all the same, under its old generation: it must not hold on to
        // a profile that nobody has any more.
        let llm = llm.unwrap_or_else(|| self.llm.clone());
        let mut fresh = Self::spell(profile, self.generation, slots, llm);
        if fresh.digest != self.digest {
            fresh.generation = 0; // The draft numbers it.
        }
        Some(fresh)
    }

    /// The same answer under another generation.
    pub(crate) fn numbered(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Names the answer, for those who hold it.
    pub(crate) fn id(&self) -> AnswerId {
        AnswerId {
            generation: self.generation,
            digest: self.digest,
        }
    }

    fn spell(
        profile: &Profile,
        generation: u64,
        slots: Box<[Option<Wired>]>,
        llm: Selection,
    ) -> Self {
        let mut dependencies_resolved: BTreeMap<&str, Vec<DependencyAnswer>> = BTreeMap::new();
        let mut wired = slots.iter();
        for function in profile
            .functions
            .iter()
            .filter(|function| !function.needs.is_empty())
        {
            let answers = (function.needs.iter().zip(wired.by_ref()))
                .map(|(need, slot)| answer(need, slot.as_ref()));
            dependencies_resolved.insert(&function.name, answers.collect());
        }
        let tail = AnswerTail {
            dependencies_resolved,
            llm_tools: llm.tools(profile),
            llm_providers: llm.providers(profile),
            surfaces: &profile.surfaces,
            warnings: &profile.warnings,
        };
        let mut json = serde_json::to_vec(&tail).expect("keys are text and nothing else fails");
        json.remove(0); // The opening brace: the answer's head comes first.
        let digest = xxh3_128(&json).to_be_bytes();
        Self {
            generation,
            slots,
            llm,
            tail: json.into(),
            digest,
            listing: OnceLock::new(),
        }
    }

    /// What the slot at `position` is wired to.
    pub(super) fn slot(&self, position: usize) -> Option<&Wired> {
        self.slots.get(position)?.as_ref()
    }

    /// The positions of the slots whose winner is another than in `before`, which is an earlier
    /// wiring of the same profile.
    pub(super) fn rewired<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let winner = |slot: &'a Option<Wired>| {
            let target = &slot.as_ref()?.target;
            Some((&target.profile.id, target.function_name()))
        };
        let slots = self.slots.iter().zip(&before.slots).enumerate();
        slots
            .filter(move |(_, (after, before))| winner(after) != winner(before))
            .map(|(position, _)| position)
    }

    /// How many dependencies are wired.
    pub(crate) fn wired(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// The slots of `profile`, whose wiring this is, as a listing shows them.
    pub(crate) fn listing(&self, profile: &Profile) -> &RawValue {
        self.listing.get_or_init(|| {
            to_raw_value(&self.resolutions(profile))
                .expect("wire types hold nothing that JSON lacks")
        })
    }

    fn resolutions(&self, profile: &Profile) -> Vec<DependencyResolution> {
        profile
            .needs()
            .zip(&self.slots)
            .map(|((function, need), slot)| {
                let spec = need.alternative(slot.as_ref().map_or(0, |wired| wired.alternative));
                let target = slot.as_ref().map(|wired| &wired.target);
                DependencyResolution {
                    function_name: function.name.to_string(),
                    capability: spec.capability.to_string(),
                    status: Target::status(target),
                    tags: TagEntry::without_groups(&spec.tag_entries),
                    mcp_tool: target.map(|target| target.function_name().to_owned()),
                    provider_agent_id: target.map(|target| target.profile.id.to_string()),
                    endpoint: target.map(|target| target.endpoint().to_string()),
                }
            })
            .collect()
    }
}

fn answer(need: &Need, slot: Option<&Wired>) -> DependencyAnswer {
    match slot.map(|wired| &wired.target) {
        None => DependencyAnswer::placeholder(&need.first.capability),
        Some(target) => DependencyAnswer {
            agent_id: target.profile.id.to_string(),
            capability: target.offer().capability.to_string(),
            endpoint: target.endpoint().to_string(),
            function_name: target.function_name().to_owned(),
            kwargs: target.offer().kwargs.clone(),
            status: SlotStatus::Available,
        },
    }
}
