//! What a run of a handler must pass before it starts, beside a free place: its handler is
//! not paused, its rate has a token, its breaker lets it.
//!
//! Who waits here waits in the lane or in the ledger: no attempt is counted, no thread is
//! held, and the [supervisor](super::supervisor) looks again when the time has come.

use std::sync::Arc;

use super::Runnable;
use super::breaker::{Breaker, BreakerState, Change, Permit};
use super::trial::{self, Record, Verdict};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::rate::Bucket;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{AttemptOutcome, Delivery, Pause};

/// What a run was let through on; handed back when it has ended, once. The default is
/// that of a job that does not run.
#[derive(Debug, Default)]
pub(super) struct Pass {
    permit: Option<Permit>,
    /// Which of the handler's components runs.
    version: u64,
    /// Whether it is a delivery's first attempt.
    first: bool,
}

/// What holds a handler's deliveries back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GateStatus {
    /// Since when an operator has paused it, if one has.
    pub paused: Option<Pause>,
    /// Its breaker; closed where it has none.
    pub breaker: BreakerState,
    /// Whether it waits for its rate.
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
    record: Record,
    /// The component has failed its trial: nothing runs on it any more.
    condemned: bool,
    /// A component that had failed its trial and was replaced.
    gone: Option<ComponentDigest>,
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
            record: Record::default().of_next(runnable.on_trial()),
            condemned: false,
            gone: None,
        }
    }

    /// Takes over what the manifest says now. A breaker forgets what it knew where there
    /// is reason to believe that runs will end otherwise: another component, another
    /// `config`, other settings of its own.
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
            self.record = self.record.of_next(new.on_trial());
            self.gone = self.condemned.then(|| old.digest());
            self.condemned = false;
        }
    }

    pub(super) fn set_pause(&mut self, pause: Option<Pause>) {
        self.paused = pause;
    }

    /// Whether a run may start now.
    pub(super) fn open(&self) -> bool {
        self.opens_at().is_some_and(|at| at <= self.clock.now())
    }

    /// From when on a run may start; `None` where that is not a matter of time.
    pub(super) fn opens_at(&self) -> Option<SteadyTime> {
        if self.paused.is_some() || self.condemned {
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

    /// Whether the next run is to show whether the handler works again.
    pub(super) fn probes(&self) -> bool {
        self.breaker.as_ref().is_some_and(Breaker::probes)
    }

    /// A run starts.
    pub(super) fn started(&mut self, delivery: &Delivery) -> Pass {
        let first = trial::is_first(delivery);
        if let Some(bucket) = &mut self.bucket {
            bucket.take(self.clock.now());
        }
        Pass {
            permit: self.breaker.as_mut().map(|breaker| breaker.started(first)),
            version: self.version,
            first,
        }
    }

    /// A run has ended. `outcome` is none if that says nothing of the handler: it will
    /// run anew without an attempt having been counted. Says so when the component's trial
    /// is over; one that has failed runs no more.
    pub(super) fn ended(&mut self, pass: Pass, outcome: Option<AttemptOutcome>) -> Option<Verdict> {
        if let (Some(breaker), Some(permit)) = (&mut self.breaker, pass.permit)
            && let Some(change) = breaker.ended(permit, outcome, self.clock.now())
        {
            tell(&self.handler, change, breaker);
        }
        if !pass.first || pass.version != self.version {
            return None;
        }
        let verdict = self.record.note(outcome?)?;
        self.condemned = verdict != Verdict::Passed;
        Some(verdict)
    }

    /// Lets the component run on, although it has failed its trial: there is none to take
    /// its place.
    pub(super) fn acquit(&mut self) {
        self.condemned = false;
        self.record.end_trial();
    }

    /// Whether an attempt broke down on a component that has been replaced because it did.
    pub(super) fn is_late(&self, component: ComponentDigest, outcome: AttemptOutcome) -> bool {
        self.gone == Some(component) && trial::is_breakdown(outcome)
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

fn tell(handler: &HandlerName, change: Change, breaker: &Breaker) {
    let open = breaker.settings().open;
    match change {
        Change::Opened { failed, of } => tracing::warn!(
            %handler,
            failed,
            of,
            ?open,
            "the handler's breaker opens: its deliveries wait, then one is tried",
        ),
        Change::StaysOpen => {
            tracing::info!(%handler, ?open, "the handler still fails: its breaker stays open");
        }
        Change::Closed => {
            tracing::info!(%handler, "the handler works again: its breaker is closed");
        }
    }
}
