//! The breaker of a handler: when nearly all of its runs fail, what it needs is probably
//! down, and running it more would only use up attempts. So its deliveries wait, then one
//! is tried, and the rest follow when that succeeds.
//!
//! Only first attempts count. Retries are of deliveries that have failed before, and come
//! in a bunch where those did: a few that can never succeed would open it again and again
//! and hold all others up.

use std::collections::VecDeque;

use crate::settings::BreakerSettings;
use tollgate_base::time::{Ahead, SteadyTime, WallTime};
use tollgate_ledger::AttemptOutcome;

/// What a breaker does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakerState {
    /// Runs start as they come.
    #[default]
    Closed,
    /// No run starts.
    Open {
        /// Until this time of day, as that stands now; then one is tried.
        until: WallTime,
    },
    /// One run at a time, to see whether it succeeds.
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

/// What a run was let through on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Permit {
    /// Which closed, open or half-open time it belongs to: ends of runs that began in
    /// an earlier one say nothing of this one.
    epoch: u64,
    probe: bool,
    /// Whether it is a delivery's first attempt.
    first: bool,
}

/// What the end of a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It opened: so many of the last runs had failed, a probe among them or not.
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
    /// The last runs' ends, and whether they were failures; `of` at most.
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

    /// From when on a run may start; `None` until a probe under way has ended.
    pub(super) fn opens_at(&self) -> Option<SteadyTime> {
        match self.state {
            State::Closed | State::HalfOpen { probing: false } => Some(SteadyTime::ZERO),
            State::Open { since } => Some(since + self.settings.open),
            State::HalfOpen { probing: true } => None,
        }
    }

    /// Whether the next run would be a probe.
    pub(super) fn probes(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// A run starts, which [`Breaker::opens_at`] allows; `first` if it is the delivery's
    /// first attempt.
    pub(super) fn started(&mut self, first: bool) -> Permit {
        let probe = self.probes();
        if probe {
            self.state = State::HalfOpen { probing: true };
        }
        Permit {
            epoch: self.epoch,
            probe,
            first,
        }
    }

    /// A run has ended; `outcome` is none if its end says nothing of the handler.
    pub(super) fn ended(
        &mut self,
        permit: Permit,
        outcome: Option<AttemptOutcome>,
        now: SteadyTime,
    ) -> Option<Change> {
        if permit.epoch != self.epoch {
            return None;
        }
        match (permit.probe, outcome.map(is_failure)) {
            (true, None) => {
                self.state = State::HalfOpen { probing: false };
                None
            }
            (true, Some(true)) => {
                self.turn(State::Open { since: now });
                Some(Change::StaysOpen)
            }
            (true, Some(false)) => {
                self.turn(State::Closed);
                Some(Change::Closed)
            }
            (false, Some(failed)) if permit.first => self.note(failed, now),
            (false, _) => None,
        }
    }

    /// Notes an end while closed, which may be one failure too many.
    fn note(&mut self, failed: bool, now: SteadyTime) -> Option<Change> {
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
        self.turn(State::Open { since: now });
        Some(Change::Opened { failed, of })
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.ends.clear();
    }

    /// What it does at present; `ahead` says how its times are shown.
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

/// Whether an attempt's end speaks against the handler or what it needs. A rejection does
/// not: it speaks against the event.
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
    fn run(breaker: &mut Breaker, outcome: Option<AttemptOutcome>, now: u64) -> Option<Change> {
        let now = at(now);
        assert!(breaker.opens_at().is_some_and(|at| at <= now));
        let permit = breaker.started(true);
        breaker.ended(permit, outcome, now)
    }

    #[test]
    fn failures_over_the_rate_open_it_and_a_probe_closes_it() {
        let mut breaker = breaker();
        for outcome in [OK, OK, NO] {
            assert_eq!(run(&mut breaker, outcome, 1_000), None);
        }
        let opened = Some(Change::Opened { failed: 2, of: 4 });
        assert_eq!(run(&mut breaker, NO, 2_000), opened);
        assert_eq!(breaker.opens_at(), Some(at(32_000)));
        assert_eq!(run(&mut breaker, NO, 32_000), Some(Change::StaysOpen));
        assert_eq!(breaker.opens_at(), Some(at(62_000)));
        let probe = breaker.started(true);
        assert_eq!(breaker.opens_at(), None, "one at a time");
        assert_eq!(breaker.ended(probe, OK, at(62_500)), Some(Change::Closed));
        assert_eq!(breaker.state(Ahead::from_millis(0)), BreakerState::Closed);
        // What happened before it opened does not count again.
        assert_eq!(run(&mut breaker, NO, 62_600), None);
    }

    #[test]
    fn fewer_runs_than_wanted_or_old_ones_do_not_open_it() {
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
            let retry = breaker.started(false);
            assert_eq!(breaker.ended(retry, NO, at(1_000)), None);
        }
        for _ in 0..4 {
            run(&mut breaker, NO, 1_000);
        }
        let probe = breaker.started(false);
        assert_eq!(
            breaker.ended(probe, NO, at(31_000)),
            Some(Change::StaysOpen)
        );
        let probe = breaker.started(false);
        assert_eq!(breaker.ended(probe, OK, at(61_000)), Some(Change::Closed));
    }

    #[test]
    fn a_rejection_is_no_failure() {
        let mut breaker = breaker();
        for _ in 0..20 {
            assert_eq!(run(&mut breaker, Some(AttemptOutcome::Reject), 1_000), None);
        }
    }

    #[test]
    fn runs_that_began_before_it_opened_say_nothing_of_the_probe() {
        let mut breaker = breaker();
        let early: Vec<_> = (0..6).map(|_| breaker.started(true)).collect();
        for (n, permit) in early[..4].iter().enumerate() {
            let change = breaker.ended(*permit, NO, at(1_000));
            assert_eq!(change.is_some(), n == 3);
        }
        assert_eq!(breaker.ended(early[4], OK, at(2_000)), None);
        assert!(matches!(
            breaker.state(Ahead::from_millis(0)),
            BreakerState::Open { .. }
        ));
        let probe = breaker.started(true);
        assert_eq!(breaker.ended(early[5], NO, at(31_000)), None);
        assert_eq!(breaker.opens_at(), None, "the probe is still under way");
        assert_eq!(breaker.ended(probe, OK, at(31_000)), Some(Change::Closed));
    }

    #[test]
    fn a_probe_that_says_nothing_makes_room_for_another() {
        let mut breaker = breaker();
        for _ in 0..4 {
            run(&mut breaker, NO, 0);
        }
        assert_eq!(run(&mut breaker, None, 30_000), None);
        assert_eq!(breaker.opens_at(), Some(SteadyTime::ZERO));
        assert_eq!(run(&mut breaker, OK, 30_000), Some(Change::Closed));
    }
}
