//! News for the sink, collected until the commit.

use crate::engine::HandOver;
use crate::postgres::book::{Books, Line};
use crate::{
    Delivery, DeliveryId, Lease, LeasedDelivery, LeasedRequest, LedgerSink, OutboxRequest,
    RequestId, ResolutionId, Token,
};
use tollgate_base::time::WallTime;

/// The news of one transaction. The rows say that this gateway has the leases.
#[derive(Default)]
pub(crate) struct News {
    /// New deliveries that may run.
    pub(crate) recorded: Vec<(Delivery, Token)>,
    /// Older deliveries whose turn has come.
    pub(crate) released: Vec<(Delivery, Token)>,
    /// Requests that may go: new ones, released ones and requeued ones.
    pub(crate) queued: Vec<(OutboxRequest, Token, Line)>,
    /// The earliest time for which something was scheduled.
    pub(crate) scheduled: Option<WallTime>,
    /// Whether an event began to wait for its object, or may be asked for earlier.
    pub(crate) unresolved: bool,
    /// Leases that the commit ends.
    pub(crate) ended: Ended,
}

/// Leases that a commit ends.
#[derive(Default)]
pub(crate) struct Ended {
    pub(crate) deliveries: Vec<(DeliveryId, Token)>,
    pub(crate) requests: Vec<(RequestId, Token)>,
    pub(crate) resolutions: Vec<(ResolutionId, Token)>,
}

impl News {
    /// Notes that something was scheduled for this time.
    pub(crate) fn add_scheduled(&mut self, due: WallTime) {
        let earliest = self.scheduled.get_or_insert(due);
        *earliest = due.min(*earliest);
    }

    /// Writes the leases into the books, before the commit.
    pub(crate) fn lease(self, books: &Books) -> Committed {
        let lease = |deliveries: Vec<(Delivery, Token)>| {
            let deliveries = deliveries.into_iter();
            deliveries
                .filter_map(|(delivery, token)| {
                    let line = delivery.key.map(|key| key.0);
                    let lease = books.deliveries.lease(delivery.id, token, line)?;
                    Some(LeasedDelivery { delivery, lease })
                })
                .collect()
        };
        let queued = self.queued.into_iter();
        let queued = queued.filter_map(|(request, token, line)| {
            let lease: Lease<RequestId> = books.requests.lease(request.id, token, line)?;
            Some(LeasedRequest { request, lease })
        });
        Committed {
            hand_over: HandOver {
                recorded: lease(self.recorded),
                released: lease(self.released),
                queued: queued.collect(),
                scheduled: self.scheduled,
                unresolved: self.unresolved,
            },
            ended: self.ended,
        }
    }
}

/// What a transaction changes in memory once it is committed. Dropping it without that gives the
/// leases back.
pub(crate) struct Committed {
    hand_over: HandOver,
    ended: Ended,
}

impl Committed {
    /// Ends the leases whose work the commit has ended, and tells the sink everything.
    pub(crate) fn tell(self, books: &Books, sink: &dyn LedgerSink) {
        for (item, token) in self.ended.deliveries {
            books.deliveries.end(item, token);
        }
        for (item, token) in self.ended.requests {
            books.requests.end(item, token);
        }
        for (item, token) in self.ended.resolutions {
            books.resolutions.end(item, token);
        }
        self.hand_over.tell(sink);
    }
}
