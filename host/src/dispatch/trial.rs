//! The trial of a component that has just replaced another component: is it worse?
//!
//! Only first attempts count, each delivery once: a failure of the component before says nothing
//! about the new component. A component fails its trial when it breaks down (traps, or reaches a
//! limit or its timeout) on at least half of the first attempts, and at least twice as often as the
//! component before. The answers `retry` and `reject` do not count against it.

use std::collections::VecDeque;

use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_ledger::{AttemptOutcome, Delivery};

/// Fewer breakdowns than this may be a coincidence.
const LEAST: usize = 5;
/// The least fraction of breakdowns at which a component fails.
const FRACTION: f64 = 0.5;
/// After this many first attempts a component has passed.
const ENOUGH: usize = 50;
/// How many first attempts of the component that serves are remembered.
const REMEMBERED: usize = 100;

/// The result of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialResult {
    /// The component stays.
    Passed,
    /// The component has to be replaced.
    Failed {
        /// The number of deliveries on which the component broke down.
        broke: usize,
        /// The number of deliveries that it ran.
        of: usize,
    },
}

/// News of a component that replaced another component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialNews {
    /// The handler.
    pub handler: HandlerName,
    /// The component.
    pub component: ComponentDigest,
    /// The result of the component's trial. `None` if the component had failed before and has been
    /// replaced, and a run that was under way on it has just broken down.
    pub result: Option<TrialResult>,
}

/// Receives news of trials. Must be short, must not block, must not call the dispatcher.
pub type TrialHook = Box<dyn Fn(TrialNews) + Send + Sync>;

/// The first attempts of a handler's component, and the trial that the component is on.
#[derive(Debug, Default)]
pub(super) struct FirstAttempts {
    /// The last first attempts: whether the component broke down.
    last: VecDeque<bool>,
    trial: Option<Trial>,
}

#[derive(Debug)]
struct Trial {
    /// The fraction of breakdowns of the component before.
    before: f64,
    broke: usize,
    of: usize,
}

impl FirstAttempts {
    /// The first attempts of a component that takes over from the component of `self`.
    pub(super) fn of_next(&self, on_trial: bool) -> Self {
        let broke = self.last.iter().filter(|broke| **broke).count();
        let fraction = broke as f64 / self.last.len().max(1) as f64;
        // A component on trial is no measure for others. The trusted component before it is.
        let before = self.trial.as_ref().map_or(fraction, |trial| trial.before);
        Self {
            last: VecDeque::new(),
            trial: on_trial.then_some(Trial {
                before,
                broke: 0,
                of: 0,
            }),
        }
    }

    /// Ends a trial without a result.
    pub(super) fn end_trial(&mut self) {
        self.trial = None;
    }

    /// Notes the outcome of a first attempt. Returns the result of the trial, once.
    pub(super) fn note(&mut self, outcome: AttemptOutcome) -> Option<TrialResult> {
        let broke = is_breakdown(outcome);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(broke);
        let result = self.trial.as_mut()?.note(broke)?;
        self.trial = None;
        Some(result)
    }
}

impl Trial {
    fn note(&mut self, broke: bool) -> Option<TrialResult> {
        self.of += 1;
        self.broke += usize::from(broke);
        let fraction = self.broke as f64 / self.of as f64;
        if self.broke >= LEAST && fraction >= FRACTION.max(2.0 * self.before) {
            return Some(TrialResult::Failed {
                broke: self.broke,
                of: self.of,
            });
        }
        (self.of >= ENOUGH).then_some(TrialResult::Passed)
    }
}

/// Whether a delivery is at its first attempt.
pub(super) fn is_first_attempt(delivery: &Delivery) -> bool {
    delivery.attempts == 0 && delivery.run == 0 && delivery.crashes == 0
}

/// Whether the component broke down instead of answering.
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

    /// The result of the trial of a component whose outcomes repeat `pattern`, after a component
    /// whose outcomes repeated `before`.
    fn trial(before: &[AttemptOutcome], pattern: &[AttemptOutcome]) -> Option<TrialResult> {
        let mut old = FirstAttempts::default();
        for outcome in before.iter().cycle().take(before.len() * 100) {
            assert_eq!(old.note(*outcome), None, "the component is not on trial");
        }
        let mut new = old.of_next(true);
        let outcomes = pattern.iter().cycle().take(200);
        outcomes.into_iter().find_map(|outcome| new.note(*outcome))
    }

    #[test]
    fn a_component_that_always_breaks_down_fails_soon() {
        let failed = Some(TrialResult::Failed { broke: 5, of: 5 });
        assert_eq!(trial(&[OK], &[TRAP]), failed);
        assert_eq!(
            trial(&[], &[TRAP]),
            failed,
            "nothing is known of the component before"
        );
        assert_eq!(trial(&[OK], &[AttemptOutcome::Timeout]), failed);
    }

    #[test]
    fn a_component_as_good_as_the_one_before_passes() {
        assert_eq!(trial(&[OK], &[OK]), Some(TrialResult::Passed));
        assert_eq!(trial(&[TRAP], &[TRAP]), Some(TrialResult::Passed));
        let half = [TRAP, OK, TRAP, OK];
        assert_eq!(trial(&half, &half), Some(TrialResult::Passed));
        let seldom = [OK, OK, TRAP];
        assert_eq!(trial(&[OK], &seldom), Some(TrialResult::Passed));
    }

    #[test]
    fn a_component_twice_as_bad_as_the_one_before_fails() {
        let third = [TRAP, OK, OK];
        let most = [TRAP, TRAP, TRAP, OK];
        assert!(matches!(
            trial(&third, &most),
            Some(TrialResult::Failed { .. })
        ));
    }

    #[test]
    fn answers_are_no_breakdowns() {
        for answer in [AttemptOutcome::Retry, AttemptOutcome::Reject] {
            assert_eq!(trial(&[OK], &[answer]), Some(TrialResult::Passed));
        }
    }

    #[test]
    fn the_successor_of_a_component_on_trial_is_measured_against_the_trusted_component() {
        let mut bad = FirstAttempts::default().of_next(true);
        assert!((0..4).all(|_| bad.note(TRAP).is_none()));
        let mut next = bad.of_next(true);
        let results: Vec<_> = (0..5).filter_map(|_| next.note(TRAP)).collect();
        assert_eq!(results, [TrialResult::Failed { broke: 5, of: 5 }]);
    }

    #[test]
    fn without_a_trial_there_is_no_result() {
        let mut attempts = FirstAttempts::default().of_next(false);
        assert!((0..100).all(|_| attempts.note(TRAP).is_none()));
        let mut attempts = FirstAttempts::default().of_next(true);
        attempts.end_trial();
        assert!((0..100).all(|_| attempts.note(TRAP).is_none()));
    }
}
