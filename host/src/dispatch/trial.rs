//! The trial of a component that has just replaced another: is it worse?
//!
//! What counts are deliveries at their first attempt, each once: what the one before could
//! not do says nothing of this one. A component fails its trial when it breaks down
//! (traps, or reaches a limit or its timeout) on at least half of them and twice as often
//! as the one before did. What it answers, `retry` or `reject`, is not held against it.

use std::collections::VecDeque;

use tollgate_ledger::{AttemptOutcome, Delivery};

/// Fewer breakdowns than this may be a coincidence.
const LEAST: usize = 5;
/// The share of deliveries that breaks down.
const SHARE: f64 = 0.5;
/// Who has done so many has passed.
const ENOUGH: usize = 50;
/// So many first attempts of the component that serves are remembered.
const REMEMBERED: usize = 100;

/// What a trial came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The component stays.
    Passed,
    /// It is to go.
    Failed {
        /// On so many deliveries it broke down.
        broke: usize,
        /// Of so many.
        of: usize,
    },
}

/// How a handler's component has done at first attempts, and the trial that it is on.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Whether it broke down, of the last ones.
    last: VecDeque<bool>,
    trial: Option<Trial>,
}

#[derive(Debug)]
struct Trial {
    /// The share that the component before broke down on.
    before: f64,
    broke: usize,
    of: usize,
}

impl Record {
    /// The record of a component that takes over, from one with the record `self`.
    pub(super) fn of_next(&self, on_trial: bool) -> Self {
        let broke = self.last.iter().filter(|broke| **broke).count();
        let share = broke as f64 / self.last.len().max(1) as f64;
        // One that is itself on trial is not what others are measured against.
        let before = self.trial.as_ref().map_or(share, |trial| trial.before);
        Self {
            last: VecDeque::new(),
            trial: on_trial.then_some(Trial {
                before,
                broke: 0,
                of: 0,
            }),
        }
    }

    /// Ends a trial without a verdict.
    pub(super) fn end_trial(&mut self) {
        self.trial = None;
    }

    /// A first attempt has ended; a verdict, once.
    pub(super) fn note(&mut self, outcome: AttemptOutcome) -> Option<Verdict> {
        let broke = is_breakdown(outcome);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(broke);
        let verdict = self.trial.as_mut()?.note(broke)?;
        self.trial = None;
        Some(verdict)
    }
}

impl Trial {
    fn note(&mut self, broke: bool) -> Option<Verdict> {
        self.of += 1;
        self.broke += usize::from(broke);
        let share = self.broke as f64 / self.of as f64;
        if self.broke >= LEAST && share >= SHARE.max(2.0 * self.before) {
            return Some(Verdict::Failed {
                broke: self.broke,
                of: self.of,
            });
        }
        (self.of >= ENOUGH).then_some(Verdict::Passed)
    }
}

/// Whether a delivery is at its first attempt.
pub(super) fn is_first(delivery: &Delivery) -> bool {
    delivery.attempts == 0 && delivery.run == 0 && delivery.crashes == 0
}

/// Whether the component broke down, rather than answered.
pub(super) fn is_breakdown(outcome: AttemptOutcome) -> bool {
    matches!(
        outcome,
        AttemptOutcome::Trap | AttemptOutcome::Timeout | AttemptOutcome::Limit
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: AttemptOutcome = AttemptOutcome::Done;
    const TRAP: AttemptOutcome = AttemptOutcome::Trap;

    /// The verdict on a component that breaks down where the pattern says so, again and
    /// again, after one that did where its pattern says so.
    fn verdict(before: &[AttemptOutcome], pattern: &[AttemptOutcome]) -> Option<Verdict> {
        let mut old = Record::default();
        for outcome in before.iter().cycle().take(before.len() * 100) {
            assert_eq!(old.note(*outcome), None, "it is on no trial");
        }
        let mut new = old.of_next(true);
        let outcomes = pattern.iter().cycle().take(200);
        outcomes.into_iter().find_map(|outcome| new.note(*outcome))
    }

    #[test]
    fn one_that_breaks_down_always_fails_soon() {
        let failed = Some(Verdict::Failed { broke: 5, of: 5 });
        assert_eq!(verdict(&[OK], &[TRAP]), failed);
        assert_eq!(
            verdict(&[], &[TRAP]),
            failed,
            "nothing is known of the other"
        );
        assert_eq!(verdict(&[OK], &[AttemptOutcome::Timeout]), failed);
    }

    #[test]
    fn one_that_does_as_well_as_the_other_passes() {
        assert_eq!(verdict(&[OK], &[OK]), Some(Verdict::Passed));
        assert_eq!(verdict(&[TRAP], &[TRAP]), Some(Verdict::Passed));
        let half = [TRAP, OK, TRAP, OK];
        assert_eq!(verdict(&half, &half), Some(Verdict::Passed));
        let seldom = [OK, OK, TRAP];
        assert_eq!(verdict(&[OK], &seldom), Some(Verdict::Passed));
    }

    #[test]
    fn one_that_is_twice_as_bad_fails() {
        let third = [TRAP, OK, OK];
        let most = [TRAP, TRAP, TRAP, OK];
        assert!(matches!(
            verdict(&third, &most),
            Some(Verdict::Failed { .. })
        ));
    }

    #[test]
    fn answers_are_not_held_against_it() {
        for answer in [AttemptOutcome::Retry, AttemptOutcome::Reject] {
            assert_eq!(verdict(&[OK], &[answer]), Some(Verdict::Passed));
        }
    }

    #[test]
    fn one_that_replaces_another_on_trial_is_measured_against_the_trusted_one() {
        let mut bad = Record::default().of_next(true);
        assert!((0..4).all(|_| bad.note(TRAP).is_none()));
        let mut next = bad.of_next(true);
        let verdicts: Vec<_> = (0..5).filter_map(|_| next.note(TRAP)).collect();
        assert_eq!(verdicts, [Verdict::Failed { broke: 5, of: 5 }]);
    }

    #[test]
    fn without_a_trial_there_is_no_verdict() {
        let mut record = Record::default().of_next(false);
        assert!((0..100).all(|_| record.note(TRAP).is_none()));
        let mut record = Record::default().of_next(true);
        record.end_trial();
        assert!((0..100).all(|_| record.note(TRAP).is_none()));
    }
}
