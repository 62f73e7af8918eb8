//! What happened lately, for the charts of the overview.
//!
//! A task reads the gateway's counters every ten seconds. The counts between two readings are
//! kept for an hour, and by minutes for a day. They are kept in memory alone, so they begin with
//! the process.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

/// The time between two readings.
const STEP: Duration = Duration::from_secs(10);
/// The readings of an hour.
const HOUR: usize = 360;
/// The readings of a minute, and the minutes of a day.
const PER_MINUTE: usize = 6;
const DAY: usize = 1440;

/// Counters that only grow, or what they grew by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Events that were recorded.
    pub(crate) recorded: u64,
    /// Events that came again.
    pub(crate) duplicates: u64,
    /// Refused requests.
    pub(crate) refused: u64,
    /// Deliveries that are done or ignored.
    pub(crate) handled: u64,
    /// Attempts that failed.
    pub(crate) failed: u64,
}

/// The counts of the last hour and of the last day.
#[derive(Default)]
pub(crate) struct Trends(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: Option<Sample>,
    hour: VecDeque<Sample>,
    minute: (usize, Sample),
    day: VecDeque<Sample>,
}

impl Trends {
    /// Reads the counters again and again, until `ended` turns true.
    pub(crate) async fn watch(
        self: Arc<Self>,
        read: impl Fn() -> Option<Sample>,
        mut ended: watch::Receiver<bool>,
    ) {
        loop {
            if let Some(sample) = read() {
                self.add(sample);
            }
            tokio::select! {
                () = tokio::time::sleep(STEP) => {}
                _ = ended.wait_for(|ended| *ended) => return,
            }
        }
    }

    /// Adds a reading of the counters.
    fn add(&self, now: Sample) {
        let mut kept = self.0.lock();
        let Some(before) = kept.last.replace(now) else {
            return;
        };
        let grown = now.since(before);
        push(&mut kept.hour, grown, HOUR);
        kept.minute.0 += 1;
        kept.minute.1 = kept.minute.1.plus(grown);
        if kept.minute.0 == PER_MINUTE {
            let (_, minute) = std::mem::take(&mut kept.minute);
            push(&mut kept.day, minute, DAY);
        }
    }

    /// The counts of each ten seconds of the last hour, the newest last.
    pub(super) fn hour(&self) -> Vec<Sample> {
        self.0.lock().hour.iter().copied().collect()
    }

    /// The counts of each minute of the last day, the newest last.
    pub(super) fn day(&self) -> Vec<Sample> {
        self.0.lock().day.iter().copied().collect()
    }
}

fn push(kept: &mut VecDeque<Sample>, sample: Sample, most: usize) {
    if kept.len() == most {
        kept.pop_front();
    }
    kept.push_back(sample);
}

impl Sample {
    /// What the counters grew by. A counter that is smaller, such as after a pruning, has not
    /// grown.
    fn since(self, before: Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn with(self, other: Self, by: fn(u64, u64) -> u64) -> Self {
        Self {
            recorded: by(self.recorded, other.recorded),
            duplicates: by(self.duplicates, other.duplicates),
            refused: by(self.refused, other.refused),
            handled: by(self.handled, other.handled),
            failed: by(self.failed, other.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(count: u64) -> Sample {
        Sample {
            recorded: count,
            ..Sample::default()
        }
    }

    #[test]
    fn counts_are_kept_by_ten_seconds_and_by_minutes() {
        let trends = Trends::default();
        for n in 0..=12 {
            trends.add(recorded(100 + 2 * n));
        }
        assert_eq!(trends.hour(), vec![recorded(2); 12]);
        assert_eq!(trends.day(), vec![recorded(12); 2]);
        // After a pruning.
        trends.add(recorded(1));
        assert_eq!(trends.hour().last(), Some(&recorded(0)));
        for n in 0..10_000 {
            trends.add(recorded(n));
        }
        assert_eq!((trends.hour().len(), trends.day().len()), (HOUR, DAY));
    }
}
