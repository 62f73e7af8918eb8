//! Looks after the queues: registers the handlers at the ledger, claims deliveries that are due or
//! did not fit into memory, and starts threads when all that are there are stuck.

use std::sync::Arc;
use std::time::Duration;

use super::guest_thread;
use super::queues::HandlerQueues;
use super::shared::Shared;
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::LedgerError;

/// After this time without progress, threads that are all busy count as stuck, if something else
/// waits.
const TICK: Duration = Duration::from_millis(5);
/// The shortest wait for a due time.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest time without a look at the clock, so that a machine that slept delays nothing by
/// more.
const LONGEST: Duration = Duration::from_secs(1);
/// The wait after an error of the ledger.
const AFTER_ERROR: Duration = Duration::from_millis(500);

/// The supervisor's thread.
pub(super) fn run(shared: &Arc<Shared>) {
    let mut taken = 0;
    loop {
        let looked = look(shared);
        if let Err(error) = &looked {
            tracing::warn!(%error, "the ledger could not be read for due deliveries");
        }
        let mut queues = shared.queues.lock();
        if queues.is_stopping() {
            return;
        }
        if is_stuck(&queues, taken, shared) {
            drop(queues);
            guest_thread::start(shared);
            queues = shared.queues.lock();
        }
        taken = queues.threads().tasks_taken();
        let has_work = queues.has_work();
        queues.threads_mut().watch(has_work);
        let wait = if looked.is_err() {
            AFTER_ERROR
        } else {
            wait(&queues, shared)
        };
        if !wait.is_zero() {
            shared.attention.wait_for(&mut queues, wait);
        }
        if queues.suspended_for().is_none() && queues.has_work() {
            shared.work.notify_one();
        }
    }
}

/// Whether another thread would help: something waits, no thread is idle, and there are fewer
/// threads than the basic number, or none has taken a task since the last look.
fn is_stuck(queues: &HandlerQueues, taken: u64, shared: &Shared) -> bool {
    let threads = queues.threads();
    queues.has_work()
        && !threads.any_idle()
        && (threads.count() < shared.options.basic_threads() || threads.tasks_taken() == taken)
}

/// For how long there is nothing to look after, unless somebody wakes the supervisor.
fn wait(queues: &HandlerQueues, shared: &Shared) -> Duration {
    if queues.needs_supervisor() {
        return Duration::ZERO;
    }
    if let Some(left) = queues.suspended_for() {
        return left;
    }
    if queues.threads().watched() {
        return TICK;
    }
    let now = shared.clock.now();
    queues.next_look().map_or(LONGEST, |at| {
        let wait = at.since(now).max(SHORTEST);
        wait.min(LONGEST)
    })
}

/// One round over everything that may need the ledger.
fn look(shared: &Shared) -> Result<(), LedgerError> {
    let mut queues = shared.queues.lock();
    queues.look_begins();
    if queues.is_stopping() {
        return Ok(());
    }
    drop(queues);
    register(shared)?;
    let now = shared.clock.now();
    let mut queues = shared.queues.lock();
    queues.enlist_all();
    let wanting = queues.wanting_claims(now);
    drop(queues);
    wanting.iter().try_for_each(|name| claim(shared, name, now))
}

/// Tells the ledger which handlers are served, if it does not know them.
fn register(shared: &Shared) -> Result<(), LedgerError> {
    let Some(handlers) = shared.queues.lock().registration_begins() else {
        return Ok(());
    };
    let ledger = shared.ledger();
    let registered = ledger
        .serve(&handlers.served)
        .and_then(|_| match &handlers.without_block {
            Some(names) => ledger.release_order_keys(names).map(drop),
            None => Ok(()),
        });
    if registered.is_err() {
        shared.queues.lock().registration_failed(&handlers);
    }
    registered
}

/// Claims deliveries of a handler that are not in memory.
fn claim(shared: &Shared, name: &HandlerName, now: SteadyTime) -> Result<(), LedgerError> {
    let Some(limit) = shared.queues.lock().claim_begins(name) else {
        return Ok(());
    };
    let claimed = shared
        .ledger()
        .claim(name, now, limit.deliveries, limit.bytes);
    let mut queues = shared.queues.lock();
    match claimed {
        Ok(claimed) => {
            queues.claim_ended(name, now, claimed);
            shared.notify(&queues);
            Ok(())
        }
        Err(error) => {
            queues.claim_failed(name);
            Err(error)
        }
    }
}
