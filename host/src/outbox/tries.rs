//! How tries ended since the start, and how long they took.

use std::time::Duration;

use tollgate_base::histogram::{DURATIONS, Distribution, Histogram};
use tollgate_ledger::OutboxNext;

/// The durations of tries, by their outcome.
#[derive(Debug)]
pub(super) struct Tries {
    sent: Histogram,
    again: Histogram,
    dead: Histogram,
}

/// How tries ended since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answered 2xx.
    pub sent: u64,
    /// Failed, and to be tried again.
    pub again: u64,
    /// Failed for good.
    pub dead: u64,
}

impl Default for Tries {
    fn default() -> Self {
        let empty = || Histogram::new(DURATIONS);
        Self {
            sent: empty(),
            again: empty(),
            dead: empty(),
        }
    }
}

impl Tries {
    /// Counts a try.
    pub(super) fn count(&self, next: OutboxNext, took: Duration) {
        let histogram = match next {
            OutboxNext::Sent => &self.sent,
            OutboxNext::Waiting { .. } => &self.again,
            OutboxNext::Dead => &self.dead,
        };
        histogram.observe_duration(took);
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            sent: self.sent.count(),
            again: self.again.count(),
            dead: self.dead.count(),
        }
    }

    /// The durations of the tries of each outcome, by the outcome's name.
    pub(super) fn durations(&self) -> [(&'static str, Distribution); 3] {
        [
            ("sent", self.sent.read()),
            ("again", self.again.read()),
            ("dead", self.dead.read()),
        ]
    }
}
