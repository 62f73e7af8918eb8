//! How large the group commits are, and how long they take, for others than the writer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Commits;
use tollgate_base::histogram::{DURATIONS, Histogram, NUMBERS};

/// The group commits since the ledger was opened.
pub(crate) struct CommitGauge {
    operations: Histogram,
    duration: Histogram,
    failed: AtomicU64,
}

impl Default for CommitGauge {
    fn default() -> Self {
        Self {
            operations: Histogram::new(NUMBERS),
            duration: Histogram::new(DURATIONS),
            failed: AtomicU64::new(0),
        }
    }
}

impl CommitGauge {
    /// Counts a commit of so many operations.
    pub(crate) fn committed(&self, operations: usize, took: Duration) {
        self.operations.observe(operations as u64);
        self.duration.observe_duration(took);
    }

    /// Counts a commit that failed.
    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures by now.
    pub(crate) fn read(&self) -> Commits {
        Commits {
            operations: self.operations.read(),
            duration: self.duration.read(),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}
