//! When the next lease or deadline is over.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mesh_core::{Clock, Timestamp};
use tokio::sync::Notify;

/// The longest sleep: the machine's clock may be set meanwhile.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The earliest moment that anybody named since the last ring. Too early is harmless: the store is
/// asked once in vain. So a job that ends well disarms nothing.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    at: Mutex<Option<Timestamp>>,
    earlier: Notify,
}

impl Alarm {
    /// Rings at `moment` at the latest.
    pub(crate) fn arm(&self, moment: Timestamp) {
        let mut at = self.at();
        if at.is_none_or(|at| moment < at) {
            *at = Some(moment);
            self.earlier.notify_one();
        }
    }

    /// Forgets the moment, because what is due is being looked at.
    pub(crate) fn disarm(&self) {
        *self.at() = None;
    }

    /// Resolves when the moment has come.
    pub(crate) async fn due(&self, clock: &Clock) {
        loop {
            let now = clock.now();
            let moment = *self.at();
            let left = match moment {
                Some(moment) if moment <= now => return,
                Some(moment) => moment.since(now),
                None => LOOK_AGAIN,
            };
            tokio::select! {
                () = tokio::time::sleep(left.min(LOOK_AGAIN)) => {}
                () = self.earlier.notified() => {}
            }
        }
    }

    fn at(&self) -> MutexGuard<'_, Option<Timestamp>> {
        // A moment cannot be half-written.
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_earlier_moment_wins_and_wakes_whoever_sleeps() {
        let clock = Clock::fixed(Timestamp::from_seconds(100));
        let alarm = Alarm::default();
        alarm.arm(Timestamp::from_seconds(200));
        let due = alarm.due(&clock);
        tokio::pin!(due);
        assert!(futures_util::poll!(&mut due).is_pending());
        alarm.arm(Timestamp::from_seconds(300));
        assert!(futures_util::poll!(&mut due).is_pending());
        alarm.arm(Timestamp::from_seconds(100));
        due.await;
    }

    #[tokio::test]
    async fn a_disarmed_alarm_is_silent() {
        let clock = Clock::fixed(Timestamp::from_seconds(100));
        let alarm = Alarm::default();
        alarm.arm(Timestamp::from_seconds(1));
        alarm.disarm();
        let due = alarm.due(&clock);
        tokio::pin!(due);
        assert!(futures_util::poll!(&mut due).is_pending());
    }
}
