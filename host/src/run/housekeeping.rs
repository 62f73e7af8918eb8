//! The thread that prunes and erases what has been kept long enough, in small steps all day.
//!
//! The thread is needed because each step blocks until it is durable. The ledger says how long to
//! wait between two steps: nobody waits for a prune, but a sender may wait for the acknowledgement
//! in the same commit.

use std::sync::Arc;
use std::time::Duration;

use tollgate_base::thread::OwnedThread;
use tollgate_ledger::{Retention, RetentionStore, Swept};

/// The shortest and the longest time between two sweeps, and after a failure. The time is short if
/// events are kept for minutes only.
const BETWEEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Starts a thread that sweeps as `retention` says at the time. Calls `pruned` after each sweep
/// that pruned events.
pub(super) fn start(
    store: Arc<dyn RetentionStore>,
    retention: impl Fn() -> Arc<Retention> + Send + 'static,
    pruned: impl Fn() + Send + 'static,
) -> std::io::Result<OwnedThread> {
    OwnedThread::start("housekeeping", move |stop| {
        let mut swept = Swept::default();
        loop {
            let wait = step(&*store, &retention(), &mut swept, &pruned);
            if stop.wait(wait) {
                return;
            }
        }
    })
}

/// Does one step. Returns how long to wait before the next step. `total` has the sums of the sweep
/// under way.
fn step(
    ledger: &dyn RetentionStore,
    retention: &Arc<Retention>,
    total: &mut Swept,
    pruned: &dyn Fn(),
) -> Duration {
    let swept = match ledger.sweep(retention) {
        Ok(swept) => swept,
        Err(error) => {
            tracing::warn!(%error, "old events could not be pruned");
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

/// The time to the next sweep: a quarter of the shortest time for which something is kept.
fn between(retention: &Retention) -> Duration {
    let erasures = retention.sources.values();
    let erasures = erasures.filter_map(|source| Some(source.erase.as_ref()?.after));
    let shortest = erasures.chain(retention.events).min();
    shortest.map_or(BETWEEN.1, |shortest| {
        (shortest / 4).clamp(BETWEEN.0, BETWEEN.1)
    })
}
