//! News for the sink, collected until the commit.

use crate::engine::HandOver;
use crate::sqlite::leases::LeaseBook;
use crate::{Delivery, LeasedDelivery, LeasedRequest, OutboxRequest};
use tollgate_base::time::WallTime;

/// The news of one transaction. The fields have the names of the methods of
/// [`LedgerSink`](crate::LedgerSink).
#[derive(Default)]
pub(crate) struct ForSink {
    /// New deliveries that may run.
    pub(crate) recorded: Vec<Delivery>,
    /// Older deliveries whose turn has come.
    pub(crate) released: Vec<Delivery>,
    /// Requests that may go: new ones, released ones and requeued ones.
    pub(crate) queued: Vec<OutboxRequest>,
    /// The earliest time for which something was scheduled.
    pub(crate) scheduled: Option<WallTime>,
    /// Whether an event began to wait for its object, or may be asked for earlier.
    pub(crate) unresolved: bool,
}

/// How much there was at one moment.
pub(crate) struct Lengths {
    recorded: usize,
    released: usize,
    queued: usize,
    scheduled: Option<WallTime>,
    unresolved: bool,
}

impl ForSink {
    /// Notes that something was scheduled for this time.
    pub(crate) fn add_scheduled(&mut self, due: WallTime) {
        let earliest = self.scheduled.get_or_insert(due);
        *earliest = due.min(*earliest);
    }

    /// Leases the deliveries and the requests, so that they can be handed to the sink.
    pub(crate) fn lease(self, leases: &LeaseBook) -> HandOver {
        let lease = |deliveries: Vec<Delivery>| {
            let granted = leases
                .deliveries
                .grant(deliveries.iter().map(|delivery| delivery.id));
            let leased = deliveries.into_iter().zip(granted);
            leased
                .filter_map(|(delivery, lease)| {
                    let lease = lease?;
                    Some(LeasedDelivery { delivery, lease })
                })
                .collect()
        };
        let granted = leases
            .requests
            .grant(self.queued.iter().map(|request| request.id));
        let queued = self.queued.into_iter().zip(granted);
        let queued = queued.filter_map(|(request, lease)| {
            let lease = lease?;
            Some(LeasedRequest { request, lease })
        });
        HandOver {
            recorded: lease(self.recorded),
            released: lease(self.released),
            queued: queued.collect(),
            scheduled: self.scheduled,
            unresolved: self.unresolved,
        }
    }

    /// How much there is now.
    pub(crate) fn lengths(&self) -> Lengths {
        Lengths {
            recorded: self.recorded.len(),
            released: self.released.len(),
            queued: self.queued.len(),
            scheduled: self.scheduled,
            unresolved: self.unresolved,
        }
    }

    /// Drops everything that was added since.
    pub(crate) fn truncate(&mut self, lengths: Lengths) {
        let Lengths {
            recorded,
            released,
            queued,
            scheduled,
            unresolved,
        } = lengths;
        self.recorded.truncate(recorded);
        self.released.truncate(released);
        self.queued.truncate(queued);
        self.scheduled = scheduled;
        self.unresolved = unresolved;
    }
}
