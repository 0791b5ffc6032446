//! A snapshot of the whole mesh.

use std::sync::Arc;

use imbl::{HashMap, OrdMap, OrdSet};
use mesh_core::wire::AgentStatus;
use mesh_core::{AgentId, Label};

use super::profile::Need;
use super::resolve::{Candidates, Target, resolve};
use super::{Agent, Endpoint};

/// Everything that the registry knows, at one moment. The maps are persistent: a clone shares
/// them, and a change copies only the path to what it touches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mesh {
    pub(super) agents: HashMap<AgentId, Agent>,
    /// By capability name, the offers of healthy agents.
    pub(super) providers: HashMap<Arc<str>, Candidates>,
    /// By capability name, the agents that need it, healthy or not.
    pub(super) consumers: HashMap<Arc<str>, OrdSet<AgentId>>,
    /// By agent name, the capabilities of its agents, healthy or not, each with how many offer it.
    pub(super) repertoires: HashMap<Label, OrdMap<Arc<str>, usize>>,
    /// The generation that the newest answer got.
    pub(super) generation: u64,
}

impl Mesh {
    pub(crate) fn agent(&self, id: &str) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// The provider that `need` is wired to.
    pub(super) fn resolve(&self, need: &Need) -> Option<Target> {
        resolve(need, self.providers.get(&need.capability)?)
    }

    /// Whether a healthy agent offers `capability`.
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
