//! How long to wait before the next attempt.

use std::time::Duration;

use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(500);
/// With its jitter less than 2 s, so that an agent is registered and wired within 2 s of its registry's return.
pub(crate) const OUTAGE_CAP: Duration = Duration::from_millis(1500);
/// A refusal seldom heals by itself, so it is repeated more slowly.
pub(crate) const REFUSAL_CAP: Duration = Duration::from_millis(6400);

/// The pause after `failures` failures in a row: doubled each time up to `cap`, give or take a
/// quarter, so that agents that lost their registry together do not return together.
pub(crate) fn pause(failures: u32, cap: Duration) -> Duration {
    let random = u16::try_from(Uuid::new_v4().as_u128() & 0xffff).unwrap_or(0);
    jittered(failures, cap, random)
}

fn jittered(failures: u32, cap: Duration, random: u16) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10));
    let share = 0.75 + 0.5 * f64::from(random) / f64::from(u16::MAX);
    doubled.min(cap).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_keep_their_jitter() {
        let middle = u16::MAX / 2 + 1;
        let around = |failures| jittered(failures, OUTAGE_CAP, middle).as_millis();
        assert_eq!([1, 2, 3, 4, 99].map(around), [500, 1000, 1500, 1500, 1500]);
        assert_eq!(jittered(1, OUTAGE_CAP, 0).as_millis(), 375);
        assert_eq!(jittered(9, OUTAGE_CAP, u16::MAX).as_millis(), 1875);
    }
}
