//! The conditions of a run beside a free place: the handler is not paused, its rate has a token,
//! its breaker is not open, and its component has not failed a trial.
//!
//! A delivery that waits for its gate waits in the handler's queue or in the ledger. No attempt is
//! counted and no thread is held. The [supervisor](super::supervisor) looks again when the gate may
//! have opened.

use std::sync::Arc;

use super::breaker::{Breaker, BreakerPermit, BreakerState, Transition};
use super::runnable::Runnable;
use super::trial::{self, FirstAttempts, TrialResult};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::rate::Bucket;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{AttemptOutcome, Delivery, Pause};

/// The admission of one run, which the run's end gives back. The default belongs to a job that does
/// not run.
#[derive(Debug, Default)]
pub(super) struct Admission {
    permit: Option<BreakerPermit>,
    /// The version of the component that runs, by [`Gate::version`].
    version: u64,
    /// Whether the run is the delivery's first attempt.
    first: bool,
}

/// The state of a handler's gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateStatus {
    /// The operator's pause, if the handler is paused.
    pub paused: Option<Pause>,
    /// The state of the breaker. Closed if the handler has no breaker.
    pub breaker: BreakerState,
    /// Whether the next run waits for a token of the rate.
    pub limited: bool,
}

/// One handler's gate.
pub(super) struct Gate {
    handler: HandlerName,
    clock: Arc<SteadyClock>,
    paused: Option<Pause>,
    bucket: Option<Bucket>,
    breaker: Option<Breaker>,
    /// Counted up with every new component.
    version: u64,
    first_attempts: FirstAttempts,
    /// Whether the component has failed its trial. Then nothing more starts on it.
    trial_failed: bool,
    /// The component before, if it was replaced because it had failed its trial.
    rolled_back: Option<ComponentDigest>,
}

impl Gate {
    pub(super) fn new(clock: Arc<SteadyClock>, runnable: &dyn Runnable) -> Self {
        let handler = runnable.handler();
        Self {
            handler: handler.name.clone(),
            clock,
            paused: None,
            bucket: handler.rate.map(Bucket::new),
            breaker: handler.breaker.map(Breaker::new),
            version: 0,
            first_attempts: FirstAttempts::default().of_next(runnable.on_trial()),
            trial_failed: false,
            rolled_back: None,
        }
    }

    /// Takes over the present settings and component. The breaker starts anew if runs may end
    /// otherwise than before: with another component, another `config`, or other settings of the
    /// breaker.
    pub(super) fn replaced(&mut self, old: &dyn Runnable, new: &dyn Runnable) {
        let (settings, before) = (new.handler(), old.handler());
        match (&mut self.bucket, settings.rate) {
            (Some(bucket), Some(rate)) => bucket.set_rate(rate, self.clock.now()),
            (bucket, rate) => *bucket = rate.map(Bucket::new),
        }
        let same = old.digest() == new.digest()
            && before.guest.config == settings.guest.config
            && self.breaker.as_ref().map(Breaker::settings) == settings.breaker.as_ref();
        if !same {
            self.breaker = settings.breaker.map(Breaker::new);
        }
        if old.digest() != new.digest() {
            self.version += 1;
            self.first_attempts = self.first_attempts.of_next(new.on_trial());
            self.rolled_back = self.trial_failed.then(|| old.digest());
            self.trial_failed = false;
        }
    }

    pub(super) fn set_pause(&mut self, pause: Option<Pause>) {
        self.paused = pause;
    }

    /// Whether a run may start now.
    pub(super) fn is_open(&self) -> bool {
        self.opens_at().is_some_and(|at| at <= self.clock.now())
    }

    /// When the next run may start. `None` if that does not depend on the time alone.
    pub(super) fn opens_at(&self) -> Option<SteadyTime> {
        if self.paused.is_some() || self.trial_failed {
            return None;
        }
        let breaker = self
            .breaker
            .as_ref()
            .map_or(Some(SteadyTime::ZERO), Breaker::opens_at)?;
        let bucket = self
            .bucket
            .as_ref()
            .map_or(SteadyTime::ZERO, Bucket::opens_at);
        Some(breaker.max(bucket))
    }

    /// Whether the next run is a probe of the breaker.
    pub(super) fn is_probing(&self) -> bool {
        self.breaker.as_ref().is_some_and(Breaker::is_probing)
    }

    /// A run starts.
    pub(super) fn run_starts(&mut self, delivery: &Delivery) -> Admission {
        let first = trial::is_first_attempt(delivery);
        if let Some(bucket) = &mut self.bucket {
            bucket.take(self.clock.now());
        }
        let breaker = self.breaker.as_mut();
        Admission {
            permit: breaker.map(|breaker| breaker.run_starts(first)),
            version: self.version,
            first,
        }
    }

    /// A run has ended. `outcome` is `None` if the end says nothing about the handler, because the
    /// delivery runs anew without an attempt. Returns the result of the component's trial if this
    /// run ends the trial.
    pub(super) fn run_ended(
        &mut self,
        admission: Admission,
        outcome: Option<AttemptOutcome>,
    ) -> Option<TrialResult> {
        if let (Some(breaker), Some(permit)) = (&mut self.breaker, admission.permit)
            && let Some(transition) = breaker.run_ended(permit, outcome, self.clock.now())
        {
            log(&self.handler, transition, breaker);
        }
        if !admission.first || admission.version != self.version {
            return None;
        }
        let result = self.first_attempts.note(outcome?)?;
        self.trial_failed = result != TrialResult::Passed;
        Some(result)
    }

    /// Ends the component's trial, and lets a component that failed it run again: no other
    /// component can take its place.
    pub(super) fn waive_trial(&mut self) {
        self.trial_failed = false;
        self.first_attempts.end_trial();
    }

    /// Whether an attempt broke down on a component that was replaced because it failed its trial.
    pub(super) fn is_late_breakdown(
        &self,
        component: ComponentDigest,
        outcome: AttemptOutcome,
    ) -> bool {
        self.rolled_back == Some(component) && trial::is_breakdown(outcome)
    }

    pub(super) fn status(&self) -> GateStatus {
        GateStatus {
            paused: self.paused,
            breaker: self
                .breaker
                .as_ref()
                .map(|breaker| breaker.state(self.clock.ahead()))
                .unwrap_or_default(),
            limited: self
                .bucket
                .as_ref()
                .is_some_and(|bucket| bucket.opens_at() > self.clock.now()),
        }
    }
}

fn log(handler: &HandlerName, transition: Transition, breaker: &Breaker) {
    let open = breaker.settings().open;
    match transition {
        Transition::Opened { failed, of } => tracing::warn!(
            %handler,
            failed,
            of,
            ?open,
            "the handler's breaker opens: its deliveries wait, then a probe runs",
        ),
        Transition::StaysOpen => {
            tracing::info!(%handler, ?open, "the handler still fails: its breaker stays open");
        }
        Transition::Closed => {
            tracing::info!(%handler, "the handler works again: its breaker is closed");
        }
    }
}
