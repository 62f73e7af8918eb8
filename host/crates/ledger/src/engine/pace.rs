//! How long the writer waits for others before a commit.
//!
//! Callers that were answered together come back nearly together. If the first one started a
//! commit alone, the others would have to wait for the end of that commit: with many callers
//! this halves the rate and doubles the wait. So the writer waits for the callers that it has
//! just answered, but only for a part of the time that a commit takes. If the callers do not
//! come, the writer waits more and more rarely. A single caller never waits.

use std::time::{Duration, Instant};

/// The result of waiting for other operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// The writer did not wait.
    No,
    /// The expected operations arrived.
    Arrived,
    /// The expected operations did not arrive in time.
    TimedOut,
}

/// How many operations to wait for, and how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Patience {
    /// The number of operations to expect beside the queued ones.
    pub(crate) expected: usize,
    /// The longest wait for them.
    pub(crate) longest: Duration,
}

/// Adapts the waiting to its results.
#[derive(Default)]
pub(crate) struct Pace {
    began: Option<Instant>,
    /// The number of operations in the last commit.
    last_ops: usize,
    /// The duration of a commit, as a moving average.
    commit: Duration,
    /// The next commits are made without waiting; so many.
    skip: u32,
    /// The number of commits without waiting after the last wait that timed out.
    skipped: u32,
}

impl Pace {
    /// The longest delay of a commit, on any disk.
    const LONGEST: Duration = Duration::from_millis(2);

    /// After waits that timed out, the writer waits before one commit in so many.
    const RAREST: u32 = 63;

    /// How to wait before the next commit.
    pub(crate) fn patience(&self) -> Patience {
        let wait = self.skip == 0;
        Patience {
            // A few callers may not come back.
            expected: self.last_ops - self.last_ops / 8,
            longest: if wait {
                (self.commit / 3).min(Self::LONGEST)
            } else {
                Duration::ZERO
            },
        }
    }

    /// Notes that a commit of so many operations begins, and how the wait before it ended.
    pub(crate) fn begin(&mut self, ops: usize, waited: Waited) {
        self.began = Some(Instant::now());
        self.last_ops = ops;
        match waited {
            Waited::No => self.skip = self.skip.saturating_sub(1),
            Waited::Arrived => self.skipped = 0,
            Waited::TimedOut => {
                self.skipped = (self.skipped * 2 + 1).min(Self::RAREST);
                self.skip = self.skipped;
            }
        }
    }

    /// Notes that the commit has ended.
    pub(crate) fn end(&mut self) {
        if let Some(began) = self.began.take() {
            self.commit = (self.commit * 7 + began.elapsed()) / 8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_in_vain_become_rare_and_a_reward_brings_them_back() {
        let mut pace = Pace {
            commit: Duration::from_millis(3),
            ..Pace::default()
        };
        let mut waits = 0;
        for _ in 0..1000 {
            let waited = !pace.patience().longest.is_zero();
            waits += u32::from(waited);
            pace.begin(8, if waited { Waited::TimedOut } else { Waited::No });
        }
        assert!((5..=25).contains(&waits), "{waits}");
        while pace.patience().longest.is_zero() {
            pace.begin(8, Waited::No);
        }
        assert_eq!(pace.patience().longest, Duration::from_millis(1));
        pace.begin(8, Waited::Arrived);
        assert!(!pace.patience().longest.is_zero());
        pace.begin(8, Waited::TimedOut);
        pace.begin(8, Waited::No);
        assert!(!pace.patience().longest.is_zero(), "one commit was skipped");
    }

    #[test]
    fn a_caller_that_is_alone_is_not_kept() {
        let mut pace = Pace::default();
        assert_eq!(pace.patience().expected, 0);
        pace.begin(1, Waited::No);
        assert_eq!(pace.patience().expected, 1, "itself");
    }
}
