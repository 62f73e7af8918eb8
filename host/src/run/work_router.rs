//! Routes the new work of the ledger to the parts that do the work.

use std::sync::Arc;

use crate::dispatch::Dispatcher;
use crate::outbox::Inbox;
use crate::resolve::News;
use crate::run::schedule::Alarm;
use tollgate_base::time::WallTime;
use tollgate_ledger::{LeasedDelivery, LeasedRequest, LedgerSink};

/// Passes new deliveries to the dispatcher, new requests to the outbox, new schedule entries to the
/// alarm, and the news of events that wait for their objects to the resolver.
#[derive(Clone)]
pub(super) struct WorkRouter {
    pub(super) dispatcher: Dispatcher,
    pub(super) inbox: Arc<Inbox>,
    pub(super) alarm: Arc<Alarm>,
    pub(super) resolving: Arc<News>,
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

    fn unresolved(&self) {
        self.resolving.unresolved();
    }
}
