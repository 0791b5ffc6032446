//! A snapshot of the whole mesh.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use mesh_core::wire::AgentStatus;
use mesh_core::{AgentId, Label};

use super::function::Need;
use super::requirements::Requirements;
use super::resolve::{Candidate, Candidates, OfferKey, Wired, best};
use super::tally::{self, Tally};
use super::{Agent, Endpoint, Profile};

/// Everything that the registry knows, at one moment. The maps are persistent: a clone shares
/// them, and a change copies only the path to what it touches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mesh {
    pub(super) agents: HashMap<AgentId, Agent>,
    /// By capability name, the offers that are available: the candidates of every resolution.
    pub(super) providers: HashMap<Arc<str>, Candidates>,
    /// By capability name, all other offers: of agents that are not healthy, or that require what is
    /// not there.
    pub(super) withheld: HashMap<Arc<str>, Candidates>,
    /// By capability name, the agents that need it, healthy or not.
    pub(super) consumers: HashMap<Arc<str>, OrdSet<AgentId>>,
    /// The agents whose LLM functions may be given tools of any capability, healthy or not.
    pub(super) wild: OrdSet<AgentId>,
    /// By agent name, the capabilities of its agents, healthy or not.
    repertoires: Tally<Label>,
    /// By capability name, the offers that require it, of agents healthy or not.
    pub(super) requirers: HashMap<Arc<str>, OrdSet<OfferKey>>,
    pub(super) requirements: Requirements,
    /// Whether the requirements hold a cycle, which only a store can bring in.
    pub(super) is_cyclic: bool,
    /// The generation that the newest answer got.
    pub(super) generation: u64,
}

impl Mesh {
    pub(crate) fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// What `need` is wired to: the winner of the first alternative that anybody satisfies.
    pub(super) fn resolve(&self, need: &Need) -> Option<Wired> {
        let mut alternatives = need.alternatives().enumerate();
        alternatives.find_map(|(alternative, spec)| {
            let offers = self.providers.get(&spec.capability)?;
            let target = best(spec, Candidate::all(offers))?;
            Some(Wired {
                target,
                alternative,
            })
        })
    }

    /// The offers of `capability`: first those that are available, then the others.
    pub(super) fn all_offers(&self, capability: &str) -> impl Iterator<Item = &Candidates> {
        let indexes = [&self.providers, &self.withheld];
        indexes
            .into_iter()
            .filter_map(move |offers| offers.get(capability))
    }

    /// Whether `capability` is available from anybody.
    pub(crate) fn offers(&self, capability: &str) -> bool {
        self.providers.contains_key(capability)
    }

    /// Whether any agent needs `capability`.
    pub(crate) fn needs(&self, capability: &str) -> bool {
        self.consumers.contains_key(capability)
    }

    /// The capabilities that agents of this name offer, healthy or not.
    pub(crate) fn repertoire(&self, name: &Label) -> impl Iterator<Item = &Arc<str>> {
        let capabilities = self.repertoires.get(name).into_iter();
        capabilities.flat_map(OrdMap::keys)
    }

    /// Takes up what matters of an agent, healthy or not: what it needs, and what it has to offer.
    pub(super) fn add_profile(&mut self, profile: &Profile) {
        for (_, _, offer) in profile.offers() {
            tally::add(&mut self.repertoires, &profile.name, &offer.capability);
        }
        for name in profile.needed() {
            let consumers = self.consumers.entry(name).or_default();
            consumers.insert(profile.id.clone());
        }
        if profile.is_wild() {
            self.wild.insert(profile.id.clone());
        }
        for (name, key) in profile.requirements() {
            self.requirers.entry(name).or_default().insert(key);
        }
        self.requirements.add(profile);
    }

    /// Forgets what [`Self::add_profile`] took up.
    pub(super) fn remove_profile(&mut self, profile: &Profile) {
        for (_, _, offer) in profile.offers() {
            tally::remove(&mut self.repertoires, &profile.name, &offer.capability);
        }
        for name in profile.needed() {
            remove(&mut self.consumers, &name, &profile.id);
        }
        self.wild.remove(&profile.id);
        for (name, key) in profile.requirements() {
            remove(&mut self.requirers, &name, &key);
        }
        self.requirements.remove(profile);
    }

    /// Compares what is kept by increments with what the agents say.
    #[cfg(test)]
    pub(super) fn check_indexes(&self) {
        let mut fresh = Self {
            agents: self.agents.clone(),
            ..Self::default()
        };
        let mut pending = std::collections::BTreeSet::new();
        let mut touched = std::collections::BTreeSet::new();
        for agent in self.agents.values() {
            fresh.add_offers(agent, &mut touched, &mut pending);
            fresh.add_profile(&agent.profile);
        }
        fresh.spread(pending, &mut touched);
        let keys = |offers: &HashMap<Arc<str>, Candidates>| -> Vec<(Arc<str>, Vec<OfferKey>)> {
            let names = offers.iter();
            let mut keys: Vec<_> = names
                .map(|(name, offers)| (name.clone(), offers.keys().cloned().collect()))
                .collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&self.providers), keys(&fresh.providers));
        assert_eq!(keys(&self.withheld), keys(&fresh.withheld));
        assert_eq!(self.consumers, fresh.consumers);
        assert_eq!(self.wild, fresh.wild);
        assert_eq!(self.repertoires, fresh.repertoires);
        assert_eq!(self.requirers, fresh.requirers);
        assert_eq!(self.requirements, fresh.requirements);
        assert!(!self.is_cyclic);
    }

    /// The generation that the newest answer got.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Every agent, in no order.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &Agent> {
        self.agents.values()
    }

    /// How many agents there are, healthy or not.
    pub(crate) fn len(&self) -> usize {
        self.agents.len()
    }

    /// The endpoint that some agent registered under this port and this host, id or name: of
    /// several, a healthy one's, then the one with the smallest id.
    pub(crate) fn endpoint(&self, host: &str, port: u16) -> Option<&Endpoint> {
        let registered = |agent: &&Agent| {
            let profile = &agent.profile;
            profile.endpoint.authority().is_some_and(|authority| {
                let names = [authority.0, profile.id.as_str(), profile.name.as_str()];
                authority.1 == port && names.contains(&host)
            })
        };
        self.agents()
            .filter(registered)
            .min_by_key(|agent| (agent.status != AgentStatus::Healthy, &agent.profile.id))
            .map(|agent| &agent.profile.endpoint)
    }
}

/// Takes a member out of a set, and the set with its last member.
fn remove<T: Ord + Clone>(sets: &mut HashMap<Arc<str>, OrdSet<T>>, name: &Arc<str>, member: &T) {
    if let Some(set) = sets.get_mut(name) {
        set.remove(member);
        if set.is_empty() {
            sets.remove(name);
        }
    }
}
