//! Finds out whether a connection carries requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Counts the requests of one connection. A reader compares counts at intervals: if the count did
/// not change and no request is under way, the connection was idle between. So a request costs two
/// atomic additions and no look at the clock.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// Counts a request as under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// Resolves once no request began, was under way or ended for `period`, after `period` at the
    /// earliest and less than twice `period` at the latest.
    pub(super) async fn idle_for(&self, period: Duration) {
        let mut before = self.at_rest();
        loop {
            sleep(period).await;
            let now = self.at_rest();
            if now.is_some() && now == before {
                return;
            }
            before = now;
        }
    }

    /// How many requests began; `None` if one of them is under way.
    fn at_rest(&self) -> Option<u64> {
        // Read in this order: a request that begins and ends between the two reads makes the
        // counts differ, not look equal.
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        (begun == ended).then_some(begun)
    }
}

/// One request under way.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}
