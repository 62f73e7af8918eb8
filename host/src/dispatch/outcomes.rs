//! The outcomes of a handler's attempts, counted since this process began to run the handler.

use tollgate_ledger::AttemptOutcome;

/// Committed attempts by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcomes([u64; AttemptOutcome::ALL.len()]);

impl Outcomes {
    pub(super) fn count(&mut self, outcome: AttemptOutcome) {
        self.0[outcome as usize] += 1;
    }

    /// Every outcome with its count.
    pub fn iter(&self) -> impl Iterator<Item = (AttemptOutcome, u64)> {
        AttemptOutcome::ALL.iter().copied().zip(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_counted_apart() {
        let mut outcomes = Outcomes::default();
        for (n, outcome) in AttemptOutcome::ALL.iter().enumerate() {
            (0..n).for_each(|_| outcomes.count(*outcome));
        }
        for (n, (outcome, count)) in outcomes.iter().enumerate() {
            assert_eq!((outcome, count), (AttemptOutcome::ALL[n], n as u64));
        }
    }
}
