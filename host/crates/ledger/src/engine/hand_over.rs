//! What a commit hands to the sink.

use crate::{LeasedDelivery, LeasedRequest, LedgerSink};
use tollgate_base::time::WallTime;

/// What a transaction hands to the sink once it is committed. Dropping it without that gives the
/// leases back.
pub(crate) struct HandOver {
    pub(crate) recorded: Vec<LeasedDelivery>,
    pub(crate) released: Vec<LeasedDelivery>,
    pub(crate) queued: Vec<LeasedRequest>,
    pub(crate) scheduled: Option<WallTime>,
    pub(crate) unresolved: bool,
}

impl HandOver {
    /// Tells the sink everything, after the commit.
    pub(crate) fn tell(self, sink: &dyn LedgerSink) {
        if !self.recorded.is_empty() {
            sink.recorded(self.recorded);
        }
        if !self.released.is_empty() {
            sink.released(self.released);
        }
        if !self.queued.is_empty() {
            sink.queued(self.queued);
        }
        if let Some(due) = self.scheduled {
            sink.scheduled(due);
        }
        if self.unresolved {
            sink.unresolved();
        }
    }
}
