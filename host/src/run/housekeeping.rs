//! Has the ledger prune and erase what has been kept long enough, in small steps all day.
//!
//! A thread of its own, since each step waits until it is durable. The ledger says how far
//! between they are: what is pruned was acknowledged weeks ago, and nobody waits for it, but
//! somebody may be waiting for the acknowledgement that shares its commit.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tollgate_ledger::{Retention, RetentionStore, Swept};

/// From the end of a sweep to the next one, and after a failure; less where what is kept is
/// kept for minutes.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Owns the thread; dropping it ends it.
pub(crate) struct Housekeeper {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Housekeeper {
    /// Starts to sweep as `retention` says at the time. Calls `pruned` after each sweep that
    /// pruned events.
    pub(crate) fn start(
        ledger: Arc<dyn RetentionStore>,
        retention: impl Fn() -> Arc<Retention> + Send + 'static,
        pruned: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("housekeeping".into())
            .spawn(move || {
                let mut swept = Swept::default();
                loop {
                    let pause = step(&*ledger, &retention(), &mut swept, &pruned);
                    if stopped.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

/// Does one step; returns how long to wait before the next. `total` is what the sweep under
/// way has come to.
fn step(
    ledger: &dyn RetentionStore,
    retention: &Arc<Retention>,
    total: &mut Swept,
    pruned: &dyn Fn(),
) -> Duration {
    let swept = match ledger.sweep(retention) {
        Ok(swept) => swept,
        Err(error) => {
            tracing::warn!(%error, "what has been kept long enough could not be pruned");
            return between(retention);
        }
    };
    total.pruned += swept.pruned;
    total.erased += swept.erased;
    total.forgotten += swept.forgotten;
    if !swept.more {
        if *total != Swept::default() {
            tracing::info!(
                pruned = total.pruned,
                erased = total.erased,
                keys_removed = total.forgotten,
                "swept the ledger"
            );
        }
        if std::mem::take(total).pruned > 0 {
            pruned();
        }
        return between(retention);
    }
    swept.rest
}

fn between(retention: &Retention) -> Duration {
    let erasures = retention.sources.values();
    let erasures = erasures.filter_map(|source| Some(source.erase.as_ref()?.after));
    let shortest = erasures.chain(retention.events).min();
    shortest.map_or(BETWEEN.1, |shortest| {
        (shortest / 4).clamp(BETWEEN.0, BETWEEN.1)
    })
}
