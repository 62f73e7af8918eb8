//! Routes the new work of the ledger to the parts that do the work.

use std::sync::Arc;

use crate::dispatch::Dispatcher;
use crate::outbox::Inbox;
use crate::run::schedule::Alarm;
use tollgate_base::time::WallTime;
use tollgate_ledger::{LeasedDelivery, LeasedRequest, LedgerSink};

/// Passes new deliveries to the dispatcher, new requests to the outbox, and new schedule entries to
/// the alarm.
#[derive(Clone)]
pub(super) struct WorkRouter {
    pub(super) dispatcher: Dispatcher,
    pub(super) inbox: Arc<Inbox>,
    pub(super) alarm: Arc<Alarm>,
}

impl LedgerSink for WorkRouter {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.dispatcher.recorded(deliveries);
    }

    fn released(&self, deliveries: Vec<LeasedDelivery>) {
        self.dispatcher.released(deliveries);
    }

    fn queued(&self, requests: Vec<LeasedRequest>) {
        self.inbox.queued(requests);
    }

    fn scheduled(&self, due: WallTime) {
        self.alarm.set(due);
    }
}
