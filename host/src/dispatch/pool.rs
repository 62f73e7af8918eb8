//! The threads that guests run on.
//!
//! Guests compute, and some loop for ever until their timeout: they get OS threads of
//! their own, so that the scheduler divides the processor between them, and a lower
//! priority than the threads that acknowledge (the sandbox lowers it further for a guest
//! that computes for long). There are as many workers as processors;
//! while these are all busy with long runs and others wait, the [supervisor] starts more,
//! up to a bound.
//!
//! [supervisor]: super::supervisor

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::lane::Task;
use super::{Shared, finish, supervisor};
use tollgate_sandbox::THREAD_STACK;

/// A worker beyond the basic number that finds nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(10);

/// How much the niceness of guest threads is above that of the rest of the process. At 10
/// the scheduler gives a thread a tenth of the time of one at 0 when both want to run.
const NICENESS: i32 = 10;

/// The bounds of the pool and of the queues before it.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Guest threads at most.
    pub threads: usize,
    /// Bytes of payload that may wait in memory, over all handlers.
    pub queued_bytes: usize,
    /// Bytes that guests may grow to together. Each run counts with its handler's `memory`.
    pub memory: usize,
}

impl Default for PoolOptions {
    fn default() -> Self {
        // 128 threads let six handlers loop at the default concurrency of 16 at once, and
        // leave one to each of 32 others.
        Self {
            threads: 128,
            queued_bytes: 64 << 20,
            memory: usize::MAX,
        }
    }
}

/// Workers that are always there.
pub(super) fn basic_threads(options: &PoolOptions) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    processors.clamp(2, options.threads.max(2))
}

/// Owns the dispatcher's threads; dropping it ends them.
pub struct Pool {
    shared: Arc<Shared>,
    supervisor: Option<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let supervised = shared.clone();
        let supervisor = std::thread::Builder::new()
            .name("dispatch".into())
            .spawn(move || supervisor::run(&supervised))?;
        Ok(Self {
            shared,
            supervisor: Some(supervisor),
        })
    }

    /// Hands out nothing more and waits until the runs under way have ended and their
    /// ends are committed, `deadline` at most. Returns whether all have.
    pub fn stop(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut lanes = self.shared.lanes.lock();
        lanes.stopping = true;
        self.shared.work.notify_all();
        self.shared.attention.notify_all();
        while lanes.threads > 0 || lanes.uncommitted() > 0 {
            if self.shared.ended.wait_until(&mut lanes, until).timed_out() {
                return false;
            }
        }
        true
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
        if let Some(supervisor) = self.supervisor.take() {
            // A supervisor that panicked has said so already.
            let _ = supervisor.join();
        }
    }
}

/// Starts one more worker, unless there are as many as may be.
pub(super) fn grow(shared: &Arc<Shared>) {
    let Some(slot) = shared.lanes.lock().take_slot() else {
        return;
    };
    let own = shared.clone();
    let spawned = std::thread::Builder::new()
        .name(format!("guest-{slot}"))
        .stack_size(THREAD_STACK)
        .spawn(move || work(&own, slot));
    if let Err(error) = spawned {
        tracing::error!(%error, "a thread for guests could not be started");
        shared.lanes.lock().free_slot(slot);
    }
}

fn work(shared: &Arc<Shared>, slot: usize) {
    // Without the right to it guests run at the same priority, which does no harm but to
    // latency.
    let _ = rustix::process::nice(NICENESS);
    while let Some(task) = next(shared) {
        let fit = match task {
            Task::Run(job, runnable) => finish::run(shared, job, runnable.as_ref()),
            Task::Commit(job, completion) => {
                finish::commit(shared, job, *completion);
                true
            }
        };
        if !fit {
            break;
        }
    }
    let mut lanes = shared.lanes.lock();
    lanes.free_slot(slot);
    // What ended here may have made room for what waits.
    shared.notify(&lanes);
    drop(lanes);
    shared.ended.notify_all();
}

/// Waits for something to do; `None` when the worker is to end.
fn next(shared: &Shared) -> Option<Task> {
    let mut lanes = shared.lanes.lock();
    loop {
        if lanes.stopping {
            return None;
        }
        if let Some(task) = lanes.take() {
            // There may be more: pass the word on.
            shared.notify(&lanes);
            return Some(task);
        }
        lanes.idle_workers += 1;
        let timed_out = shared.work.wait_for(&mut lanes, IDLE).timed_out();
        lanes.idle_workers -= 1;
        // Whoever has brought work meanwhile may have counted on this one.
        let is_spare = lanes.threads > basic_threads(&shared.options);
        if timed_out && is_spare && !lanes.has_work() {
            return None;
        }
    }
}
