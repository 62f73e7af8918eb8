//! Histograms that many threads count into without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of buckets for durations, in microseconds.
///
/// No bound is a whole number of seconds: the two text formats of Prometheus write whole numbers in
/// two ways (`1` and `1.0`), so that one histogram would have two names for a bucket.
pub const DURATIONS: &[u64] = &[
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_500_000,
    2_500_000, 7_500_000, 30_500_000,
];

/// The upper bounds of buckets for numbers of things, up to the most operations of a commit.
pub const NUMBERS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Counts values in buckets. To observe a value costs two relaxed additions.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// A count for each bound, then a count of the values above all bounds.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// The values of a histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The upper bounds of the buckets, in ascending order.
    pub bounds: &'static [u64],
    /// The number of values in each bucket, and last the number of values above all bounds.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: u64,
}

impl Histogram {
    /// An empty histogram with these upper bounds, in ascending order.
    pub fn new(bounds: &'static [u64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts a duration, in microseconds.
    pub fn observe_duration(&self, duration: std::time::Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// The values by now.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter();
        Distribution {
            bounds: self.bounds,
            counts: counts.map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

impl Distribution {
    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_that_takes_it() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1_000] {
            histogram.observe(value);
        }
        let read = histogram.read();
        assert_eq!((read.counts.as_slice(), read.sum), (&[2, 2, 2][..], 1_062));
        assert_eq!((read.count(), histogram.count()), (6, 6));
    }

    #[test]
    fn no_bound_of_a_duration_is_a_whole_number_of_seconds() {
        assert!(DURATIONS.is_sorted());
        assert!(DURATIONS.iter().all(|bound| bound % 1_000_000 != 0));
    }
}
