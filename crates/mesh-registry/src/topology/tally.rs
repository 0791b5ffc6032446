//! Names that several agents give, counted: one that is taken back stays while others give it.

use std::hash::Hash;
use std::sync::Arc;

use imbl::{HashMap, OrdMap};

/// By key, how often each name was given.
pub(super) type Tally<K> = HashMap<K, OrdMap<Arc<str>, usize>>;

/// Counts `name` in.
pub(super) fn add<K: Hash + Eq + Clone>(tally: &mut Tally<K>, key: &K, name: &Arc<str>) {
    let names = tally.entry(key.clone()).or_default();
    *names.entry(name.clone()).or_default() += 1;
}

/// Counts `name` out, if it is there.
pub(super) fn remove<K: Hash + Eq + Clone>(tally: &mut Tally<K>, key: &K, name: &Arc<str>) {
    let Some(names) = tally.get_mut(key) else {
        return;
    };
    match names.get_mut(name) {
        Some(count) if *count > 1 => *count -= 1,
        _ => drop(names.remove(name)),
    }
    if names.is_empty() {
        tally.remove(key);
    }
}
