//! What the end of a run means: the attempt's record, the delivery's next state, and what
//! to do when the commit finds that the run does not count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keys::{is_superseded, turn};
use super::lane::{Job, SUSPECT};
use super::{Runnable, Shared, TrialNews};
use crate::settings::{OnTrap, RetryPolicy};
use tollgate_base::failpoint::{self, Failpoint};
use tollgate_base::time::{SteadyClock, SteadyTime, WallTime};
use tollgate_ledger::{
    Attempt, AttemptOutcome, Completed, Completion, Delivery, Effects, Inapplicable, LedgerError,
    NextState, Turn,
};
use tollgate_sandbox::{End, Run};

/// How long nothing is handed out after the ledger could not be used.
const PAUSE: Duration = Duration::from_millis(500);

/// The shortest delay that a handler may ask for, unless its policy begins with a shorter
/// one: a handler that asks for none at all must not run hot.
const SHORTEST_WISH: Duration = Duration::from_secs(1);

/// Runs a job and hands its end to the ledger. Returns whether the thread is fit for more.
pub(super) fn run(shared: &Arc<Shared>, mut job: Job, runnable: &dyn Runnable) -> bool {
    let ledger = shared.ledger();
    let delivery = &job.delivery;
    if delivery.counted(delivery.attempts) >= runnable.handler().retry.attempts {
        let turn = turn(runnable.handler(), delivery);
        give_up(shared, job, turn);
        return true;
    }
    match is_superseded(ledger.as_ref(), runnable.handler(), delivery) {
        Ok(false) => {}
        Ok(true) => {
            pass_over(shared, job, runnable);
            return true;
        }
        Err(error) => {
            unavailable(shared, job, &error);
            return true;
        }
    }
    if delivery.crashes >= SUSPECT
        && let Err(error) = ledger.start_alone(&job.lease)
    {
        unavailable(shared, job, &error);
        return true;
    }
    let started = shared.clock.wall();
    ledger.started(&job.lease);
    let run = runnable.run(delivery);
    failpoint::reach(Failpoint::Ran);
    ledger.stopped(&job.lease);
    let fit = !run.lowered;
    if let End::Ledger(error) = &run.end {
        let error = error.clone();
        unavailable(shared, job, &error);
        return fit;
    }
    let completion = completion(shared, &job, runnable, run, started);
    ran(shared, &mut job, &completion.attempt);
    submit(shared, job, completion);
    fit
}

/// The run has ended, and its gate learns how before another one starts: long before the
/// commit, which may be what many runs wait for.
fn ran(shared: &Shared, job: &mut Job, attempt: &Attempt) {
    let pass = std::mem::take(&mut job.pass);
    let name = &job.delivery.handler;
    let mut lanes = shared.lanes.lock();
    let verdict = lanes
        .get_mut(name)
        .and_then(|lane| lane.gate.ended(pass, Some(attempt.outcome)));
    lanes.ran(job);
    drop(lanes);
    if verdict.is_some() {
        shared.tell(TrialNews {
            handler: name.clone(),
            component: attempt.component,
            verdict,
        });
    }
}

/// Ends a delivery without running it, since something newer of its key has been done.
fn pass_over(shared: &Arc<Shared>, mut job: Job, runnable: &dyn Runnable) {
    let run = Run {
        end: End::Ignored("superseded: something newer of the same key has been done".to_owned()),
        reads: Vec::new(),
        effects: Effects::default(),
        logs: String::new(),
        duration: Duration::ZERO,
        lowered: false,
    };
    let completion = completion(shared, &job, runnable, run, shared.clock.wall());
    let name = &job.delivery.handler;
    let mut lanes = shared.lanes.lock();
    if let Some(lane) = lanes.get_mut(name) {
        // This says nothing of the handler.
        lane.gate.ended(std::mem::take(&mut job.pass), None);
    }
    lanes.ran(&job);
    drop(lanes);
    submit(shared, job, completion);
}

/// Ends a delivery whose last attempts ended with the gateway itself.
fn give_up(shared: &Shared, mut job: Job, turn: Turn) {
    match shared.ledger().give_up(&job.lease, turn) {
        Ok(()) => {
            let mut lanes = shared.lanes.lock();
            lanes.ran(&job);
            if let Some(lane) = lanes.get_mut(&job.delivery.handler) {
                lane.gate.ended(std::mem::take(&mut job.pass), None);
                lane.settled();
            }
            lanes.line_up(&job.delivery.handler);
        }
        Err(error) => unavailable(shared, job, &error),
    }
}

/// Commits an end that came up while another was committed.
pub(super) fn commit(shared: &Arc<Shared>, job: Job, completion: Completion) {
    shared.lanes.lock().commits(&job.delivery.handler);
    submit(shared, job, completion);
}

fn submit(shared: &Arc<Shared>, job: Job, completion: Completion) {
    let then = shared.clone();
    let record = completion.attempt.clone();
    let next = completion.next;
    shared.ledger().complete_then(
        completion,
        Box::new(move |result| answered(&then, job, record, next, result)),
    );
}

/// The run said nothing of the handler, because the ledger could not be used: it does not
/// count, and everything waits a little.
fn unavailable(shared: &Shared, mut job: Job, error: &LedgerError) {
    tracing::warn!(handler = %job.delivery.handler, event = %job.delivery.event.id, %error, "a delivery waits for the ledger");
    let mut lanes = shared.lanes.lock();
    lanes.ran(&job);
    lanes.pause(Instant::now() + PAUSE);
    let name = job.delivery.handler.clone();
    if let Some(lane) = lanes.get_mut(&name) {
        lane.gate.ended(std::mem::take(&mut job.pass), None);
        lane.settled();
        lane.push_front(job);
    }
    lanes.line_up(&name);
    shared.attention.notify_one();
}

/// Called by the ledger's writer when a completion has been decided.
fn answered(
    shared: &Shared,
    job: Job,
    record: Attempt,
    next: NextState,
    result: Result<Completed, LedgerError>,
) {
    let name = job.delivery.handler.clone();
    let mut lanes = shared.lanes.lock();
    let (mut pause, mut late, mut look) = (false, false, false);
    let (component, outcome) = (record.component, record.outcome);
    if let Some(lane) = lanes.get_mut(&name) {
        lane.settled();
        match result {
            Ok(Completed::Conflict) => lane.conflicted(job),
            Ok(Completed::Inapplicable(why)) => {
                let policy = &lane.runnable.handler().retry;
                let turn = turn(lane.runnable.handler(), &job.delivery);
                let failed = inapplicable(&job, why, record, (policy, turn), &shared.clock);
                lane.push_commit(job, Box::new(failed));
            }
            Ok(committed) => {
                if committed == Completed::Committed {
                    lane.outcomes.count(record.outcome);
                } else {
                    // An operator had it run anew meanwhile: that run may have been passed
                    // over while this one was under way.
                    lane.rest.due_at(SteadyTime::ZERO);
                    look = true;
                }
                late = lane.gate.is_late(component, outcome);
                if let NextState::Retrying { due } = next {
                    lane.rest.due_at(due);
                }
            }
            Err(error) => {
                tracing::warn!(handler = %name, event = %job.delivery.event.id, %error, "a delivery's end was not committed; it will run again");
                lane.push_front(job);
                pause = true;
            }
        }
    }
    if pause {
        lanes.pause(Instant::now() + PAUSE);
    }
    lanes.look |= look || matches!(next, NextState::Retrying { .. });
    lanes.line_up(&name);
    shared.notify(&lanes);
    if lanes.stopping {
        shared.ended.notify_all();
    }
    drop(lanes);
    if late {
        shared.tell(TrialNews {
            handler: name,
            component,
            verdict: None,
        });
    }
}

/// The end of a run whose effects cannot be applied as they stand.
fn inapplicable(
    job: &Job,
    why: Inapplicable,
    record: Attempt,
    (policy, turn): (&RetryPolicy, Turn),
    clock: &SteadyClock,
) -> Completion {
    let delivery = &job.delivery;
    let next = again(policy, delivery, None, clock);
    Completion {
        delivery: delivery.seq,
        token: job.lease.token(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            outcome: AttemptOutcome::Error,
            detail: why.to_string(),
            ..record
        },
        next,
        reads: Vec::new(),
        effects: Effects::default(),
        turn,
    }
}

/// The record of a run and the state that its delivery gets.
fn completion(
    shared: &Shared,
    job: &Job,
    runnable: &dyn Runnable,
    run: Run,
    started: WallTime,
) -> Completion {
    let delivery = &job.delivery;
    let number = delivery.attempts + 1;
    let policy = &runnable.handler().retry;
    let later = |wish| again(policy, delivery, wish, &shared.clock);
    let (outcome, detail, next) = match run.end {
        End::Done => (AttemptOutcome::Done, String::new(), NextState::Done),
        End::Ignored(reason) => (AttemptOutcome::Ignored, reason, NextState::Ignored),
        End::Retry { reason, after } => (AttemptOutcome::Retry, reason, later(after)),
        End::Reject(reason) => (AttemptOutcome::Reject, reason, NextState::Dead),
        End::Trap(message) => {
            let next = match runnable.handler().on_trap {
                OnTrap::Retry => later(None),
                OnTrap::Dead => NextState::Dead,
            };
            (AttemptOutcome::Trap, message, next)
        }
        End::Unstarted(message) => (AttemptOutcome::Error, message, later(None)),
        End::Timeout => {
            let detail = format!("longer than {:?}", runnable.handler().guest.limits.timeout);
            (AttemptOutcome::Timeout, detail, later(None))
        }
        End::Limit(limit) => (
            AttemptOutcome::Limit,
            format!("the limit on {limit} was reached"),
            later(None),
        ),
        End::Ledger(error) => (AttemptOutcome::Error, error.to_string(), later(None)),
    };
    let mut effects = run.effects;
    let routes = shared.routes.load();
    for emitted in &mut effects.emitted {
        emitted.handlers = routes.recipients(&emitted.event);
    }
    Completion {
        delivery: delivery.seq,
        token: job.lease.token(),
        handler: delivery.handler.clone(),
        event: delivery.event.id,
        attempt: Attempt {
            number,
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
        turn: turn(runnable.handler(), delivery),
    }
}

/// The state after a failed attempt: another one by the policy, or none.
fn again(
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
    use super::*;
    use tollgate_base::time::ManualClock;

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

    /// A delivery that came up at time 0 and was tried so often.
    fn tried(attempts: u32) -> Delivery {
        Delivery {
            attempts,
            ..crate::generation::fixtures::blank_delivery(&crate::dispatch::tests::settings("h", 1))
        }
    }

    #[test]
    fn attempts_end() {
        let next = |attempts| again(&policy(), &tried(attempts), None, &at(1000));
        assert_eq!(next(0), retrying(6000));
        assert_eq!(next(1), retrying(16_000));
        assert_eq!(next(2), NextState::Dead);
    }

    #[test]
    fn a_wish_is_bounded() {
        let due = |wish| {
            let wish = Some(Duration::from_millis(wish));
            match again(&policy(), &tried(0), wish, &at(0)) {
                NextState::Retrying { due } => due.as_millis(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(due(0), 1000);
        assert_eq!(due(30_000), 30_000);
        assert_eq!(due(600_000), 60_000);
    }

    #[test]
    fn age_ends_what_has_attempts_left() {
        let policy = RetryPolicy {
            total: Some(Duration::from_secs(60)),
            ..policy()
        };
        let next = |now| again(&policy, &tried(0), None, &at(now));
        assert_eq!(next(55_000), retrying(60_000));
        assert_eq!(next(55_001), NextState::Dead);
        // A clock that was set, forward or back, makes nothing old.
        for set in [1_000_000, 0] {
            let hands = ManualClock::at(WallTime::from_millis(1000));
            let clock = SteadyClock::new(Arc::new(hands.clone()));
            hands.set(WallTime::from_millis(set));
            let next = again(&policy, &tried(0), None, &clock);
            assert_eq!(next, retrying(6000));
        }
    }
}
