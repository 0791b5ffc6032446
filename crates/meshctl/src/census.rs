//! The agents of a mesh judged against each other: who works, who is missed, who was replaced.

use std::collections::{BTreeMap, BTreeSet};

use mesh_core::Timestamp;
use mesh_core::wire::{AgentInfo, SlotStatus};

use crate::mesh_view::is_healthy;
use crate::printer::Tone;

/// How an agent stands in its mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It can be called.
    Healthy,
    /// It is down, and a healthy agent lacks what it offers.
    Blocking,
    /// It is down, and nobody who is healthy waits for it.
    Inactive,
    /// It is down, and a newer instance of the same name has taken its place.
    Superseded,
}

impl Standing {
    pub(crate) fn tone(self) -> Tone {
        match self {
            Self::Healthy => Tone::Good,
            Self::Blocking => Tone::Bad,
            Self::Inactive | Self::Superseded => Tone::Dim,
        }
    }

    /// What to say beside the status; nothing where the status says it all.
    pub(crate) fn remark(self) -> Option<&'static str> {
        match self {
            Self::Healthy | Self::Blocking => None,
            Self::Inactive => Some("inactive"),
            Self::Superseded => Some("superseded"),
        }
    }
}

/// How many agents stand how; every agent is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) healthy: usize,
    pub(crate) blocking: usize,
    pub(crate) inactive: usize,
    pub(crate) superseded: usize,
}

impl Counts {
    /// Down, and not replaced.
    pub(crate) fn down(self) -> usize {
        self.blocking + self.inactive
    }

    /// `1 healthy, 1 unhealthy, 2 inactive`: the healthy ones always, of the others those that there are.
    pub(crate) fn words(self) -> Vec<String> {
        let others = [
            (self.blocking, "unhealthy", Tone::Bad),
            (self.inactive, "inactive", Tone::Dim),
            (self.superseded, "superseded", Tone::Dim),
        ];
        let others = others.into_iter().filter(|(count, ..)| *count > 0);
        [(self.healthy, "healthy", Tone::Good)]
            .into_iter()
            .chain(others)
            .map(|(count, word, tone)| tone.paint(format_args!("{count} {word}")))
            .collect()
    }
}

/// All agents that a registry knows, and how each stands.
#[derive(Debug)]
pub(crate) struct Census<'a> {
    /// By id.
    pub(crate) agents: Vec<&'a AgentInfo>,
    standings: BTreeMap<&'a str, Standing>,
    /// When the newest instance of each name registered.
    newest: BTreeMap<&'a str, Timestamp>,
}

impl<'a> Census<'a> {
    /// Judges `agents`, which must be all: who is missed depends on everybody.
    pub(crate) fn of(agents: &'a [AgentInfo]) -> Self {
        let mut agents: Vec<&AgentInfo> = agents.iter().collect();
        agents.sort_by(|one, other| one.id.cmp(&other.id));
        let lacking: BTreeSet<&str> = agents
            .iter()
            .filter(|agent| is_healthy(agent))
            .flat_map(|agent| lacks(agent))
            .collect();
        let mut newest: BTreeMap<&str, Timestamp> = BTreeMap::new();
        for agent in &agents {
            let at = newest.entry(&agent.name).or_insert(agent.created_at);
            *at = agent.created_at.max(*at);
        }
        let judge = |agent: &AgentInfo| {
            let missed = |capability: &str| lacking.contains(capability);
            if is_healthy(agent) {
                Standing::Healthy
            } else if agent.capabilities.iter().any(|offer| missed(&offer.name)) {
                // Whatever came after it does not offer this.
                Standing::Blocking
            } else if agent.created_at < newest[agent.name.as_str()] {
                Standing::Superseded
            } else {
                Standing::Inactive
            }
        };
        let standings = agents.iter().map(|agent| (agent.id.as_str(), judge(agent)));
        Self {
            standings: standings.collect(),
            agents,
            newest,
        }
    }

    /// How an agent of this mesh stands.
    pub(crate) fn standing(&self, agent: &AgentInfo) -> Standing {
        let known = self.standings.get(agent.id.as_str()).copied();
        known.unwrap_or(Standing::Inactive)
    }

    /// How these agents stand. Whatever counts agents for people asks this.
    pub(crate) fn count<'b>(&self, agents: impl IntoIterator<Item = &'b AgentInfo>) -> Counts {
        let mut counts = Counts::default();
        for agent in agents {
            *match self.standing(agent) {
                Standing::Healthy => &mut counts.healthy,
                Standing::Blocking => &mut counts.blocking,
                Standing::Inactive => &mut counts.inactive,
                Standing::Superseded => &mut counts.superseded,
            } += 1;
        }
        counts
    }

    /// Whether no other instance of its name is newer.
    pub(crate) fn is_newest(&self, agent: &AgentInfo) -> bool {
        self.newest.get(agent.name.as_str()) == Some(&agent.created_at)
    }
}

/// The capabilities that the agent needs and has not.
fn lacks(agent: &AgentInfo) -> impl Iterator<Item = &str> {
    let dependencies = agent
        .dependency_resolutions
        .iter()
        .map(|dependency| (dependency.status, dependency.capability.as_str()));
    let providers = agent
        .llm_provider_resolutions
        .iter()
        .map(|provider| (provider.status, provider.required_capability.as_str()));
    dependencies
        .chain(providers)
        .filter(|(status, _)| *status != SlotStatus::Available)
        .map(|(_, capability)| capability)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mesh_view::tests::agent;

    fn at(seconds: i64, mut agent: AgentInfo) -> AgentInfo {
        agent.created_at = Timestamp::from_seconds(seconds);
        agent
    }

    fn offering(capability: &str, mut agent: AgentInfo) -> AgentInfo {
        let offer = json!({
            "function_name": capability, "name": capability, "version": "1.0.0", "available": true,
        });
        agent.capabilities = vec![serde_json::from_value(offer).unwrap()];
        agent
    }

    fn lacking(capability: &str, mut agent: AgentInfo) -> AgentInfo {
        let slot = json!({
            "function_name": "f", "capability": capability, "status": "unresolved",
        });
        agent.dependency_resolutions = vec![serde_json::from_value(slot).unwrap()];
        agent
    }

    #[track_caller]
    fn assert_stand(agents: &[AgentInfo], expected: &[Standing]) {
        let census = Census::of(agents);
        let standings: Vec<Standing> = census.agents.iter().map(|a| census.standing(a)).collect();
        assert_eq!(standings, expected);
        // However they are counted, everybody is counted once.
        let counts = census.count(agents);
        let parts = counts.healthy + counts.down() + counts.superseded;
        assert_eq!(parts, agents.len());
        let singly: usize = agents
            .iter()
            .map(|agent| census.count([agent]))
            .map(|one| one.healthy + one.blocking + one.inactive + one.superseded)
            .sum();
        assert_eq!(singly, parts);
    }

    #[test]
    fn a_newer_instance_of_the_same_name_supersedes_one_that_is_down() {
        assert_stand(
            &[
                at(1, agent("a-1", "a", "unhealthy")),
                at(2, agent("a-2", "a", "healthy")),
                at(1, agent("b-1", "b", "unhealthy")),
                at(1, agent("c-1", "c", "healthy")),
                at(2, agent("c-2", "c", "healthy")),
            ],
            &[
                Standing::Superseded,
                Standing::Healthy,
                Standing::Inactive,
                Standing::Healthy,
                Standing::Healthy,
            ],
        );
        // The newer one may be down itself; of two that are as old neither is newer.
        assert_stand(
            &[
                at(1, agent("a-1", "a", "unhealthy")),
                at(2, agent("a-2", "a", "unhealthy")),
                at(1, agent("b-1", "b", "unhealthy")),
                at(1, agent("b-2", "b", "unhealthy")),
            ],
            &[
                Standing::Superseded,
                Standing::Inactive,
                Standing::Inactive,
                Standing::Inactive,
            ],
        );
    }

    #[test]
    fn who_is_missed_is_not_superseded() {
        let old = || at(1, offering("clock", agent("a-1", "a", "unhealthy")));
        let new = || at(2, agent("a-2", "a", "healthy"));
        assert_stand(&[old(), new()], &[Standing::Superseded, Standing::Healthy]);
        let waiting = |status| lacking("clock", agent("w-1", "w", status));
        assert_stand(
            &[old(), new(), waiting("healthy")],
            &[Standing::Blocking, Standing::Healthy, Standing::Healthy],
        );
        // Who is down itself misses nothing.
        assert_stand(
            &[old(), new(), waiting("unhealthy")],
            &[Standing::Superseded, Standing::Healthy, Standing::Inactive],
        );
    }
}
