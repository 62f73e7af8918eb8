//! Runs a job, hands the end of the run to the ledger, and acts on the ledger's answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::completion;
use super::job::Job;
use super::keys::{is_superseded, order_effect};
use super::runnable::Runnable;
use super::shared::Shared;
use super::trial::TrialNews;
use crate::telemetry::guest_logs;
use crate::telemetry::traces::{self, Span};
use tollgate_base::failpoint::{self, Failpoint};
use tollgate_base::time::WallTime;
use tollgate_ledger::{
    Attempt, AttemptOutcome, Completed, Completion, Deliveries, Effects, Exchange, LedgerError,
    NextState, OrderEffect,
};
use tollgate_sandbox::{End, Run, Started};

/// For how long nothing starts after the ledger could not be used.
const SUSPENSION: Duration = Duration::from_millis(500);

/// Runs a job and hands its end to the ledger, now or, if the run waits for answers, later. Returns
/// whether the thread is fit for more.
pub(super) fn run(shared: &Arc<Shared>, mut job: Job, runnable: &Arc<dyn Runnable>) -> bool {
    let ledger = shared.ledger();
    let delivery = &job.delivery;
    if delivery.counted(delivery.attempts) >= runnable.handler().retry.attempts {
        let order = order_effect(runnable.handler(), delivery);
        give_up(shared, job, order);
        return true;
    }
    match is_superseded(ledger.as_ref(), runnable.handler(), delivery) {
        Ok(false) => {}
        Ok(true) => {
            end_superseded(shared, job, runnable.as_ref());
            return true;
        }
        Err(error) => {
            wait_for_ledger(shared, job, &error);
            return true;
        }
    }
    match recorded(ledger.as_ref(), &job, runnable.as_ref()) {
        Ok(Some(exchanges)) => job.recorded = exchanges.into(),
        Ok(None) => {}
        Err(error) => {
            wait_for_ledger(shared, job, &error);
            return true;
        }
    }
    if job.is_suspect()
        && let Err(error) = ledger.start_alone(&job.lease)
    {
        wait_for_ledger(shared, job, &error);
        return true;
    }
    let started = shared.clock.wall();
    ledger.started(&job.lease);
    let span = traces::attempt(&job.delivery);
    match runnable.run(&job.delivery, &job.recorded, span.context().as_ref()) {
        Started::Ended(run) => {
            let fit = !run.lowered;
            ended(shared, job, runnable.as_ref(), *run, (started, span));
            fit
        }
        Started::Waiting(waiting) => {
            let (shared, runnable) = (shared.clone(), runnable.clone());
            waiting.on_end(move |run| {
                ended(&shared, job, runnable.as_ref(), run, (started, span));
                // The guests' threads look for more after each task. This is none of them.
                shared.notify(&shared.queues.lock());
                shared.ended.notify_all();
            });
            true
        }
    }
}

/// The exchanges whose answers a replay is given. `None` if the job has all that it needs.
fn recorded(
    ledger: &dyn Deliveries,
    job: &Job,
    runnable: &dyn Runnable,
) -> Result<Option<Vec<Exchange>>, LedgerError> {
    let delivery = &job.delivery;
    // A delivery may name another component than the present one.
    let may_ask = runnable.may_ask() || delivery.component.is_some();
    match delivery.answers {
        Some(run) if may_ask && job.recorded.is_empty() => {
            ledger.exchanges(delivery.id, run).map(Some)
        }
        _ => Ok(None),
    }
}

/// Hands the end of a run to the ledger.
fn ended(
    shared: &Arc<Shared>,
    mut job: Job,
    runnable: &dyn Runnable,
    run: Run,
    (started, mut span): (WallTime, Span),
) {
    failpoint::reach(Failpoint::Ran);
    shared.ledger().stopped(&job.lease);
    // Another run of the job makes no request anew.
    job.recorded = run.exchanges.clone().into();
    if let End::Ledger(error) = &run.end {
        let error = error.clone();
        wait_for_ledger(shared, job, &error);
        return;
    }
    let mut completion = completion::of_run(shared, &job, runnable, run, started);
    note_end(shared, &mut job, &completion.attempt);
    traces::ends(&mut span, &completion.attempt);
    let context = span.context();
    if let Some(context) = &context {
        traces::carry(&mut completion.effects, context);
    }
    guest_logs::export(&completion, context.as_ref());
    drop(span);
    submit(
        shared,
        job,
        completion,
        Span::part("commit", context.as_ref()),
    );
}

/// Notes the end of a run before its commit: many other runs may wait for it, and the gate needs
/// the outcome before another run starts.
fn note_end(shared: &Shared, job: &mut Job, attempt: &Attempt) {
    let result = shared.queues.lock().run_ended(job, Some(attempt.outcome));
    if result.is_some() {
        shared.tell(TrialNews {
            handler: job.delivery.handler.clone(),
            component: attempt.component,
            result,
        });
    }
}

/// Ends a delivery without a run, since a newer event of its order key has been handled.
fn end_superseded(shared: &Arc<Shared>, mut job: Job, runnable: &dyn Runnable) {
    let run = Run {
        end: End::Ignored(
            "superseded: a newer event of the same order key has been handled".to_owned(),
        ),
        reads: Vec::new(),
        effects: Effects::default(),
        logs: String::new(),
        duration: Duration::ZERO,
        memory: 0,
        trace: Vec::new(),
        exchanges: Vec::new(),
        core: None,
        lowered: false,
    };
    let completion = completion::of_run(shared, &job, runnable, run, shared.clock.wall());
    // This end says nothing about the handler.
    shared.queues.lock().run_ended(&mut job, None);
    submit(shared, job, completion, Span::default());
}

/// Ends a delivery whose last attempts ended with the gateway itself.
fn give_up(shared: &Shared, mut job: Job, order: OrderEffect) {
    match shared.ledger().give_up(&job.lease, order) {
        Ok(()) => {
            let mut queues = shared.queues.lock();
            queues.run_ended(&mut job, None);
            queues.given_up(&job.delivery.handler);
            drop(queues);
            let outcome = AttemptOutcome::Crash.name();
            shared.dead_letters.tell(&job, outcome, shared.clock.wall());
        }
        Err(error) => wait_for_ledger(shared, job, &error),
    }
}

/// Commits a completion that replaces one which could not be applied.
pub(super) fn commit(shared: &Arc<Shared>, job: Job, completion: Completion) {
    shared.queues.lock().commit_begins(&job.delivery.handler);
    submit(shared, job, completion, Span::default());
}

/// Commits the end of a run. `span` ends with the commit.
fn submit(shared: &Arc<Shared>, job: Job, completion: Completion, span: Span) {
    let then = shared.clone();
    let attempt = completion.attempt.clone();
    let next = completion.next;
    shared.ledger().complete_then(
        completion,
        Box::new(move |result| {
            drop(span);
            answered(&then, job, attempt, next, result);
        }),
    );
}

/// Puts a job back because the ledger cannot be used. The run does not count, and nothing starts
/// for a moment.
fn wait_for_ledger(shared: &Shared, job: Job, error: &LedgerError) {
    tracing::warn!(
        handler = %job.delivery.handler,
        event = %job.delivery.event.id,
        %error,
        "a delivery waits for the ledger",
    );
    let mut queues = shared.queues.lock();
    queues.run_undone(job, Instant::now() + SUSPENSION);
    shared.attention.notify_one();
}

/// Acts on the ledger's answer to a completion. Called by the ledger's writer.
fn answered(
    shared: &Shared,
    job: Job,
    attempt: Attempt,
    next: NextState,
    result: Result<Completed, LedgerError>,
) {
    let handler = job.delivery.handler.clone();
    let ran = (attempt.component, attempt.outcome);
    let mut queues = shared.queues.lock();
    let mut late_breakdown = false;
    match result {
        Ok(Completed::Committed) => {
            let retry_due = match next {
                NextState::Retrying { due } => Some(due),
                _ => None,
            };
            late_breakdown = queues.committed(&handler, ran, attempt.duration_us, retry_due);
            if matches!(next, NextState::Dead) {
                let outcome = attempt.outcome.name();
                shared.dead_letters.tell(&job, outcome, shared.clock.wall());
            }
        }
        Ok(Completed::Stale | Completed::LeaseLost) => {
            late_breakdown = queues.commit_refused(&handler, ran);
        }
        Ok(Completed::Conflict) => queues.conflicted(job),
        Ok(Completed::Inapplicable(why)) => {
            if let Some(runnable) = queues.runnable(&handler) {
                let failed =
                    completion::inapplicable(shared, &job, runnable.as_ref(), attempt, why);
                queues.commit_instead(job, failed);
            }
        }
        Err(error) => {
            tracing::warn!(
                %handler,
                event = %job.delivery.event.id,
                %error,
                "the end of a run was not committed: the delivery runs again",
            );
            queues.commit_failed(job, Instant::now() + SUSPENSION);
        }
    }
    shared.notify(&queues);
    if queues.is_stopping() {
        shared.ended.notify_all();
    }
    drop(queues);
    if late_breakdown {
        shared.tell(TrialNews {
            handler,
            component: ran.0,
            result: None,
        });
    }
}
