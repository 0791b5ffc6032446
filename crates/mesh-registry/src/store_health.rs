//! Whether the store answers. Memory could go on without it, but a registry that can take no change does
//! not say that all is well: while the store is away, pings and registrations are answered with 503.
//! Nobody is given up or un-wired for it.
//!
//! Whatever the store is asked for is learned here. A failure is believed at once. A success is not: a
//! database that another program holds locked can be read all the while. An outage is over when
//! [`Store::ping`](mesh_store::Store::ping) says so, which writes if the last write failed.

use std::error::Error;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_core::{Clock, Timestamp};
use mesh_store::{StoreError, StoreErrorKind};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::App;
use crate::metrics::StoreOperation;

/// How often the store is asked while it answers, so that an idle mesh notices too.
const EVERY: Duration = Duration::from_secs(5);
/// How often it is asked while it does not, so that the mesh recovers without anybody asking.
const EVERY_WHILE_DOWN: Duration = Duration::from_millis(500);
/// The longest that an agent of 3.8 waits after an outage before it is heard again.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// What is known of the store.
#[derive(Debug)]
pub(crate) struct StoreHealth {
    clock: Clock,
    is_down: AtomicBool,
    record: Mutex<Record>,
    fell: Notify,
}

#[derive(Debug, Default)]
struct Record {
    failures: u64,
    down_since: Option<Timestamp>,
    /// Until then silence may be a consequence of an outage.
    spared_until: Option<Timestamp>,
}

/// How many failures were known when the store was asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked(u64);

impl StoreHealth {
    /// Of a store that has just been opened.
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            is_down: AtomicBool::new(false),
            record: Mutex::default(),
            fell: Notify::new(),
        }
    }

    /// Costs every ping one load.
    pub(crate) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// Call it before the store is asked, and [`Self::learn`] with what it returns after that.
    pub(crate) fn ask(&self) -> Asked {
        Asked(self.record().failures)
    }

    /// Learns what `operation` came to, which was begun at `asked`.
    pub(crate) fn learn(
        &self,
        asked: Asked,
        operation: StoreOperation,
        failure: Option<&StoreError>,
    ) {
        match failure {
            Some(error) if is_outage(operation, error) => self.fall(error),
            None if operation == StoreOperation::Ping && self.is_down() => self.rise(asked),
            _ => {}
        }
    }

    /// Whether silence says nothing of an agent at `now`: the store does not answer, or agents that were
    /// told so may still be waiting before they try again.
    pub(crate) fn excuses_silence(&self, now: Timestamp) -> bool {
        self.is_down() || self.record().spared_until.is_some_and(|end| now < end)
    }

    fn fall(&self, error: &StoreError) {
        let mut record = self.record();
        record.failures += 1;
        if record.down_since.is_none() {
            record.down_since = Some(self.clock.now());
            self.is_down.store(true, Ordering::Relaxed);
            self.fell.notify_waiters();
            tracing::error!(error = error as &dyn Error, "the store does not answer");
        }
    }

    fn rise(&self, asked: Asked) {
        let mut record = self.record();
        if record.failures != asked.0 {
            return; // Something failed after it was asked.
        }
        let Some(since) = record.down_since.take() else {
            return;
        };
        let now = self.clock.now();
        let outage = now.since(since);
        // Pauses are doubled from try to try: none is longer than what went before, give or take.
        let end = now.after((outage * 2).min(LONGEST_BACKOFF));
        record.spared_until = record.spared_until.max(Some(end));
        self.is_down.store(false, Ordering::Relaxed);
        tracing::info!(seconds = outage.as_secs_f64(), "the store answers again");
    }

    /// Resolves while the store does not answer.
    async fn fallen(&self) {
        let mut fell = pin!(self.fell.notified());
        // Listen first, then look: what happens in between is not missed.
        fell.as_mut().enable();
        if !self.is_down() {
            fell.await;
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing can panic between two changes that belong together.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a failure says that the store as a whole does not answer.
fn is_outage(operation: StoreOperation, error: &StoreError) -> bool {
    match error.kind() {
        // It was set up well when it was opened: a setting that is refused now is a server that refuses.
        StoreErrorKind::Busy | StoreErrorKind::Storage | StoreErrorKind::Setting => true,
        // One row, or one statement. Not the ping's: without it the registry is not ready.
        StoreErrorKind::Data | StoreErrorKind::Defect => {
            operation == StoreOperation::Ping && !matches!(error, StoreError::Closed)
        }
    }
}

impl App {
    /// Asks the store whether it is there.
    pub async fn check_store(&self) {
        let ping = self.store.ping();
        // What it comes to was learned on the way.
        let _ = self.metrics.store(StoreOperation::Ping, ping).await;
    }

    /// Asks the store regularly, for as long as the registry runs.
    pub async fn watch_store(self: Arc<Self>) {
        loop {
            let fallen = timeout(EVERY, self.store_health.fallen()).await;
            if fallen.is_ok() {
                sleep(EVERY_WHILE_DOWN).await;
            }
            self.check_store().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const PING: StoreOperation = StoreOperation::Ping;

    fn busy() -> StoreError {
        StoreError::Busy {
            path: PathBuf::from("a.db"),
            operation: "write",
        }
    }

    fn health() -> StoreHealth {
        StoreHealth::new(Clock::fixed(Timestamp::from_seconds(100)))
    }

    fn learn(health: &StoreHealth, operation: StoreOperation, failure: Option<&StoreError>) {
        health.learn(health.ask(), operation, failure);
    }

    #[test]
    fn a_ping_alone_ends_an_outage() {
        let health = health();
        learn(&health, StoreOperation::Touch, Some(&busy()));
        assert!(health.is_down());
        learn(&health, StoreOperation::Events, None);
        assert!(health.is_down(), "a locked database can be read");
        learn(&health, PING, None);
        assert!(!health.is_down());
    }

    #[test]
    fn a_ping_that_was_sent_before_a_failure_says_nothing() {
        let health = health();
        learn(&health, PING, Some(&busy()));
        let asked = health.ask();
        learn(&health, StoreOperation::Apply, Some(&busy()));
        health.learn(asked, PING, None);
        assert!(health.is_down());
    }

    #[test]
    fn one_unreadable_row_is_no_outage_unless_the_ping_finds_it() {
        let row = StoreError::UnreadableRow {
            path: PathBuf::from("a.db"),
            table: "events",
            key: "1".to_owned(),
            reason: "no JSON".to_owned(),
        };
        let health = health();
        learn(&health, StoreOperation::Events, Some(&row));
        assert!(!health.is_down());
        learn(&health, PING, Some(&StoreError::Closed));
        assert!(!health.is_down(), "we closed it");
        learn(&health, PING, Some(&row));
        assert!(health.is_down());
    }

    #[test]
    fn silence_is_excused_for_twice_the_outage_but_not_for_ever() {
        for (outage, excuse) in [(1, 2), (10, 20), (3600, 30)] {
            let health = health();
            learn(&health, PING, Some(&busy()));
            health.clock.advance(Duration::from_secs(outage));
            assert!(health.excuses_silence(health.clock.now()));
            learn(&health, PING, None);
            let end = health.clock.now().after(Duration::from_secs(excuse));
            assert!(health.excuses_silence(end.before(Duration::from_secs(1))));
            assert!(!health.excuses_silence(end));
        }
    }
}
