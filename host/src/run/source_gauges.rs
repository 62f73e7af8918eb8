//! What each source has received since the start: counted without a lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use tollgate_base::event::SourceName;
use tollgate_base::histogram::{DURATIONS, Distribution, Histogram};
use tollgate_base::time::WallTime;
use tollgate_ledger::Recorded;

/// The gauges of the sources of the manifest, by name.
#[derive(Debug, Default)]
pub(crate) struct SourceGauges(ArcSwap<HashMap<SourceName, Arc<SourceGauge>>>);

/// What one source has received.
#[derive(Debug)]
pub(crate) struct SourceGauge {
    new: AtomicU64,
    duplicate: AtomicU64,
    /// When the last event came, in milliseconds. 0 if none has come.
    last: AtomicU64,
    acknowledged: Histogram,
}

impl Default for SourceGauge {
    fn default() -> Self {
        Self {
            new: AtomicU64::new(0),
            duplicate: AtomicU64::new(0),
            last: AtomicU64::new(0),
            acknowledged: Histogram::new(DURATIONS),
        }
    }
}

impl SourceGauges {
    /// The gauge of a source.
    pub(crate) fn of(&self, source: &SourceName) -> Arc<SourceGauge> {
        if let Some(known) = self.0.load().get(source) {
            return known.clone();
        }
        let new = Arc::<SourceGauge>::default();
        let before = self.0.rcu(|known| {
            let mut all = HashMap::clone(known);
            all.entry(source.clone()).or_insert_with(|| new.clone());
            all
        });
        // Another thread may have been faster.
        before.get(source).unwrap_or(&new).clone()
    }

    /// Forgets the sources that are not in the manifest any more.
    pub(crate) fn keep(&self, is_known: impl Fn(&SourceName) -> bool) {
        self.0.rcu(|known| {
            let mut all = HashMap::clone(known);
            all.retain(|name, _| is_known(name));
            all
        });
    }
}

impl SourceGauge {
    /// Counts recorded events.
    pub(crate) fn recorded(&self, recorded: &[Recorded], now: WallTime) {
        let is_duplicate = |one: &&Recorded| matches!(one, Recorded::Duplicate { .. });
        let duplicates = recorded.iter().filter(is_duplicate).count() as u64;
        let new = recorded.len() as u64 - duplicates;
        self.new.fetch_add(new, Ordering::Relaxed);
        self.duplicate.fetch_add(duplicates, Ordering::Relaxed);
        self.last.fetch_max(now.as_millis(), Ordering::Relaxed);
    }

    /// Counts a request that was acknowledged this long after its last byte had come.
    pub(crate) fn acknowledged(&self, took: Duration) {
        self.acknowledged.observe_duration(took);
    }

    /// New events.
    pub(crate) fn new_events(&self) -> u64 {
        self.new.load(Ordering::Relaxed)
    }

    /// Events that had been recorded before.
    pub(crate) fn duplicates(&self) -> u64 {
        self.duplicate.load(Ordering::Relaxed)
    }

    /// When the last event came, new or not.
    pub(crate) fn last(&self) -> Option<WallTime> {
        let last = self.last.load(Ordering::Relaxed);
        (last > 0).then(|| WallTime::from_millis(last))
    }

    /// How long acknowledgements took.
    pub(crate) fn acknowledgements(&self) -> Distribution {
        self.acknowledged.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_base::event::EventId;

    #[test]
    fn a_source_keeps_its_gauge_while_it_is_in_the_manifest() {
        let gauges = SourceGauges::default();
        let name = SourceName::new("stripe");
        let id = EventId::from_bytes([1; 16]);
        let duplicate = Recorded::Duplicate {
            first: Some(id),
            same_bytes: true,
        };
        let now = WallTime::from_secs(7);
        gauges
            .of(&name)
            .recorded(&[Recorded::New(id), duplicate], now);
        gauges.of(&SourceName::new("adyen"));
        gauges.keep(|name| name.as_str() == "stripe");
        let gauge = gauges.of(&name);
        assert_eq!((gauge.new_events(), gauge.duplicates()), (1, 1));
        assert_eq!(gauge.last(), Some(now));
        gauges.keep(|_| false);
        assert_eq!(gauges.of(&name).last(), None);
    }
}
