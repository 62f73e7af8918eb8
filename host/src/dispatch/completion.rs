//! The completion of a run: the attempt's record, and the next state of the delivery.

use std::time::Duration;

use super::job::Job;
use super::keys::order_effect;
use super::runnable::Runnable;
use super::shared::Shared;
use crate::settings::{OnTrap, RetryPolicy};
use tollgate_base::time::{SteadyClock, WallTime};
use tollgate_ledger::{
    Attempt, AttemptOutcome, Completion, Delivery, Effects, Inapplicable, NextState,
};
use tollgate_sandbox::{End, Run};

/// The shortest delay that a handler may wish for, unless its policy begins with a shorter delay.
/// Without this bound a handler that wishes for no delay would run without a pause.
const SHORTEST_WISH: Duration = Duration::from_secs(1);

/// The completion of a run that started at `started`.
pub(super) fn of_run(
    shared: &Shared,
    job: &Job,
    runnable: &dyn Runnable,
    run: Run,
    started: WallTime,
) -> Completion {
    let delivery = &job.delivery;
    let handler = runnable.handler();
    let retry = |wish| next_attempt(&handler.retry, delivery, wish, &shared.clock);
    let (outcome, detail, next) = judge(run.end, runnable, retry);
    let mut effects = run.effects;
    let routes = shared.routes.load();
    for emitted in &mut effects.emitted {
        emitted.handlers = routes.recipients(&emitted.event);
    }
    Completion {
        delivery: delivery.id,
        token: job.lease.token(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            number: delivery.attempts + 1,
            run: delivery.run,
            started,
            duration_us: u64::try_from(run.duration.as_micros()).unwrap_or(u64::MAX),
            outcome,
            detail,
            logs: run.logs,
            component: delivery.component.unwrap_or_else(|| runnable.digest()),
        },
        next,
        reads: run.reads,
        effects,
        exchanges: run.exchanges,
        order: order_effect(handler, delivery),
    }
}

/// The outcome of an attempt with its detail, and the delivery's next state.
fn judge(
    end: End,
    runnable: &dyn Runnable,
    retry: impl FnOnce(Option<Duration>) -> NextState,
) -> (AttemptOutcome, String, NextState) {
    match end {
        End::Done => (AttemptOutcome::Done, String::new(), NextState::Done),
        End::Ignored(reason) => (AttemptOutcome::Ignored, reason, NextState::Ignored),
        End::Retry { reason, after } => (AttemptOutcome::Retry, reason, retry(after)),
        End::Reject(reason) => (AttemptOutcome::Reject, reason, NextState::Dead),
        End::Trap(message) => {
            let next = match runnable.handler().on_trap {
                OnTrap::Retry => retry(None),
                OnTrap::Dead => NextState::Dead,
            };
            (AttemptOutcome::Trap, message, next)
        }
        End::Unstarted(message) => (AttemptOutcome::Error, message, retry(None)),
        End::Timeout => {
            let timeout = runnable.handler().guest.limits.timeout;
            let counted = match runnable.may_ask() {
                false => "on computing time",
                true => "on computing and waiting for answers",
            };
            let detail = format!("ran for longer than {timeout:?}, its `timeout` {counted}");
            (AttemptOutcome::Timeout, detail, retry(None))
        }
        End::Limit(limit) => {
            let detail = format!("the limit on {limit} was reached");
            (AttemptOutcome::Limit, detail, retry(None))
        }
        End::Inapplicable(why) => (AttemptOutcome::Error, why.to_string(), retry(None)),
        End::Ledger(error) => (AttemptOutcome::Error, error.to_string(), retry(None)),
    }
}

/// The completion of a run whose effects cannot be applied: the attempt failed.
pub(super) fn inapplicable(
    shared: &Shared,
    job: &Job,
    runnable: &dyn Runnable,
    attempt: Attempt,
    why: Inapplicable,
) -> Completion {
    let delivery = &job.delivery;
    let handler = runnable.handler();
    Completion {
        delivery: delivery.id,
        token: job.lease.token(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            outcome: AttemptOutcome::Error,
            detail: why.to_string(),
            ..attempt
        },
        next: next_attempt(&handler.retry, delivery, None, &shared.clock),
        reads: Vec::new(),
        effects: Effects::default(),
        exchanges: job.recorded.to_vec(),
        order: order_effect(handler, delivery),
    }
}

/// The state after a failed attempt: the time of the next attempt by the policy, or `dead`.
/// `wish` is the delay that the handler wished for.
fn next_attempt(
    policy: &RetryPolicy,
    delivery: &Delivery,
    wish: Option<Duration>,
    clock: &SteadyClock,
) -> NextState {
    let attempts = delivery.counted(delivery.attempts + 1);
    if attempts >= policy.attempts {
        return NextState::Dead;
    }
    let delay = match wish {
        Some(wish) => wish.clamp(
            policy.first.min(SHORTEST_WISH),
            policy.max.max(SHORTEST_WISH),
        ),
        None => policy.delay(attempts, fastrand::f64()),
    };
    if policy.too_old(clock.since(delivery.since).saturating_add(delay)) {
        return NextState::Dead;
    }
    NextState::Retrying {
        due: clock.now() + delay,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tollgate_base::time::{ManualClock, SteadyTime};

    fn at(millis: u64) -> SteadyClock {
        let hands = ManualClock::at(WallTime::from_millis(millis));
        SteadyClock::new(Arc::new(hands))
    }

    fn retrying(due: u64) -> NextState {
        NextState::Retrying {
            due: SteadyTime::from_millis(due),
        }
    }

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts: 3,
            first: Duration::from_secs(5),
            factor: 3.0,
            max: Duration::from_secs(60),
            jitter: 0.0,
            total: None,
        }
    }

    /// A delivery that was recorded at time 0, after so many attempts.
    fn tried(attempts: u32) -> Delivery {
        Delivery {
            attempts,
            ..crate::generation::fixtures::blank_delivery(&crate::dispatch::tests::settings("h", 1))
        }
    }

    #[test]
    fn attempts_end() {
        let next = |attempts| next_attempt(&policy(), &tried(attempts), None, &at(1000));
        assert_eq!(next(0), retrying(6000));
        assert_eq!(next(1), retrying(16_000));
        assert_eq!(next(2), NextState::Dead);
    }

    #[test]
    fn a_wish_is_bounded() {
        let due = |wish| {
            let wish = Some(Duration::from_millis(wish));
            match next_attempt(&policy(), &tried(0), wish, &at(0)) {
                NextState::Retrying { due } => due.as_millis(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(due(0), 1000);
        assert_eq!(due(30_000), 30_000);
        assert_eq!(due(600_000), 60_000);
    }

    #[test]
    fn a_delivery_that_is_too_old_has_no_more_attempts() {
        let policy = RetryPolicy {
            total: Some(Duration::from_secs(60)),
            ..policy()
        };
        let next = |now| next_attempt(&policy, &tried(0), None, &at(now));
        assert_eq!(next(55_000), retrying(60_000));
        assert_eq!(next(55_001), NextState::Dead);
        // A change of the wall clock, forward or back, makes no delivery older.
        for set in [1_000_000, 0] {
            let hands = ManualClock::at(WallTime::from_millis(1000));
            let clock = SteadyClock::new(Arc::new(hands.clone()));
            hands.set(WallTime::from_millis(set));
            let next = next_attempt(&policy, &tried(0), None, &clock);
            assert_eq!(next, retrying(6000));
        }
    }
}
