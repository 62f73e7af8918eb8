//! The circuit breaker of a handler. If nearly all runs fail, a service that the handler needs is
//! probably down, and more runs would only use up attempts. So the deliveries wait; then one run
//! probes the handler, and the others follow when the probe succeeds.
//!
//! Only first attempts count. Retries belong to deliveries that have failed before, and many of
//! them become due at once: a few deliveries that can never succeed would open the breaker again
//! and again, and hold all others up.

use std::collections::VecDeque;

use crate::settings::BreakerSettings;
use tollgate_base::time::{Ahead, SteadyTime, WallTime};
use tollgate_ledger::AttemptOutcome;

/// The state of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakerState {
    /// Runs start as they come.
    #[default]
    Closed,
    /// No run starts.
    Open {
        /// The time of day, by the present wall clock, after which a probe may run.
        until: WallTime,
    },
    /// One run at a time, as a probe.
    HalfOpen,
}

impl BreakerState {
    /// The name in status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// The breaker's permit for one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BreakerPermit {
    /// The number of transitions before the run started. A run that started before the last
    /// transition says nothing about the present state.
    epoch: u64,
    probe: bool,
    /// Whether the run is the delivery's first attempt.
    first: bool,
}

/// A change of the state by the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// The closed breaker opened: `failed` of the last `of` first attempts failed.
    Opened { failed: usize, of: usize },
    /// A probe failed.
    StaysOpen,
    /// A probe succeeded.
    Closed,
}

/// One handler's breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: State,
    epoch: u64,
    /// The ends of the last first attempts, `of` at most: the time, and whether the attempt failed.
    ends: VecDeque<(SteadyTime, bool)>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { since: SteadyTime },
    HalfOpen { probing: bool },
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            state: State::Closed,
            epoch: 0,
            ends: VecDeque::new(),
        }
    }

    pub(super) fn settings(&self) -> &BreakerSettings {
        &self.settings
    }

    /// When the next run may start; `None` until a probe under way has ended.
    pub(super) fn opens_at(&self) -> Option<SteadyTime> {
        match self.state {
            State::Closed | State::HalfOpen { probing: false } => Some(SteadyTime::ZERO),
            State::Open { since } => Some(since + self.settings.open),
            State::HalfOpen { probing: true } => None,
        }
    }

    /// Whether the next run is a probe.
    pub(super) fn is_probing(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// A run starts when [`Breaker::opens_at`] allows it. `first` says whether it is the delivery's
    /// first attempt.
    pub(super) fn run_starts(&mut self, first: bool) -> BreakerPermit {
        let probe = self.is_probing();
        if probe {
            self.state = State::HalfOpen { probing: true };
        }
        BreakerPermit {
            epoch: self.epoch,
            probe,
            first,
        }
    }

    /// A run has ended. `outcome` is `None` if the end says nothing about the handler.
    pub(super) fn run_ended(
        &mut self,
        permit: BreakerPermit,
        outcome: Option<AttemptOutcome>,
        now: SteadyTime,
    ) -> Option<Transition> {
        if permit.epoch != self.epoch {
            return None;
        }
        match (permit.probe, outcome.map(is_failure)) {
            (true, None) => {
                self.state = State::HalfOpen { probing: false };
                None
            }
            (true, Some(true)) => {
                self.change_to(State::Open { since: now });
                Some(Transition::StaysOpen)
            }
            (true, Some(false)) => {
                self.change_to(State::Closed);
                Some(Transition::Closed)
            }
            (false, Some(failed)) if permit.first => self.note(failed, now),
            (false, _) => None,
        }
    }

    /// Notes the end of a first attempt while the breaker is closed. The breaker opens if this is
    /// one failure too many.
    fn note(&mut self, failed: bool, now: SteadyTime) -> Option<Transition> {
        let of = self.settings.of;
        if self.ends.len() == of {
            self.ends.pop_front();
        }
        self.ends.push_back((now, failed));
        let (oldest, _) = *self.ends.front()?;
        let failed = self.ends.iter().filter(|(_, failed)| *failed).count();
        let long_ago = now.since(oldest) > self.settings.within;
        let enough = failed as f64 >= self.settings.failures * of as f64;
        if self.ends.len() < of || long_ago || !enough {
            return None;
        }
        self.change_to(State::Open { since: now });
        Some(Transition::Opened { failed, of })
    }

    fn change_to(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.ends.clear();
    }

    /// The present state; `ahead` turns the breaker's times into times of day.
    pub(super) fn state(&self, ahead: Ahead) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { since } => BreakerState::Open {
                until: ahead.wall(since + self.settings.open),
            },
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

/// Whether an outcome speaks against the handler or a service that it needs. A rejection speaks
/// against the event.
fn is_failure(outcome: AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Done | AttemptOutcome::Ignored | AttemptOutcome::Reject => false,
        AttemptOutcome::Retry
        | AttemptOutcome::Trap
        | AttemptOutcome::Timeout
        | AttemptOutcome::Limit
        | AttemptOutcome::Crash
        | AttemptOutcome::Error => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OK: Option<AttemptOutcome> = Some(AttemptOutcome::Done);
    const NO: Option<AttemptOutcome> = Some(AttemptOutcome::Retry);

    fn at(millis: u64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    fn breaker() -> Breaker {
        Breaker::new(BreakerSettings {
            failures: 0.5,
            of: 4,
            within: Duration::from_secs(60),
            open: Duration::from_secs(30),
        })
    }

    /// A run that starts and ends at `now`.
    fn run(breaker: &mut Breaker, outcome: Option<AttemptOutcome>, now: u64) -> Option<Transition> {
        let now = at(now);
        assert!(breaker.opens_at().is_some_and(|at| at <= now));
        let permit = breaker.run_starts(true);
        breaker.run_ended(permit, outcome, now)
    }

    #[test]
    fn failures_over_the_rate_open_it_and_a_probe_closes_it() {
        let mut breaker = breaker();
        for outcome in [OK, OK, NO] {
            assert_eq!(run(&mut breaker, outcome, 1_000), None);
        }
        let opened = Some(Transition::Opened { failed: 2, of: 4 });
        assert_eq!(run(&mut breaker, NO, 2_000), opened);
        assert_eq!(breaker.opens_at(), Some(at(32_000)));
        assert_eq!(run(&mut breaker, NO, 32_000), Some(Transition::StaysOpen));
        assert_eq!(breaker.opens_at(), Some(at(62_000)));
        let probe = breaker.run_starts(true);
        assert_eq!(breaker.opens_at(), None, "one at a time");
        assert_eq!(
            breaker.run_ended(probe, OK, at(62_500)),
            Some(Transition::Closed)
        );
        assert_eq!(breaker.state(Ahead::from_millis(0)), BreakerState::Closed);
        // Failures from before the breaker opened do not count again.
        assert_eq!(run(&mut breaker, NO, 62_600), None);
    }

    #[test]
    fn too_few_or_too_old_failures_do_not_open_it() {
        let mut breaker = breaker();
        for now in [0, 21_000, 42_000, 63_000, 84_000] {
            assert_eq!(run(&mut breaker, NO, now), None, "at {now}");
        }
        assert!(run(&mut breaker, NO, 85_000).is_some(), "four within 43 s");
    }

    #[test]
    fn retries_do_not_open_it_but_a_probe_may_be_one() {
        let mut breaker = breaker();
        for _ in 0..20 {
            let retry = breaker.run_starts(false);
            assert_eq!(breaker.run_ended(retry, NO, at(1_000)), None);
        }
        for _ in 0..4 {
            run(&mut breaker, NO, 1_000);
        }
        let probe = breaker.run_starts(false);
        assert_eq!(
            breaker.run_ended(probe, NO, at(31_000)),
            Some(Transition::StaysOpen)
        );
        let probe = breaker.run_starts(false);
        assert_eq!(
            breaker.run_ended(probe, OK, at(61_000)),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn a_rejection_is_no_failure() {
        let mut breaker = breaker();
        for _ in 0..20 {
            assert_eq!(run(&mut breaker, Some(AttemptOutcome::Reject), 1_000), None);
        }
    }

    #[test]
    fn runs_that_started_before_it_opened_do_not_count_as_the_probe() {
        let mut breaker = breaker();
        let early: Vec<_> = (0..6).map(|_| breaker.run_starts(true)).collect();
        for (n, permit) in early[..4].iter().enumerate() {
            let transition = breaker.run_ended(*permit, NO, at(1_000));
            assert_eq!(transition.is_some(), n == 3);
        }
        assert_eq!(breaker.run_ended(early[4], OK, at(2_000)), None);
        assert!(matches!(
            breaker.state(Ahead::from_millis(0)),
            BreakerState::Open { .. }
        ));
        let probe = breaker.run_starts(true);
        assert_eq!(breaker.run_ended(early[5], NO, at(31_000)), None);
        assert_eq!(breaker.opens_at(), None, "the probe is still under way");
        assert_eq!(
            breaker.run_ended(probe, OK, at(31_000)),
            Some(Transition::Closed)
        );
    }

    #[test]
    fn a_probe_without_an_outcome_makes_room_for_another_probe() {
        let mut breaker = breaker();
        for _ in 0..4 {
            run(&mut breaker, NO, 0);
        }
        assert_eq!(run(&mut breaker, None, 30_000), None);
        assert_eq!(breaker.opens_at(), Some(SteadyTime::ZERO));
        assert_eq!(run(&mut breaker, OK, 30_000), Some(Transition::Closed));
    }
}
