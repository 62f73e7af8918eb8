//! The steps of a scenario with requests of an open ledger, and with their leases.

use std::sync::mpsc;

use super::harness::{Collected, Open};
use super::values::{LATEST, handler};
use crate::*;
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;

impl Collected {
    /// Gives leases of requests back, but for requests that are to be kept.
    pub(crate) fn give_back_requests(&self, keep: impl Fn(RequestId) -> bool) {
        self.request_leases
            .lock()
            .retain(|request, _| keep(*request));
    }
}

impl Open {
    /// Settles under the lease that the scenario holds. Without one, claims a lease first. If there
    /// is no lease to claim, settles without a lease.
    pub(crate) fn settle(&self, mut settlement: Settlement) -> Settled {
        let request = settlement.request;
        if self.leases_request(request) {
            settlement.token = self.sink.request_leases.lock()[&request].token();
        }
        let settled = self.settle_as(settlement);
        self.sink.give_back_requests(|held| held != request);
        settled
    }

    /// Settles under the token that the settlement names.
    pub(crate) fn settle_as(&self, settlement: Settlement) -> Settled {
        let (answer, answered) = mpsc::channel();
        self.ledger.settle(
            settlement,
            Box::new(move |result| answer.send(result).unwrap()),
        );
        answered.recv().expect("the callback is called").unwrap()
    }

    /// Whether the scenario holds a lease of the request, or gets one now.
    pub(crate) fn leases_request(&self, id: RequestId) -> bool {
        let holds = || self.sink.request_leases.lock().contains_key(&id);
        if !holds()
            && let Some(request) = self.ledger.outbox_request(id).unwrap()
        {
            let claimed = self.claim_requests(&request.handler, &request.host, LATEST, 10_000);
            self.sink.hold_requests(claimed.leased);
        }
        holds()
    }

    /// Claims requests to one host, `limit` at most.
    pub(crate) fn claim_requests(
        &self,
        of: &HandlerName,
        host: &RequestHost,
        now: SteadyTime,
        limit: usize,
    ) -> ClaimedRequests {
        let all = usize::MAX >> 1;
        self.ledger
            .claim_requests(of, host, now, limit, all)
            .unwrap()
    }

    /// All requests of a handler whose turn it is, whatever their times. The scenario holds the
    /// leases.
    pub(crate) fn waiting(&self, of: &str) -> Vec<OutboxRequest> {
        self.waiting_beside(&[of], |_| false)
    }

    /// The same for several handlers, beside requests of which the scenario keeps its leases.
    pub(crate) fn waiting_beside(
        &self,
        of: &[&str],
        keep: impl Fn(RequestId) -> bool,
    ) -> Vec<OutboxRequest> {
        self.sink.give_back_requests(keep);
        let mut found = Vec::new();
        for of in of.iter().map(|name| handler(name)) {
            for host in self.ledger.waiting_hosts(&of).unwrap() {
                let claimed = self.claim_requests(&of, &host, LATEST, 10_000);
                assert!(!claimed.more && claimed.next.is_none());
                let claimed = self.sink.hold_requests(claimed.leased);
                assert!(claimed.iter().all(|request| request.host == host));
                found.extend(claimed);
            }
        }
        found
    }
}
