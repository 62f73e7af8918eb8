//! How long a handler's attempts take, since this process began to run the handler.

use std::sync::OnceLock;

use tollgate_base::histogram::{DURATIONS, Distribution, Histogram};
use tollgate_ledger::AttemptOutcome;

/// The durations of committed attempts, by outcome. Most handlers have attempts of few outcomes, so
/// a histogram is made for its first attempt.
#[derive(Debug, Default)]
pub struct Durations([OnceLock<Histogram>; AttemptOutcome::ALL.len()]);

impl Durations {
    /// Counts an attempt that took so many microseconds.
    pub(super) fn count(&self, outcome: AttemptOutcome, duration_us: u64) {
        let histogram = self.0[outcome as usize].get_or_init(|| Histogram::new(DURATIONS));
        histogram.observe(duration_us);
    }

    /// The durations of each outcome that an attempt had.
    pub fn read(&self) -> impl Iterator<Item = (AttemptOutcome, Distribution)> {
        let all = AttemptOutcome::ALL.iter().zip(&self.0);
        all.filter_map(|(outcome, of)| Some((*outcome, of.get()?.read())))
    }
}
