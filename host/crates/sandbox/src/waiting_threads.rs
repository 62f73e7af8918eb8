//! The threads of guests that wait.
//!
//! At most half of the processors are for these threads: guests that compute here for long leave
//! the other half to the rest.

use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::outcome::Run;

/// How much the niceness of these threads is above that of the rest of the process, as for other
/// guests.
const NICENESS: i32 = 10;

/// A run whose guest may wait.
pub struct Waiting {
    pub(crate) threads: Handle,
    pub(crate) run: Pin<Box<dyn Future<Output = Run> + Send>>,
}

impl Waiting {
    /// Runs the guest, and then calls `then` with the end of the run, on a thread of these guests.
    /// `then` should be short.
    pub fn on_end(self, then: impl FnOnce(Run) + Send + 'static) {
        let run = self.run;
        self.threads.spawn(async move { then(run.await) });
    }
}

/// The threads of guests that wait. They start with the first such guest.
#[derive(Default)]
pub(crate) struct WaitingThreads(Mutex<Option<Runtime>>);

impl WaitingThreads {
    /// The runtime; starts the threads if there are none yet.
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        let mut runtime = self.0.lock();
        if let Some(runtime) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let started = Builder::new_multi_thread()
            .worker_threads((processors / 2).max(1))
            .thread_name("guest-waits")
            // If the system does not allow that, guests run at the priority of the other threads.
            .on_thread_start(|| {
                let _ = rustix::process::nice(NICENESS);
            })
            .enable_time()
            .build()?;
        Ok(runtime.insert(started).handle().clone())
    }
}

impl Drop for WaitingThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.get_mut().take() {
            // The gateway ends on a thread of another runtime, and that thread must not block.
            runtime.shutdown_background();
        }
    }
}
