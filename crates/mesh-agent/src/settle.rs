//! The settle window: agents that start together find each other before their first calls run.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_core::wire::{Registration, Tool};

use crate::Wiring;

/// What a function may wait for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// One of its dependencies, by position.
    Slot(String, usize),
    /// Its LLM provider.
    LlmProvider(String),
}

impl Need {
    fn is_met(&self, wiring: &Wiring) -> bool {
        match self {
            Self::Slot(function, index) => wiring.slot(function, *index).is_some(),
            Self::LlmProvider(function) => wiring.llm_provider(function).is_some(),
        }
    }
}

/// Who waits is told through this, and reads what he wants of the wiring.
pub(crate) type Done = Box<dyn FnOnce(&Wiring) + Send>;

struct Waiter {
    need: Need,
    done: Done,
}

/// Those who are to be told; outside of any lock, because it runs foreign code.
#[must_use]
pub(crate) struct Told(Vec<Done>, Arc<Wiring>);

impl Told {
    pub(crate) fn tell(self) {
        let Self(waiters, wiring) = self;
        for done in waiters {
            done(&wiring);
        }
    }
}

/// Open until each declared need was met once, or until its time is over; then closed for good.
pub(crate) struct Settle {
    is_open: bool,
    /// Declared, and not met so far.
    missing: BTreeSet<Need>,
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
        self.missing.retain(|need| after.contains(need));
        self.missing.extend(after.difference(&before).cloned());
    }

    /// Tells `done` when the need is met or nothing more is to be waited for.
    pub(crate) fn wait(&mut self, wiring: Arc<Wiring>, need: Need, done: Done) -> Told {
        if need.is_met(&wiring) || !self.is_open {
            return Told(vec![done], wiring);
        }
        self.waiters.push(Waiter { need, done });
        Told(Vec::new(), wiring)
    }

    /// Takes note of new wiring.
    pub(crate) fn notice(&mut self, wiring: Arc<Wiring>) -> Told {
        self.missing.retain(|need| !need.is_met(&wiring));
        if self.missing.is_empty() {
            return self.close(wiring);
        }
        let (ready, waiting) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| waiter.need.is_met(&wiring));
        self.waiters = waiting;
        told(ready, wiring)
    }

    /// Ends the window.
    pub(crate) fn close(&mut self, wiring: Arc<Wiring>) -> Told {
        self.is_open = false;
        told(std::mem::take(&mut self.waiters), wiring)
    }
}

fn told(waiters: Vec<Waiter>, wiring: Arc<Wiring>) -> Told {
    let waiters = waiters.into_iter().map(|waiter| waiter.done).collect();
    Told(waiters, wiring)
}

fn declared(registration: &Registration) -> BTreeSet<Need> {
    registration.tools.iter().flat_map(needs).collect()
}

fn needs(tool: &Tool) -> impl Iterator<Item = Need> {
    let function = &tool.function_name;
    let slots = (0..tool.dependencies.len()).map(|index| Need::Slot(function.clone(), index));
    let provider = tool.llm_provider.as_ref();
    slots.chain(provider.map(|_| Need::LlmProvider(function.clone())))
}
