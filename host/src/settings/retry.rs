//! `retry`: when to try again, and how often.

use std::time::Duration;

/// When to try again, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included; at least 1.
    pub attempts: u32,
    /// The delay before the second attempt.
    pub first: Duration,
    /// What each delay is multiplied by for the next; at least 1.
    pub factor: f64,
    /// The longest delay.
    pub max: Duration,
    /// The share of the delay that is left to chance, 0 to 1.
    pub jitter: f64,
    /// How old it may be at the next attempt, by the clock, since it came up; beyond, it is
    /// given up although attempts are left.
    pub total: Option<Duration>,
}

impl RetryPolicy {
    /// How long to wait after `attempts_made` attempts (counted from 1) before the next.
    ///
    /// The delay grows as first · factorⁿ⁻¹ up to `max`. From that, `random` (at least 0,
    /// less than 1) chooses evenly between a share of `jitter` less and as much more, but
    /// not more than `max`: so delays that have reached `max` are spread below it.
    /// Whether another attempt is due at all is for the caller to compare with `attempts`.
    pub fn delay(&self, attempts_made: u32, random: f64) -> Duration {
        let max = self.max.as_secs_f64();
        let exponent = i32::try_from(attempts_made.saturating_sub(1)).unwrap_or(i32::MAX);
        // An overflow becomes infinite and is capped like any other large delay.
        let delay = (self.first.as_secs_f64() * self.factor.powi(exponent)).min(max);
        let least = delay * (1.0 - self.jitter);
        let most = (delay * (1.0 + self.jitter)).min(max);
        Duration::try_from_secs_f64(least + (most - least) * random.clamp(0.0, 1.0))
            .unwrap_or(self.max)
            .min(self.max)
    }

    /// Whether what will be of this age at the next attempt is too old for it.
    pub fn too_old(&self, age: Duration) -> bool {
        self.total.is_some_and(|total| age > total)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

    #[test]
        fn delays_stay_within_their_bounds(
            attempts in 0u32..5000,
            first in 1u64..100_000,
            factor in 1.0f64..100.0,
            max in 1u64..10_000_000,
            jitter in 0.0f64..=1.0,
            random in 0.0f64..1.0,
        ) {
            let (first, max) = (Duration::from_millis(first), Duration::from_millis(max));
            let policy = RetryPolicy { attempts: 10, first, factor, max, jitter, total: None };
            let delay = policy.delay(attempts, random);
            prop_assert!(delay <= max);
            let least = first.min(max).mul_f64(1.0 - jitter);
            prop_assert!(delay + Duration::from_micros(1) >= least);
        }
    }

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 12,
            first: Duration::from_secs(5),
            factor: 3.0,
            max: Duration::from_secs(100),
            jitter: 0.2,
            total: None,
        }
    }

    #[test]
    fn delays_grow_to_the_longest() {
        let middle = |attempts| policy().delay(attempts, 0.5).as_secs_f64();
        for (attempts, seconds) in [(0, 5.0), (1, 5.0), (2, 15.0), (3, 45.0)] {
            assert!((middle(attempts) - seconds).abs() < 1e-6, "{attempts}");
        }
        // 135 s is capped to 100 s, and spread between 80 s and 100 s.
        for attempts in [4, 50, u32::MAX] {
            assert!((middle(attempts) - 90.0).abs() < 1e-6, "{attempts}");
        }
    }

    #[test]
    fn jitter_spreads_delays_both_ways() {
        let seconds = |attempts, random| policy().delay(attempts, random).as_secs_f64();
        assert!((seconds(1, 0.0) - 4.0).abs() < 1e-6);
        assert!((seconds(1, 1.0) - 6.0).abs() < 1e-6);
        assert!((seconds(4, 0.0) - 80.0).abs() < 1e-6);
        assert!((seconds(4, 1.0) - 100.0).abs() < 1e-6);
    }
}
