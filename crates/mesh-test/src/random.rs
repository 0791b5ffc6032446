//! Chance that repeats: the same seed gives the same numbers on every machine.

use std::time::Duration;

/// A `SplitMix64` generator; print its seed, and a failed test can be run again.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts at `seed`.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    #[must_use]
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be 0.
    #[must_use]
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// A duration from `low` up to, not including, `high`, in whole microseconds.
    #[must_use]
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from(high.saturating_sub(low).as_micros()).unwrap_or(u64::MAX);
        low + Duration::from_micros(self.below(span.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let (mut a, mut b) = (Random::from_seed(7), Random::from_seed(7));
        for _ in 0..100 {
            assert_eq!(a.number(), b.number());
        }
        let wait = a.between(Duration::from_millis(5), Duration::from_millis(9));
        assert!((5..9).contains(&wait.as_millis()), "{wait:?}");
    }
}
