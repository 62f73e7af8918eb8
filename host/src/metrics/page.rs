//! Writes metrics of a [family](super::families).

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};

use super::families::{Family, Scale};
use tollgate_base::histogram::Distribution;

/// A page of metrics that is being written.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

/// The values of a family's labels, in the order of the family.
pub(super) type Labels<'v, const N: usize> = [&'v str; N];

impl Page<'_> {
    /// Writes counters.
    pub(super) fn counters<'v, const N: usize>(
        &mut self,
        family: &Family,
        rows: impl IntoIterator<Item = (Labels<'v, N>, u64)>,
    ) -> fmt::Result {
        self.each(family, rows, |metric, value| {
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// Writes one counter with a fraction, which has no labels.
    pub(super) fn counter_of_seconds(&mut self, family: &Family, value: f64) -> fmt::Result {
        self.each(family, [([], value)], |metric, value: f64| {
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// Writes gauges.
    pub(super) fn gauges<'v, const N: usize>(
        &mut self,
        family: &Family,
        rows: impl IntoIterator<Item = (Labels<'v, N>, f64)>,
    ) -> fmt::Result {
        self.each(family, rows, |metric, value: f64| match whole(value) {
            Some(whole) => metric.encode_gauge(&whole),
            None => metric.encode_gauge(&value),
        })
    }

    /// Writes one gauge, which has no labels.
    pub(super) fn gauge(&mut self, family: &Family, value: f64) -> fmt::Result {
        self.gauges(family, [([], value)])
    }

    /// Writes facts, each of which is the labels alone.
    pub(super) fn facts<'v, const N: usize>(
        &mut self,
        family: &Family,
        rows: impl IntoIterator<Item = Labels<'v, N>>,
    ) -> fmt::Result {
        let unit = family.unit();
        let mut metric =
            self.0
                .encode_descriptor(family.name, family.help, unit.as_ref(), family.kind())?;
        for labels in rows {
            metric.encode_info(&named(family, labels))?;
        }
        Ok(())
    }

    /// Writes histograms.
    pub(super) fn histograms<'v, const N: usize>(
        &mut self,
        family: &Family,
        rows: impl IntoIterator<Item = (Labels<'v, N>, Distribution)>,
    ) -> fmt::Result {
        let mut buckets = Vec::new();
        self.each(family, rows, |metric, of: Distribution| {
            let bounds = of.bounds.iter().map(|bound| family.scale.bound(*bound));
            let bounds = bounds.chain([f64::INFINITY]);
            buckets.clear();
            buckets.extend(bounds.zip(of.counts.iter().copied()));
            let sum = family.scale.value(of.sum);
            metric.encode_histogram::<NoLabelSet>(sum, of.count(), &buckets, None)
        })
    }

    /// Writes the head of the family and then each row.
    fn each<'v, const N: usize, T>(
        &mut self,
        family: &Family,
        rows: impl IntoIterator<Item = (Labels<'v, N>, T)>,
        mut write: impl FnMut(&mut MetricEncoder<'_>, T) -> fmt::Result,
    ) -> fmt::Result {
        let unit = family.unit();
        let mut metric =
            self.0
                .encode_descriptor(family.name, family.help, unit.as_ref(), family.kind())?;
        for (labels, value) in rows {
            if N == 0 {
                write(&mut metric, value)?;
            } else {
                let labels = named(family, labels);
                write(&mut metric.encode_family(&labels)?, value)?;
            }
        }
        Ok(())
    }
}

/// The labels with their names.
fn named<'v, const N: usize>(
    family: &Family,
    values: Labels<'v, N>,
) -> impl EncodeLabelSet + use<'v, N> {
    debug_assert_eq!(family.labels.len(), N, "{}", family.name);
    let mut names = family.labels.iter().copied();
    values.map(|value| (names.next().unwrap_or_default(), value))
}

/// A number without a fraction. The formats write it without a point, so it reads the same in both.
fn whole(value: f64) -> Option<i64> {
    // Every whole number up to 2⁵³ is a float.
    let fits = value.fract() == 0.0 && value.abs() < 9e15;
    fits.then_some(value as i64)
}

impl Scale {
    /// A value of a histogram in the unit of its family.
    fn value(self, value: u64) -> f64 {
        match self {
            Self::Micros => value as f64 / 1e6,
            Self::Plain => value as f64,
        }
    }

    /// A bound of a histogram. The bound of a whole number lies between this number and the next:
    /// the formats write whole bounds in two ways.
    fn bound(self, bound: u64) -> f64 {
        match self {
            Self::Micros => self.value(bound),
            Self::Plain => bound as f64 + 0.5,
        }
    }
}
