//! The dispatcher's threads.
//!
//! Guests compute, and some loop until their timeout. So guests have OS threads of their own: the
//! scheduler of the system divides the processors between them, and their priority is lower than
//! that of the threads that acknowledge. The sandbox lowers the priority of a guest that computes
//! for long further. There are as many guest threads as processors. While all of them are busy with
//! long runs and others wait, the [supervisor] starts more, up to a bound.
//!
//! A guest that waits for the answer to a request holds none of these threads: the sandbox runs it
//! as a task, and its end comes back from there.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::supervisor;

/// Owns the dispatcher's threads. Dropping it ends them.
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

    /// Starts nothing more, and waits until the runs under way have ended and their ends are
    /// committed, for `deadline` at most. Returns whether all have.
    pub fn stop(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut queues = self.shared.queues.lock();
        queues.stop();
        self.shared.work.notify_all();
        self.shared.attention.notify_all();
        while queues.threads().count() > 0 || queues.any_waiting() || queues.uncommitted() > 0 {
            if self.shared.ended.wait_until(&mut queues, until).timed_out() {
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
            // A panic of the supervisor has been logged already.
            let _ = supervisor.join();
        }
    }
}
