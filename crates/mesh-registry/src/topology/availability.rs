//! Which offers are available: those of healthy agents whose required dependencies each find an
//! available provider. What is not available is no candidate for anybody.
//!
//! Judging an offer can change the judgement of those that require it, so changes spread along the
//! required edges, name by name, and stop where nothing changes. The edges form no cycle
//! (`requirements.rs`), which makes the outcome independent of the order. Should a store hold a cycle
//! nevertheless, every judgement starts from "not available": functions that wait for each other
//! are then never available, and the others are as if the cycle were not there.

use std::collections::BTreeSet;
use std::sync::Arc;

use imbl::HashMap;
use mesh_core::wire::{AgentStatus, TagEntry};

use super::function::{Function, Need, Offer, Spec};
use super::resolve::{Candidates, OfferKey, first_match};
use super::{Agent, Mesh};

impl Mesh {
    /// Takes up the offers of `agent`. Those that require something are not available before they
    /// are judged, and are added to `pending`; the names of the others are added to `touched`.
    pub(super) fn add_offers(
        &mut self,
        agent: &Agent,
        touched: &mut BTreeSet<Arc<str>>,
        pending: &mut BTreeSet<OfferKey>,
    ) {
        let id = &agent.profile.id;
        let healthy = agent.status == AgentStatus::Healthy;
        for (position, function, offer) in agent.profile.offers() {
            let key = (id.clone(), position);
            let available = healthy && !function.has_requirements();
            let offers = if available {
                touched.insert(offer.capability.clone());
                &mut self.providers
            } else {
                if healthy {
                    pending.insert(key.clone());
                }
                &mut self.withheld
            };
            let offers = offers.entry(offer.capability.clone()).or_default();
            offers.insert(key, agent.profile.clone());
        }
    }

    /// Forgets the offers of `agent`; the names of those that were available are added to `touched`.
    pub(super) fn remove_offers(&mut self, agent: &Agent, touched: &mut BTreeSet<Arc<str>>) {
        let id = &agent.profile.id;
        for (position, _, offer) in agent.profile.offers() {
            let key = (id.clone(), position);
            if remove(&mut self.providers, &offer.capability, &key) {
                touched.insert(offer.capability.clone());
            } else {
                remove(&mut self.withheld, &offer.capability, &key);
            }
        }
    }

    /// Judges the `pending` offers and whatever may depend on a `touched` name, on and on until
    /// nothing changes; the names of all offers that changed are added to `touched`.
    pub(super) fn spread(
        &mut self,
        mut pending: BTreeSet<OfferKey>,
        touched: &mut BTreeSet<Arc<str>>,
    ) {
        if self.is_cyclic {
            self.withhold_requiring(&mut pending, touched);
        }
        touched.extend(pending.iter().filter_map(|key| self.judge(key)));
        let mut news = touched.clone();
        while !news.is_empty() {
            let concerned: BTreeSet<OfferKey> = news
                .iter()
                .filter_map(|name| self.requirers.get(name))
                .flatten()
                .cloned()
                .collect();
            news = concerned.iter().filter_map(|key| self.judge(key)).collect();
            touched.extend(news.iter().cloned());
        }
    }

    /// Takes back every judgement that rests on others.
    fn withhold_requiring(
        &mut self,
        pending: &mut BTreeSet<OfferKey>,
        touched: &mut BTreeSet<Arc<str>>,
    ) {
        let requiring: BTreeSet<OfferKey> = self.requirers.values().flatten().cloned().collect();
        for key in requiring {
            if let Some((agent, _, offer)) = self.offer(&key)
                && agent.status == AgentStatus::Healthy
            {
                let (profile, capability) = (agent.profile.clone(), offer.capability.clone());
                if remove(&mut self.providers, &capability, &key) {
                    let withheld = self.withheld.entry(capability.clone()).or_default();
                    withheld.insert(key.clone(), profile);
                    touched.insert(capability);
                }
                pending.insert(key);
            }
        }
    }

    /// Judges one offer anew; if it became available or ceased to be, says which capability it is.
    fn judge(&mut self, key: &OfferKey) -> Option<Arc<str>> {
        let (agent, function, offer) = self.offer(key)?;
        if agent.status != AgentStatus::Healthy {
            return None;
        }
        let available = function.requirements().all(|need| self.is_met(need));
        if available == self.is_available(key, offer) {
            return None;
        }
        let (profile, capability) = (agent.profile.clone(), offer.capability.clone());
        let (from, to) = if available {
            (&mut self.withheld, &mut self.providers)
        } else {
            (&mut self.providers, &mut self.withheld)
        };
        remove(from, &capability, key);
        let offers = to.entry(capability.clone()).or_default();
        offers.insert(key.clone(), profile);
        Some(capability)
    }

    fn offer(&self, (id, position): &OfferKey) -> Option<(&Agent, &Function, &Offer)> {
        let agent = self.agents.get(id)?;
        let function = agent.profile.functions.get(*position)?;
        Some((agent, function, function.offer.as_ref()?))
    }

    /// Whether the offer may be wired to consumers.
    fn is_available(&self, key: &OfferKey, offer: &Offer) -> bool {
        self.providers
            .get(&offer.capability)
            .is_some_and(|offers| offers.contains_key(key))
    }

    fn is_met(&self, need: &Need) -> bool {
        need.alternatives().any(|spec| {
            self.providers
                .get(&spec.capability)
                .is_some_and(|offers| first_match(spec, offers).is_some())
        })
    }

    /// Whether the agent `id` has what it requires to work on `capability`, its own health aside. An
    /// agent that does not offer it requires nothing.
    pub(crate) fn is_equipped(&self, id: &str, capability: &str) -> bool {
        let Some(agent) = self.agents.get(id) else {
            return true;
        };
        let mut functions = agent
            .profile
            .offers()
            .filter(|(_, _, offer)| *offer.capability == *capability)
            .map(|(_, function, _)| function)
            .peekable();
        functions.peek().is_none()
            || functions.any(|function| function.requirements().all(|need| self.is_met(need)))
    }

    /// Whether every offer of `agent` may be wired to consumers.
    pub(crate) fn all_available(&self, agent: &Agent) -> bool {
        agent.status == AgentStatus::Healthy
            && agent
                .profile
                .offers()
                .filter(|(_, function, _)| function.has_requirements())
                .all(|(position, _, offer)| {
                    self.is_available(&(agent.profile.id.clone(), position), offer)
                })
    }

    /// Why the offer of the function at `position` of `agent` is not wired to anybody; `None` if it
    /// may be.
    pub(crate) fn unavailable_reason(&self, agent: &Agent, position: usize) -> Option<String> {
        if agent.status != AgentStatus::Healthy {
            return Some("agent unhealthy".to_owned());
        }
        let function = agent.profile.functions.get(position)?;
        let offer = function.offer.as_ref()?;
        if self.is_available(&(agent.profile.id.clone(), position), offer) {
            return None;
        }
        let need = function.requirements().find(|need| !self.is_met(need))?;
        Some(self.unmet_reason(offer, need))
    }

    fn unmet_reason(&self, offer: &Offer, need: &Need) -> String {
        let spec = &need.first;
        let name = &spec.capability;
        if self.is_cyclic && self.requirements.lead(name, &offer.capability) {
            return format!(
                "required dependency evaluation cycle at '{}'",
                offer.capability
            );
        }
        let withheld = self.withheld.get(name);
        if let Some(found) = withheld.and_then(|offers| first_match(spec, offers)) {
            let id = &found.profile.id;
            let healthy = |agent: &Agent| agent.status == AgentStatus::Healthy;
            let state = if self.agents.get(id).is_some_and(healthy) {
                "unavailable"
            } else {
                "unhealthy"
            };
            return format!("required dep '{name}' unavailable (provider {id} {state})");
        }
        let asked = asked(spec);
        if asked.is_empty() || (withheld.is_none() && !self.providers.contains_key(name)) {
            format!("required dep '{name}' unresolved")
        } else {
            let asked = asked.join(", ");
            format!("required dep '{name}' unresolved (no provider matches {asked})")
        }
    }
}

/// What a dependency asks for beside the name, for people.
fn asked(spec: &Spec) -> Vec<String> {
    let mut parts = Vec::new();
    if !spec.tag_entries.is_empty() {
        let tags: Vec<_> = spec.tag_entries.iter().map(spelled).collect();
        parts.push(format!("tags=[{}]", tags.join(" ")));
    }
    if !spec.version.as_str().is_empty() {
        parts.push(format!("version {}", spec.version.as_str()));
    }
    if let Some(schema) = &spec.schema {
        parts.push(format!("schema={}", schema.mode().as_str()));
    }
    parts
}

fn spelled(entry: &TagEntry) -> String {
    match entry {
        TagEntry::One(tag) => tag.clone(),
        TagEntry::AnyOf(tags) => format!("({})", tags.join("|")),
    }
}

/// Takes an offer out and says whether it was there.
fn remove(
    offers: &mut HashMap<Arc<str>, Candidates>,
    capability: &Arc<str>,
    key: &OfferKey,
) -> bool {
    let Some(candidates) = offers.get_mut(capability) else {
        return false;
    };
    let found = candidates.remove(key).is_some();
    if candidates.is_empty() {
        offers.remove(capability);
    }
    found
}
