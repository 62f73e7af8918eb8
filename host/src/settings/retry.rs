//! `retry`: how often to try again, and after which delays (backoff).

use std::time::Duration;

/// How often to try again, and after which delays.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// How many attempts there are in all, with the first attempt; at least 1.
    pub attempts: u32,
    /// The delay before the second attempt.
    pub first: Duration,
    /// The next delay is the last delay times this factor; at least 1.
    pub factor: f64,
    /// The longest delay.
    pub max: Duration,
    /// The share of the delay that is random, 0 to 1.
    pub jitter: f64,
    /// The greatest age at an attempt, by the clock, since the delivery or the request was made.
    /// Beyond this age there are no more attempts.
    pub total: Option<Duration>,
}

impl RetryPolicy {
    /// The delay between attempt number `attempts_made` (counted from 1) and the next attempt.
    ///
    /// The delay grows as first · factorⁿ⁻¹ up to `max`. The result is between a share of `jitter`
    /// below that delay and the same share above, but at most `max`. So a delay that reached `max`
    /// varies below `max`. `random` (at least 0, less than 1) chooses the place in that range,
    /// evenly. The caller compares with `attempts` whether there is another attempt.
    pub fn delay(&self, attempts_made: u32, random: f64) -> Duration {
        let max = self.max.as_secs_f64();
        let exponent = i32::try_from(attempts_made.saturating_sub(1)).unwrap_or(i32::MAX);
        // An overflow becomes infinite. `min` limits it like any other large delay.
        let delay = (self.first.as_secs_f64() * self.factor.powi(exponent)).min(max);
        let least = delay * (1.0 - self.jitter);
        let most = (delay * (1.0 + self.jitter)).min(max);
        Duration::try_from_secs_f64(least + (most - least) * random.clamp(0.0, 1.0))
            .unwrap_or(self.max)
            .min(self.max)
    }

    /// Whether this age at the next attempt is too great for another attempt.
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
