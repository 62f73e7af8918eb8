//! The thread that advances the engine's epoch, by which guests are interrupted.

use std::io;
use std::time::{Duration, Instant};

use tollgate_base::thread::OwnedThread;
use wasmtime::Engine;

/// The length of an epoch, and so the grain of `timeout`. 200 wake-ups a second cost nothing
/// that can be measured, and 5 ms are small against the shortest sensible timeout.
const EPOCH: Duration = Duration::from_millis(5);

/// Epochs after which `timeout` has surely passed. One more than the quotient, because an epoch
/// is under way already.
pub(crate) fn epochs(timeout: Duration) -> u64 {
    let epochs = timeout.as_millis().div_ceil(EPOCH.as_millis()) + 1;
    u64::try_from(epochs).unwrap_or(u64::MAX / 2)
}

/// Starts a thread that advances the epoch of `engine` once every [`EPOCH`].
pub(crate) fn start(engine: &Engine) -> io::Result<OwnedThread> {
    let engine = engine.weak();
    OwnedThread::start("epoch", move |stop| {
        let mut last = Instant::now();
        while !stop.wait(EPOCH) {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            // On a busy machine this thread may wait for longer than one epoch.
            while last.elapsed() >= EPOCH {
                last += EPOCH;
                engine.increment_epoch();
            }
        }
    })
}
