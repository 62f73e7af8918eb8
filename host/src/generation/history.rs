//! The last attempts to load a generation, with their errors.

use std::collections::VecDeque;

use parking_lot::Mutex;

use super::loaded::Origin;
use tollgate_base::time::WallTime;

/// The most attempts that are kept.
const KEPT: usize = 20;

/// The last attempts to load a generation, in this process.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<VecDeque<LoadAttempt>>);

/// An attempt to load a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadAttempt {
    /// When the attempt ended; of equal failures, the last one.
    pub(crate) at: WallTime,
    /// What came of it.
    pub(crate) outcome: LoadOutcome,
    /// How often in a row it came to this: a failure that may pass is tried again and again.
    pub(crate) times: u64,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoadOutcome {
    /// The generation with this number serves.
    Serves {
        /// Its number.
        number: u64,
        /// The source of its manifest.
        origin: Origin,
        /// Settings that are allowed but unwise.
        warnings: Vec<String>,
    },
    /// The attempt failed, for this reason.
    Failed(String),
}

impl History {
    /// Notes what came of an attempt.
    pub(super) fn note(&self, at: WallTime, outcome: LoadOutcome) {
        let mut attempts = self.0.lock();
        match attempts.back_mut() {
            Some(last) if last.outcome == outcome => {
                last.at = at;
                last.times += 1;
            }
            _ => {
                let times = 1;
                attempts.push_back(LoadAttempt { at, outcome, times });
            }
        }
        if attempts.len() > KEPT {
            attempts.pop_front();
        }
    }

    /// The attempts, the newest first.
    pub(crate) fn newest_first(&self) -> Vec<LoadAttempt> {
        self.0.lock().iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_failures_are_one_entry_and_old_ones_go() {
        let history = History::default();
        let failed = |text: &str| LoadOutcome::Failed(text.to_owned());
        for second in 1..=100 {
            history.note(WallTime::from_secs(second), failed("no memory"));
        }
        let all = history.newest_first();
        assert_eq!((all.len(), all[0].times), (1, 100));
        assert_eq!(all[0].at, WallTime::from_secs(100));
        for n in 0..100 {
            history.note(WallTime::from_secs(n), failed(&n.to_string()));
        }
        let all = history.newest_first();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0].outcome, failed("99"));
    }
}
