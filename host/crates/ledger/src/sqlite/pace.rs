//! How long the writer waits for others before a commit.
//!
//! Callers that were answered together come back nearly together. If the first of them
//! started a commit by itself, the others would have to sit it out: with many callers
//! that halves the rate and doubles the wait. So the writer waits for those whom it
//! has just answered, though only for a part of the time that a commit takes, and more
//! and more rarely when they do not come. A caller that is alone never waits.

use std::time::{Duration, Instant};

/// What came of waiting for others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// There was no need.
    None,
    /// They came.
    Rewarded,
    /// They did not.
    InVain,
}

/// For whom and how long to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Patience {
    /// How many more operations are to be expected than there are.
    pub(super) expected: usize,
    /// How long to wait for them.
    pub(super) longest: Duration,
}

/// Adapts the wait to what it brings.
#[derive(Default)]
pub(super) struct Pace {
    began: Option<Instant>,
    /// Operations in the last commit.
    last_ops: usize,
    /// What a commit takes, as a moving average.
    commit: Duration,
    /// Commits that are still to be made without waiting.
    skip: u32,
    /// How many were skipped after the last wait in vain.
    skipped: u32,
}

impl Pace {
    /// The most that a commit is put off, whatever the disk.
    const LONGEST: Duration = Duration::from_millis(2);

    /// After waits in vain, one commit in so many tries again.
    const RAREST: u32 = 63;

    pub(super) fn patience(&self) -> Patience {
        let wait = self.skip == 0;
        Patience {
            // A few may have gone for good.
            expected: self.last_ops - self.last_ops / 8,
            longest: if wait {
                (self.commit / 3).min(Self::LONGEST)
            } else {
                Duration::ZERO
            },
        }
    }

    pub(super) fn begin(&mut self, ops: usize, wait: Wait) {
        self.began = Some(Instant::now());
        self.last_ops = ops;
        match wait {
            Wait::None => self.skip = self.skip.saturating_sub(1),
            Wait::Rewarded => self.skipped = 0,
            Wait::InVain => {
                self.skipped = (self.skipped * 2 + 1).min(Self::RAREST);
                self.skip = self.skipped;
            }
        }
    }

    pub(super) fn end(&mut self) {
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
            pace.begin(8, if waited { Wait::InVain } else { Wait::None });
        }
        assert!((5..=25).contains(&waits), "{waits}");
        while pace.patience().longest.is_zero() {
            pace.begin(8, Wait::None);
        }
        assert_eq!(pace.patience().longest, Duration::from_millis(1));
        pace.begin(8, Wait::Rewarded);
        assert!(!pace.patience().longest.is_zero());
        pace.begin(8, Wait::InVain);
        pace.begin(8, Wait::None);
        assert!(!pace.patience().longest.is_zero(), "one commit was skipped");
    }

    #[test]
    fn a_caller_that_is_alone_is_not_kept() {
        let mut pace = Pace::default();
        assert_eq!(pace.patience().expected, 0);
        pace.begin(1, Wait::None);
        assert_eq!(pace.patience().expected, 1, "itself");
    }
}
