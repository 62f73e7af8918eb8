//! How long something took, from a histogram.

use serde::Serialize;
use tollgate_base::histogram::Distribution;
use utoipa::ToSchema;

/// How long something took since the start, in microseconds. The quantiles are estimates: a value
/// is known by its bucket alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Latency {
    /// How often it was measured.
    count: u64,
    /// The mean.
    mean_us: u64,
    /// Half of the values are not greater.
    p50_us: u64,
    /// Nine of ten values are not greater.
    p90_us: u64,
    /// 99 of 100 values are not greater. Half a minute stands for all that took longer.
    p99_us: u64,
}

impl Latency {
    /// The latency over all of these histograms, which have the same bounds. `None` if nothing was
    /// measured.
    pub(crate) fn of(all: impl Iterator<Item = Distribution>) -> Option<Self> {
        let whole = all.reduce(|mut whole, more| {
            let counts = whole.counts.iter_mut().zip(&more.counts);
            counts.for_each(|(count, more)| *count += more);
            whole.sum = whole.sum.wrapping_add(more.sum);
            whole
        })?;
        let count = whole.count();
        Some(Self {
            count,
            mean_us: whole.sum.checked_div(count)?,
            p50_us: quantile(&whole, 0.5),
            p90_us: quantile(&whole, 0.9),
            p99_us: quantile(&whole, 0.99),
        })
    }
}

/// The value that this share of all values does not exceed. Within a bucket, values count as spread
/// evenly.
fn quantile(of: &Distribution, share: f64) -> u64 {
    let rank = share * of.count() as f64;
    let (mut below, mut from) = (0.0, 0);
    for (count, bound) in of.counts.iter().zip(of.bounds) {
        let here = *count as f64;
        if here > 0.0 && below + here >= rank {
            let part = (rank - below) / here;
            return from + ((bound - from) as f64 * part) as u64;
        }
        below += here;
        from = *bound;
    }
    from
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use tollgate_base::histogram::{DURATIONS, Histogram};

    #[test]
    fn quantiles_lie_in_the_buckets_of_their_values() {
        let [fast, slow] = [(); 2].map(|()| Histogram::new(DURATIONS));
        (0..90).for_each(|_| fast.observe(2_000));
        (0..9).for_each(|_| slow.observe(400_000));
        slow.observe(u64::from(u32::MAX));
        let latency = Latency::of([fast.read(), slow.read()].into_iter()).unwrap();
        assert_eq!(latency.count, 100);
        assert!((1_000..=2_500).contains(&latency.p50_us), "{latency:?}");
        assert!((1_000..=2_500).contains(&latency.p90_us), "{latency:?}");
        assert!((250_000..=500_000).contains(&latency.p99_us), "{latency:?}");
        assert!(latency.mean_us > latency.p50_us, "{latency:?}");
    }

    #[test]
    fn nothing_has_no_latency_and_what_is_beyond_all_buckets_has_the_last_bound() {
        assert_eq!(Latency::of(std::iter::empty()), None);
        let histogram = Histogram::new(DURATIONS);
        assert_eq!(Latency::of([histogram.read()].into_iter()), None);
        histogram.observe(u64::from(u32::MAX));
        let latency = Latency::of([histogram.read()].into_iter()).unwrap();
        assert_eq!(Some(&latency.p99_us), DURATIONS.last());
    }
}
