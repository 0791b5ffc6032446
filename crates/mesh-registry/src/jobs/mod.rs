//! Jobs: work that outlives a call. The store decides, one transaction per change; what is kept here
//! is what must be known without asking it, and what follows from a change.
//!
//! * [`Bells`] wake long-polls when a job has something new to say, and when there is work.
//! * [`Pending`] counts claimable jobs for the hint that every ping carries.
//! * [`Owners`] knows who runs jobs, so that a loss in the mesh is noticed at once.
//! * [`Alarm`] knows when the next lease or deadline is over.
//! * `service` makes the changes, `claiming` waits for work, `reading` for events and outcomes, `cancel`
//!   tells owners to stop, `drain` stops the handing out, and `keeper` holds the clocks that recover what
//!   its owner abandoned.

mod alarm;
mod bells;
mod cancel;
mod claiming;
mod drain;
mod keeper;
mod owners;
mod pending;
mod reading;
mod service;

pub(crate) use bells::Crowded;
pub(crate) use service::JobError;

use mesh_core::Timestamp;
use mesh_store::{Store, StoreError};
use tokio_util::task::TaskTracker;

use crate::App;
use crate::topology::Mesh;

use self::alarm::Alarm;
use self::bells::Bells;
use self::cancel::Forwards;
use self::owners::Owners;
use self::pending::Pending;

/// What is known of jobs in memory.
#[derive(Debug)]
pub(crate) struct Jobs {
    /// By job, who waits for its events or its outcome.
    bells: Bells,
    /// By capability, who waits for work.
    calls: Bells,
    pub(crate) pending: Pending,
    owners: Owners,
    alarm: Alarm,
    forwards: Forwards,
    /// Changes that go on although whoever asked may have hung up.
    tasks: TaskTracker,
}

impl Jobs {
    /// Takes up what the store remembers.
    pub(crate) async fn load(
        store: &Store,
        mesh: &Mesh,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            bells: Bells::of_jobs(),
            calls: Bells::of_capabilities(),
            pending: Pending::new(store.claimable_jobs().await?),
            owners: Owners::new(mesh, now),
            alarm: Alarm::default(),
            forwards: Forwards::default(),
            tasks: TaskTracker::new(),
        })
    }
}

impl App {
    /// Waits until every change of a job that was begun has ended; call it after
    /// [`App::begin_stop`].
    pub async fn settle_jobs(&self) {
        self.jobs.tasks.close();
        self.jobs.tasks.wait().await;
    }

    /// How many requests wait for news of a job, or for work.
    #[must_use]
    pub fn waiting_reads(&self) -> usize {
        self.jobs.bells.waiting() + self.jobs.calls.waiting()
    }
}
