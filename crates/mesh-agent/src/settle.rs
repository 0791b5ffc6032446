//! The settle window: agents that start together find each other before their first calls run.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_core::wire::Registration;

use crate::{Target, Wiring};

/// Who waits for a slot is told through this.
pub(crate) type Done = Box<dyn FnOnce(Option<Arc<Target>>) + Send>;

struct Waiter {
    function: String,
    index: usize,
    done: Done,
}

/// What somebody who waited is to be told; outside of any lock, because it runs foreign code.
#[must_use]
pub(crate) struct Told(Vec<(Done, Option<Arc<Target>>)>);

impl Told {
    pub(crate) fn tell(self) {
        for (done, target) in self.0 {
            done(target);
        }
    }
}

/// Open until each declared dependency was wired once, or until its time is over; then closed for
/// good.
pub(crate) struct Settle {
    is_open: bool,
    /// Declared, and not wired so far.
    missing: BTreeSet<(String, usize)>,
    waiters: Vec<Waiter>,
}

impl Settle {
    pub(crate) fn new(registration: &Registration) -> Self {
        let missing = declared(registration);
        Self {
            is_open: !missing.is_empty(),
            missing,
            waiters: Vec::new(),
        }
    }

    /// Follows a new description: what it adds is awaited, what it drops is not.
    pub(crate) fn redeclare(&mut self, before: &Registration, after: &Registration) {
        let before = declared(before);
        let after = declared(after);
        self.missing.retain(|slot| after.contains(slot));
        self.missing.extend(after.difference(&before).cloned());
    }

    /// Tells `done` when the slot is filled or nothing more is to be waited for.
    pub(crate) fn wait(
        &mut self,
        wiring: &Wiring,
        function: &str,
        index: usize,
        done: Done,
    ) -> Told {
        let target = wiring.slot(function, index);
        if target.is_some() || !self.is_open {
            return Told(vec![(done, target)]);
        }
        self.waiters.push(Waiter {
            function: function.to_owned(),
            index,
            done,
        });
        Told(Vec::new())
    }

    /// Takes note of new wiring.
    pub(crate) fn notice(&mut self, wiring: &Wiring) -> Told {
        self.missing
            .retain(|(function, index)| wiring.slot(function, *index).is_none());
        if self.missing.is_empty() {
            return self.close(wiring);
        }
        let (ready, waiting) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| wiring.slot(&waiter.function, waiter.index).is_some());
        self.waiters = waiting;
        told(ready, wiring)
    }

    /// Ends the window.
    pub(crate) fn close(&mut self, wiring: &Wiring) -> Told {
        self.is_open = false;
        told(std::mem::take(&mut self.waiters), wiring)
    }
}

fn told(waiters: Vec<Waiter>, wiring: &Wiring) -> Told {
    let tell = |waiter: Waiter| (waiter.done, wiring.slot(&waiter.function, waiter.index));
    Told(waiters.into_iter().map(tell).collect())
}

fn declared(registration: &Registration) -> BTreeSet<(String, usize)> {
    let tools = registration.tools.iter();
    tools
        .flat_map(|tool| {
            let slots = 0..tool.dependencies.len();
            slots.map(|index| (tool.function_name.clone(), index))
        })
        .collect()
}
