//! How the suite opens and ends an engine's ledger.

use std::sync::Arc;

use crate::{Ledger, LedgerSink};
use tollgate_base::time::ManualClock;

/// The number of scheduled events that a handler may have in a ledger of the suite. A scenario
/// fills a schedule, so the number is smaller than that of a gateway.
pub const SCHEDULED: u32 = 20;

/// A store that a scenario opens, closes (by dropping the ledger) and opens again. Each scenario
/// begins with a store that was never opened.
pub trait Engine {
    /// Opens the store for a gateway that goes by `clock`. A handler may have [`SCHEDULED`]
    /// scheduled events. The suite tells deliveries and requests apart by their ids: while one
    /// gateway alone writes, and no write fails, ids count up by one in the order of arrival.
    fn open(&self, clock: ManualClock, sink: Arc<dyn LedgerSink>) -> Arc<dyn Ledger>;

    /// Opens the store for a second gateway while `first` is open. An engine that one process
    /// opens alone has no second gateway: then two parts of the same gateway compete.
    fn open_beside(
        &self,
        first: &Arc<dyn Ledger>,
        clock: ManualClock,
        sink: Arc<dyn LedgerSink>,
    ) -> Arc<dyn Ledger> {
        let _ = (clock, sink);
        Arc::clone(first)
    }

    /// Ends a ledger as the end of its process does: without a close. The leases of the ledger
    /// end.
    fn crash(&self, ledger: Arc<dyn Ledger>);
}
