//! The runtime in which guests wait in WASI's `poll`.

use std::io;
use std::time::Duration;

use wasmtime::Trap;

/// A runtime with one thread that only drives timers.
pub(crate) struct Timers(Option<tokio::runtime::Runtime>);

impl Timers {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("guest-timers")
            .enable_time()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a guest that may wait, on this thread, for `limit` at most. Epochs interrupt a guest
    /// that computes; the timer interrupts a guest that waits.
    pub(crate) fn run<T>(
        &self,
        limit: Duration,
        guest: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let runtime = self.0.as_ref().expect("taken only when dropped");
        runtime.block_on(async {
            match tokio::time::timeout(limit, guest).await {
                Ok(result) => result,
                Err(_) => Err(Trap::Interrupt.into()),
            }
        })
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The gateway ends on a thread of another runtime, and that thread must not block.
            // This runtime has no work of its own that could be lost.
            runtime.shutdown_background();
        }
    }
}
