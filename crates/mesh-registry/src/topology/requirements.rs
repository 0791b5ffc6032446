//! The graph of required dependencies over capability names, and the refusal of cycles in it.
//!
//! Availability follows these edges, so a cycle would be a group of functions that wait for each
//! other. The writer admits no registration that closes one. What it restores from a store was
//! admitted by somebody else, so a cycle may still be met and must do no harm (`availability.rs`).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use imbl::OrdMap;

use super::Profile;
use super::function::Need;
use super::tally::{self, Tally};

/// How many offers make each edge: by the offered capability, the capabilities that it requires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Requirements(Tally<Arc<str>>);

/// A registration that would make functions wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("required dependency cycle: {}", .0.join(" → "))]
pub(crate) struct RequiredCycle(Vec<Arc<str>>);

impl Requirements {
    /// Those of one profile.
    fn of(profile: &Profile) -> Self {
        let mut own = Self::default();
        own.add(profile);
        own
    }

    pub(super) fn add(&mut self, profile: &Profile) {
        for (from, to) in edges(profile) {
            tally::add(&mut self.0, from, to);
        }
    }

    pub(super) fn remove(&mut self, profile: &Profile) {
        for (from, to) in edges(profile) {
            tally::remove(&mut self.0, from, to);
        }
    }

    /// Says whether there is a cycle, wherever it is.
    pub(super) fn are_cyclic(&self) -> bool {
        let mut search = Search::new(|name| {
            let targets = self.0.get(name).into_iter();
            targets
                .flat_map(|targets| targets.keys().cloned())
                .collect()
        });
        self.0.keys().any(|name| search.cycle_from(name).is_some())
    }

    /// Whether what `from` requires leads to `to`.
    pub(super) fn lead(&self, from: &Arc<str>, to: &Arc<str>) -> bool {
        let mut seen = HashSet::from([from.clone()]);
        let mut open = vec![from.clone()];
        while let Some(name) = open.pop() {
            if name == *to {
                return true;
            }
            for next in self.0.get(&name).into_iter().flat_map(OrdMap::keys) {
                if seen.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        false
    }

    /// Refuses `profile` if its requirements, instead of those of the `known` one that it replaces,
    /// close a cycle. Costs nothing for a profile that requires nothing new.
    pub(super) fn check(
        &self,
        profile: &Profile,
        known: Option<&Profile>,
    ) -> Result<(), RequiredCycle> {
        let Self(new) = Self::of(profile);
        if new.is_empty() {
            return Ok(());
        }
        let Self(old) = known.map(Self::of).unwrap_or_default();
        let of_others = |from: &Arc<str>, to: &Arc<str>, count: usize| {
            let own = old.get(from).and_then(|old| old.get(to));
            count > own.copied().unwrap_or_default()
        };
        let mut search = Search::new(|name| {
            let others = self.0.get(name).into_iter().flatten();
            let others = others.filter(|(to, count)| of_others(name, to, **count));
            let mut targets: BTreeSet<_> = others.map(|(to, _)| to.clone()).collect();
            targets.extend(new.get(name).into_iter().flat_map(OrdMap::keys).cloned());
            targets.into_iter().collect()
        });
        // In order, so that a cycle is told alike every time.
        for name in new.keys().collect::<BTreeSet<_>>() {
            if let Some(cycle) = search.cycle_from(name) {
                // One that the profile has no part in was there before.
                let own = cycle.windows(2).position(|edge| {
                    new.get(&edge[0])
                        .is_some_and(|targets| targets.contains_key(&edge[1]))
                });
                if let Some(own) = own {
                    return Err(RequiredCycle(rotated(cycle, own)));
                }
            }
        }
        Ok(())
    }
}

/// What each offer requires, as pairs of names; several offers may make the same one.
fn edges(profile: &Profile) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
    profile.offers().flat_map(|(_, function, offer)| {
        let targets = function.requirements().flat_map(Need::alternatives);
        targets.map(|target| (&offer.capability, &target.capability))
    })
}

/// The same cycle, told from its edge number `start` on.
fn rotated(mut cycle: Vec<Arc<str>>, start: usize) -> Vec<Arc<str>> {
    cycle.pop(); // The last is the first.
    cycle.rotate_left(start);
    cycle.push(cycle[0].clone());
    cycle
}

/// A search in depth that sees every name once, however often it is asked.
struct Search<F> {
    targets: F,
    /// Names whose targets are all seen are `true`; names on the path are `false`.
    seen: HashMap<Arc<str>, bool>,
}

impl<F: Fn(&Arc<str>) -> Vec<Arc<str>>> Search<F> {
    fn new(targets: F) -> Self {
        Self {
            targets,
            seen: HashMap::new(),
        }
    }

    /// A cycle that can be reached from `start` over names that were not seen yet, its first name
    /// repeated at its end. No recursion: chains are as long as their authors like.
    fn cycle_from(&mut self, start: &Arc<str>) -> Option<Vec<Arc<str>>> {
        if self.seen.contains_key(start) {
            return None;
        }
        self.seen.insert(start.clone(), false);
        let mut path = vec![(start.clone(), (self.targets)(start).into_iter())];
        while let Some((name, targets)) = path.last_mut() {
            let Some(next) = targets.next() else {
                self.seen.insert(name.clone(), true);
                path.pop();
                continue;
            };
            match self.seen.get(&next) {
                Some(true) => {}
                Some(false) => {
                    let names = path.into_iter().map(|(name, _)| name);
                    let mut cycle: Vec<_> = names.skip_while(|name| *name != next).collect();
                    cycle.push(next);
                    return Some(cycle);
                }
                None => {
                    self.seen.insert(next.clone(), false);
                    let targets = (self.targets)(&next).into_iter();
                    path.push((next, targets));
                }
            }
        }
        None
    }
}
