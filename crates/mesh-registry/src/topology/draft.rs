//! Changes to the mesh, applied to a copy until the store has them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesh_core::wire::{AgentStatus, AgentType, EventKind};
use mesh_core::{AgentId, Timestamp};
use mesh_store::{AgentRow, Change, EventRow, SchemaRow};
use serde_json::json;

use super::requirements::RequiredCycle;
use super::resolve::OfferKey;
use super::{Agent, Mesh, Profile, Pulse, Slot, Wiring};

/// A copy of the mesh with changes, and the same changes for the store. Either both are taken
/// or neither is.
#[derive(Debug)]
pub(crate) struct Draft {
    mesh: Mesh,
    changes: Vec<Change>,
    now: Timestamp,
    /// Capabilities whose offers changed.
    touched: BTreeSet<Arc<str>>,
    /// Offers whose requirements are to be judged.
    pending: BTreeSet<OfferKey>,
    /// Agents whose own description changed.
    renewed: BTreeSet<AgentId>,
    /// Agents whose watches have something new to look at.
    stirred: Vec<Arc<Pulse>>,
    resolved: Resolved,
    /// Whether there may be agents that [`Draft::register`] would have refused.
    unchecked: bool,
}

/// What a draft comes to.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The mesh to publish, once the store has `changes`.
    pub(crate) mesh: Mesh,
    pub(crate) changes: Vec<Change>,
    /// Capabilities whose offers changed.
    pub(crate) touched: BTreeSet<Arc<str>>,
    /// Whose watches are to be woken, once the mesh is published.
    pub(crate) stirred: Vec<Arc<Pulse>>,
    pub(crate) resolved: Resolved,
}

/// Slots that were resolved, by their agents and their positions in the agents' wirings.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Those of agents that said something new, and those that have another winner.
    pub(crate) anew: Vec<(AgentId, usize)>,
    /// Those whose winner stayed while the others who were candidates changed, or may have.
    pub(crate) again: Vec<(AgentId, usize)>,
}

/// Why an agent stopped being healthy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// It said so.
    Left,
    /// It was silent for too long.
    Silent,
    /// It was silent for longer than this when the registry started.
    StaleOnStartup(Duration),
}

impl Draft {
    pub(crate) fn new(mesh: &Mesh, now: Timestamp) -> Self {
        Self {
            mesh: mesh.clone(),
            changes: Vec::new(),
            now,
            touched: BTreeSet::new(),
            pending: BTreeSet::new(),
            renewed: BTreeSet::new(),
            stirred: Vec::new(),
            resolved: Resolved::default(),
            unchecked: mesh.is_cyclic,
        }
    }

    /// Takes up an agent that the store remembers; nothing is written back.
    pub(crate) fn restore(&mut self, mut profile: Arc<Profile>, row: &AgentRow) {
        self.mesh.share_schemas(&mut profile);
        let agent = Agent {
            status: row.status,
            wiring: Arc::new(Wiring::pending()),
            pulse: Arc::new(Pulse::new(row.last_seen)),
            created_at: row.created_at,
            entity_id: row.entity_id.as_deref().map(Into::into),
            profile,
        };
        self.index(&agent);
        self.unchecked = true;
        self.renewed.insert(agent.profile.id.clone());
        self.mesh.agents.insert(agent.profile.id.clone(), agent);
    }

    /// Registers an agent, or replaces what it said before. `registration` is the body as it came.
    /// Says whether the agent is new. If its requirements would close a cycle, nothing happens.
    pub(crate) fn register(
        &mut self,
        mut profile: Arc<Profile>,
        registration: String,
    ) -> Result<bool, RequiredCycle> {
        let id = profile.id.clone();
        let known = self.mesh.agents.get(&id).cloned();
        let replaced = known.as_ref().map(|known| known.profile.as_ref());
        self.mesh.requirements.check(&profile, replaced)?;
        if let Some(known) = &known {
            self.unindex(known);
        }
        self.mesh.share_schemas(&mut profile);
        let agent = match &known {
            Some(known) => Agent {
                profile,
                status: AgentStatus::Healthy,
                ..known.clone()
            },
            None => Agent {
                profile,
                status: AgentStatus::Healthy,
                wiring: Arc::new(Wiring::pending()),
                pulse: Arc::new(Pulse::new(self.now)),
                created_at: self.now,
                entity_id: None,
            },
        };
        agent.pulse.beat(self.now);
        self.index(&agent);
        let profile = &agent.profile;
        match &known {
            None => {
                let data = json!({
                    "agent_type": profile.agent_type,
                    "name": profile.name,
                    "version": profile.version,
                });
                self.record(profile, EventKind::Register, &data);
            }
            Some(known) if known.status != AgentStatus::Healthy => {
                let data = transition(known.status, AgentStatus::Healthy, "recovery", self.now);
                self.record(profile, EventKind::Register, &data);
            }
            Some(_) => {}
        }
        self.changes.push(Change::Put(AgentRow {
            agent_id: id.clone(),
            name: profile.name.to_string(),
            status: agent.status,
            registration,
            created_at: agent.created_at,
            last_seen: self.now,
            entity_id: agent.entity_id.as_deref().map(Into::into),
            answer_digest: None,
        }));
        self.mesh.agents.insert(id.clone(), agent);
        self.renewed.insert(id);
        Ok(known.is_none())
    }

    /// Takes a healthy agent out of the wiring; it stays listed. Nothing happens if it is unknown
    /// or not healthy.
    pub(crate) fn lose(&mut self, id: &str, loss: Loss) {
        let Some(agent) = self.mesh.agents.get(id).cloned() else {
            return;
        };
        if agent.status != AgentStatus::Healthy {
            return;
        }
        self.mesh.remove_offers(&agent, &mut self.touched);
        let profile = &agent.profile;
        let (kind, data) = match loss {
            Loss::Left => (
                EventKind::Unregister,
                json!({
                    "agent_type": profile.agent_type,
                    "name": profile.name,
                    "version": profile.version,
                    "reason": "graceful_shutdown",
                    "source": "delete_endpoint",
                }),
            ),
            Loss::Silent => {
                let (old, new) = (agent.status, AgentStatus::Unhealthy);
                (
                    EventKind::Unhealthy,
                    transition(old, new, "health_degradation", self.now),
                )
            }
            Loss::StaleOnStartup(threshold) => (
                EventKind::Unhealthy,
                json!({
                    "agent_type": profile.agent_type,
                    "name": profile.name,
                    "previous_status": agent.status,
                    "reason": "stale_on_startup",
                    "last_heartbeat": agent.pulse.last_seen(),
                    "threshold_seconds": threshold.as_secs(),
                }),
            ),
        };
        self.record(profile, kind, &data);
        let id = profile.id.clone();
        self.stirred.push(agent.pulse.clone());
        let status = AgentStatus::Unhealthy;
        self.changes.push(Change::SetStatus {
            agent_id: id.clone(),
            status,
        });
        let agent = Agent { status, ..agent };
        self.mesh
            .add_offers(&agent, &mut self.touched, &mut self.pending);
        self.mesh.agents.insert(id, agent);
    }

    /// Takes out an agent that was silent for longer than `threshold`; a beat that came since
    /// saves it.
    pub(crate) fn age(&mut self, id: &str, threshold: Duration) {
        if self
            .mesh
            .agents
            .get(id)
            .is_some_and(|agent| self.is_silent(agent, threshold))
        {
            self.lose(id, Loss::Silent);
        }
    }

    /// Forgets an agent that has been unhealthy and silent for longer than `retention`.
    pub(crate) fn purge(&mut self, id: &str, retention: Duration) {
        let Some(agent) = self.mesh.agents.get(id).cloned() else {
            return;
        };
        if agent.status != AgentStatus::Healthy && self.is_silent(&agent, retention) {
            self.unindex(&agent);
            self.mesh.agents.remove(id);
            self.changes.push(Change::Delete(agent.profile.id.clone()));
        }
    }

    /// Keeps the schemas that an agent published; their hashes are verified.
    pub(crate) fn publish(&mut self, schemas: Vec<SchemaRow>) {
        self.changes
            .extend(schemas.into_iter().map(Change::PutSchema));
    }

    /// Asks the healthy agents of `entity`, or all, to register again: their answers stay what they are
    /// and get a new generation. Says how many.
    pub(crate) fn rotate(&mut self, entity: Option<&str>) -> usize {
        let asked: Vec<Agent> = self
            .mesh
            .agents()
            .filter(|agent| agent.status == AgentStatus::Healthy)
            .filter(|agent| entity.is_none_or(|entity| agent.entity_id.as_deref() == Some(entity)))
            .cloned()
            .collect();
        let count = asked.len();
        for agent in asked {
            let profile = &agent.profile;
            let data = json!({
                "agent_id": profile.id,
                "name": profile.name,
                "entity_id": agent.entity_id.as_deref().unwrap_or_default(),
                "reason": "cert_rotation",
            });
            self.push_event(profile, EventKind::Rotate, &data);
            self.mesh.generation += 1;
            let wiring = Wiring::clone(&agent.wiring).numbered(self.mesh.generation);
            let agent = Agent {
                wiring: Arc::new(wiring),
                ..agent
            };
            self.mesh.agents.insert(agent.profile.id.clone(), agent);
        }
        count
    }

    fn is_silent(&self, agent: &Agent, threshold: Duration) -> bool {
        self.now.since(agent.pulse.last_seen()) > threshold
    }

    /// Whether there is anything to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Resolves what the changes touched. Consumers whose answer differs get a new generation, all
    /// others keep theirs.
    pub(crate) fn settle(mut self) -> Settled {
        if self.unchecked {
            // One that is gone by now must be judged once more as if it were there.
            let is_cyclic = self.mesh.requirements.are_cyclic();
            self.mesh.is_cyclic |= is_cyclic;
            self.spread();
            self.mesh.is_cyclic = is_cyclic;
        } else {
            self.spread();
        }
        let renewed = std::mem::take(&mut self.renewed);
        for id in &renewed {
            let rewired = self.rewire(id, |mesh, agent| {
                Some(Wiring::resolve(&agent.profile, mesh))
            });
            if let Some((_, agent)) = rewired {
                let slots = 0..agent.profile.need_count();
                let slots = slots.map(|slot| (id.clone(), slot));
                self.resolved.anew.extend(slots);
            }
        }
        let mut affected: BTreeMap<AgentId, BTreeSet<Arc<str>>> = BTreeMap::new();
        for name in &self.touched {
            for id in self.mesh.consumers.get(name).into_iter().flatten() {
                if !renewed.contains(id) {
                    affected.entry(id.clone()).or_default().insert(name.clone());
                }
            }
        }
        let wild = self.mesh.wild.iter().filter(|id| !renewed.contains(*id));
        for id in wild.filter(|_| !self.touched.is_empty()) {
            affected.insert(id.clone(), self.touched.clone());
        }
        for (id, names) in affected {
            let rewired = self.rewire(&id, |mesh, agent| {
                agent.wiring.refresh(&agent.profile, &names, mesh)
            });
            let rewired = rewired.map_or_else(Vec::new, |(before, agent)| {
                agent.wiring.rewired(&before).collect()
            });
            self.note(&id, &names, &rewired);
        }
        Settled {
            mesh: self.mesh,
            changes: self.changes,
            touched: self.touched,
            stirred: self.stirred,
            resolved: self.resolved,
        }
    }

    /// Notes the slots of an agent that a change to the offers of `touched` matters to; those at
    /// `rewired` have another winner.
    fn note(&mut self, id: &AgentId, touched: &BTreeSet<Arc<str>>, rewired: &[usize]) {
        let Resolved { anew, again } = &mut self.resolved;
        anew.extend(rewired.iter().map(|slot| (id.clone(), *slot)));
        let Some(agent) = self.mesh.agents.get(id) else {
            return;
        };
        let contested = Slot::all(&self.mesh, agent)
            .filter(|slot| touched.contains(slot.capability()) && slot.has_losers())
            .map(Slot::position)
            .filter(|slot| rewired.binary_search(slot).is_err());
        again.extend(contested.map(|slot| (id.clone(), slot)));
    }

    /// Gives an agent a new wiring, if `wire` makes one, and says which it had before.
    fn rewire(
        &mut self,
        id: &AgentId,
        wire: impl FnOnce(&Mesh, &Agent) -> Option<Wiring>,
    ) -> Option<(Arc<Wiring>, Agent)> {
        let agent = self.mesh.agents.get(id)?;
        let before = agent.wiring.clone();
        let mut wiring = wire(&self.mesh, agent)?;
        if wiring.generation == 0 {
            self.mesh.generation += 1;
            wiring = wiring.numbered(self.mesh.generation);
            self.stirred.push(agent.pulse.clone());
        }
        let agent = Agent {
            wiring: Arc::new(wiring),
            ..agent.clone()
        };
        self.mesh.agents.insert(id.clone(), agent.clone());
        Some((before, agent))
    }

    fn spread(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.mesh.spread(pending, &mut self.touched);
    }

    fn index(&mut self, agent: &Agent) {
        self.mesh
            .add_offers(agent, &mut self.touched, &mut self.pending);
        self.mesh.add_profile(&agent.profile);
    }

    fn unindex(&mut self, agent: &Agent) {
        self.mesh.remove_offers(agent, &mut self.touched);
        self.mesh.remove_profile(&agent.profile);
    }

    fn record(&mut self, profile: &Profile, kind: EventKind, data: &serde_json::Value) {
        if profile.agent_type == AgentType::Api {
            return; // Gateways offer nothing, so nobody has to know.
        }
        self.push_event(profile, kind, data);
    }

    fn push_event(&mut self, profile: &Profile, kind: EventKind, data: &serde_json::Value) {
        self.changes.push(Change::Record(EventRow {
            kind,
            agent_id: profile.id.to_string(),
            agent_name: None,
            function_name: None,
            timestamp: self.now,
            data: Some(
                serde_json::value::to_raw_value(data).expect("a JSON value is always valid JSON"),
            ),
        }));
    }
}

/// The data of an event that a change of health causes.
fn transition(
    old: AgentStatus,
    new: AgentStatus,
    reason: &str,
    now: Timestamp,
) -> serde_json::Value {
    json!({
        "reason": reason,
        "old_status": old,
        "new_status": new,
        "detected_at": now,
        "source": "status_change_hook",
        "transition_type": format!("{old}_to_{new}"),
        "description": format!("agent went from {old} to {new}"),
    })
}
