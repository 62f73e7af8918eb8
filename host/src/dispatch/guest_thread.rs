//! The guests' threads. A thread takes tasks until it has been idle for long, or the pool stops.

use std::sync::Arc;
use std::time::Duration;

use super::finish;
use super::job::Task;
use super::shared::Shared;
use tollgate_sandbox::THREAD_STACK;

/// A thread beyond the basic number that finds nothing to do for this long ends.
const IDLE: Duration = Duration::from_secs(10);

/// How much the niceness of guest threads is above that of the rest of the process. At 10
/// the scheduler gives a thread a tenth of the time of a thread at 0 when both want to run.
const NICENESS: i32 = 10;

/// Starts one more thread, unless there are as many as there may be.
pub(super) fn start(shared: &Arc<Shared>) {
    let Some(slot) = shared.queues.lock().threads_mut().start() else {
        return;
    };
    let own = shared.clone();
    let spawned = std::thread::Builder::new()
        .name(format!("guest-{slot}"))
        .stack_size(THREAD_STACK)
        .spawn(move || work(&own, slot));
    if let Err(error) = spawned {
        tracing::error!(%error, "a thread for guests could not be started");
        shared.queues.lock().threads_mut().ended(slot);
    }
}

fn work(shared: &Arc<Shared>, slot: usize) {
    // If the system does not allow that, guests run at the priority of the other threads. That
    // harms latency alone.
    let _ = rustix::process::nice(NICENESS);
    while let Some(task) = next_task(shared) {
        let fit = match task {
            Task::Run(job, runnable) => finish::run(shared, job, &runnable),
            Task::Commit(job, completion) => {
                finish::commit(shared, job, *completion);
                true
            }
        };
        if !fit {
            break;
        }
    }
    let mut queues = shared.queues.lock();
    queues.threads_mut().ended(slot);
    // The run that ended on this thread may have made room for others.
    shared.notify(&queues);
    drop(queues);
    shared.ended.notify_all();
}

/// Waits for something to do; `None` when the thread is to end.
fn next_task(shared: &Shared) -> Option<Task> {
    let mut queues = shared.queues.lock();
    loop {
        if queues.is_stopping() {
            return None;
        }
        if let Some(task) = queues.start_task() {
            // There may be more tasks, for other threads.
            shared.notify(&queues);
            return Some(task);
        }
        queues.threads_mut().wait_begins();
        let timed_out = shared.work.wait_for(&mut queues, IDLE).timed_out();
        queues.threads_mut().wait_ended();
        // Work that came meanwhile may have been left to this thread.
        let is_spare = queues.threads().count() > shared.options.basic_threads();
        if timed_out && is_spare && !queues.has_work() {
            return None;
        }
    }
}
