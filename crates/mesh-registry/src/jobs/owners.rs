//! Who runs jobs, so that a loss in the mesh is compared with a few names and not with the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::AgentStatus;

use crate::topology::Mesh;

/// Instances that own a job which is not finished, as far as is known: whoever got one since the
/// store was asked is in, whoever finished his last one may be in still.
#[derive(Debug)]
pub(crate) struct Owners(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What the store said.
    known: HashSet<String>,
    /// Who came since it was asked.
    fresh: HashSet<String>,
    /// Whose absence proves nothing yet, and since when: who was silent while the registry was away,
    /// who was never heard of, and who got a job while absent.
    absent: HashMap<String, Timestamp>,
}

impl Owners {
    /// Nobody; agents of `mesh` that are not healthy now get time to return.
    pub(crate) fn new(mesh: &Mesh, now: Timestamp) -> Self {
        let absent = mesh
            .agents()
            .filter(|agent| agent.status != AgentStatus::Healthy)
            .map(|agent| (agent.profile.id.to_string(), now))
            .collect();
        Self(Mutex::new(State {
            absent,
            ..State::default()
        }))
    }

    /// Notes that `owner` got a job. Whoever `mesh` does not hold for healthy shows by that very job
    /// that he lives, so he gets time to say so.
    pub(crate) fn add(&self, owner: &str, mesh: &Mesh, now: Timestamp) {
        let mut state = self.state();
        if !state.known.contains(owner) {
            state.fresh.insert(owner.to_owned());
        }
        let status = mesh.agent(owner).map(|agent| agent.status);
        if status != Some(AgentStatus::Healthy) {
            state.absent.insert(owner.to_owned(), now);
        }
    }

    /// Call it before the store is asked, and [`Owners::renew`] with its answer: whoever comes in
    /// between is kept.
    pub(crate) fn begin_renewal(&self) -> Renewal {
        Renewal(std::mem::take(&mut self.state().fresh))
    }

    /// Replaces what is known.
    pub(crate) fn renew(&self, renewal: Renewal, stored: Vec<String>) {
        let mut state = self.state();
        state.known = renewal.0;
        state.known.extend(stored);
        let State {
            known,
            fresh,
            absent,
        } = &mut *state;
        absent.retain(|owner, _| known.contains(owner) || fresh.contains(owner));
    }

    /// Puts back what [`Owners::begin_renewal`] took, because the store did not answer.
    pub(crate) fn abandon(&self, renewal: Renewal) {
        self.state().fresh.extend(renewal.0);
    }

    /// Those who are lost: gone or not healthy in `mesh`. Whose absence proves nothing yet is given
    /// `patience`.
    pub(crate) fn lost(&self, mesh: &Mesh, now: Timestamp, patience: Duration) -> Vec<String> {
        let mut state = self.state();
        let State {
            known,
            fresh,
            absent,
        } = &mut *state;
        let mut lost = Vec::new();
        for owner in known.iter().chain(fresh.iter()) {
            let since = match mesh.agent(owner).map(|agent| agent.status) {
                Some(AgentStatus::Healthy) => {
                    absent.remove(owner);
                    continue;
                }
                Some(_) => absent.get(owner).copied(),
                None => Some(*absent.entry(owner.clone()).or_insert(now)),
            };
            if since.is_none_or(|since| now.since(since) > patience) {
                lost.push(owner.clone());
            }
        }
        lost
    }

    /// Forgets those whose jobs were taken from them.
    pub(crate) fn forget(&self, owners: &[String]) {
        let mut state = self.state();
        for owner in owners {
            state.known.remove(owner);
            state.fresh.remove(owner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change leaves the sets whole, so a panic elsewhere does not spoil them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Owners that were new when a renewal began.
#[derive(Debug)]
pub(crate) struct Renewal(HashSet<String>);

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn owners() -> (Owners, Mesh) {
        let mesh = Mesh::default();
        (Owners::new(&mesh, start()), mesh)
    }

    fn start() -> Timestamp {
        Timestamp::from_seconds(0)
    }

    #[test]
    fn who_was_never_heard_of_gets_time_to_appear() {
        let (owners, mesh) = owners();
        owners.add("a", &mesh, start());
        let lost = |seconds| owners.lost(&mesh, Timestamp::from_seconds(seconds), PATIENCE);
        assert!(lost(20).is_empty());
        assert_eq!(lost(21), ["a"]);
        owners.forget(&["a".to_owned()]);
        assert!(lost(200).is_empty());
    }

    #[test]
    fn who_comes_during_a_renewal_is_kept() {
        let (owners, mesh) = owners();
        owners.add("before", &mesh, start());
        let renewal = owners.begin_renewal();
        owners.add("during", &mesh, start());
        owners.renew(renewal, vec!["stored".to_owned()]);
        owners.lost(&mesh, start(), PATIENCE);
        let mut lost = owners.lost(&mesh, Timestamp::from_seconds(60), PATIENCE);
        lost.sort();
        assert_eq!(lost, ["before", "during", "stored"]);
    }

    #[test]
    fn a_renewal_that_fails_loses_nobody() {
        let (owners, mesh) = owners();
        owners.add("a", &mesh, start());
        let renewal = owners.begin_renewal();
        owners.abandon(renewal);
        assert_eq!(
            owners.lost(&mesh, Timestamp::from_seconds(60), PATIENCE),
            ["a"]
        );
    }
}
