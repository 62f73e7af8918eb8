//! Notices that a connection carries no request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the requests of one connection. Read at intervals: two equal [`Activity::marks`]
/// with nothing under way mean that the connection was idle in between. So a request
/// costs two atomic additions and no look at the clock.
#[derive(Debug, Default)]
pub(super) struct Activity {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Activity {
    /// Counts a request until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// How many requests began, if none of them is under way.
    pub(super) fn at_rest(&self) -> Option<u64> {
        // Read in this order: a request that begins and ends between the two reads
        // makes them differ rather than look equal.
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
