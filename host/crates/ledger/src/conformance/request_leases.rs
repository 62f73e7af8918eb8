//! Leases of requests: who may send a request, whose settlement counts, and in which order.

use super::outbox::{keys, queue, queue_all, tried};
use super::*;

const LATER: OutboxNext = OutboxNext::Waiting { due: STEADY };

impl Open {
    /// Claims requests of handler `a` that may go now, `limit` at most.
    fn claim_some_requests(&self, limit: usize) -> ClaimedRequests {
        let host = RequestHost::of_url(&request("1").url);
        self.claim_requests(&handler("a"), &host, STEADY, limit)
    }

    /// The only request that may go now.
    fn claim_only_request(&self) -> LeasedRequest {
        let mut claimed = self.claim_some_requests(9).leased;
        assert_eq!(claimed.len(), 1);
        claimed.remove(0)
    }

    /// Settles under this lease.
    fn settle_under(&self, leased: &LeasedRequest, next: OutboxNext) -> Settled {
        self.settle_as(Settlement {
            token: leased.lease.token(),
            ..tried(&leased.request, Some(200), next)
        })
    }
}

fn ordered(key: &str, order_key: &str) -> NewRequest {
    NewRequest {
        order_key: Some(order_key.to_owned()),
        ..request(key)
    }
}

fn names(leased: &[LeasedRequest]) -> Vec<&str> {
    leased
        .iter()
        .map(|leased| leased.request.request.key.as_str())
        .collect()
}

pub fn nobody_else_gets_a_leased_request(engine: &dyn Engine) {
    let open = Open::new(engine);
    queue(&open, "evt_1", &["1", "2", "3", "4", "5"]);
    let claimed = open.claim_some_requests(9);
    assert!(
        claimed.leased.is_empty() && !claimed.more,
        "the sink has all"
    );
    open.sink.give_back_requests(|_| false);
    let first = open.claim_some_requests(2);
    assert_eq!((names(&first.leased), first.more), (vec!["1", "2"], true));
    let second = open.claim_some_requests(9);
    let expected = (vec!["3", "4", "5"], false);
    assert_eq!((names(&second.leased), second.more), expected);
    assert!(open.claim_some_requests(9).leased.is_empty());
}

pub fn a_request_that_is_given_back_is_found_again(engine: &dyn Engine) {
    let open = Open::new(engine);
    queue(&open, "evt_1", &["1"]);
    open.sink.give_back_requests(|_| false);
    let first = open.claim_only_request();
    let token = first.lease.token();
    drop(first);
    let again = open.claim_only_request();
    assert_ne!(again.lease.token(), token);
    assert_eq!(
        open.settle_under(&again, OutboxNext::Sent),
        Settled::Committed
    );
    assert!(open.claim_some_requests(9).leased.is_empty());
}

/// A gateway was cut off, and comes back after another gateway has got its requests.
pub fn a_stale_token_settles_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    let queued = queue(&open, "evt_1", &["1"]);
    open.sink.give_back_requests(|_| false);
    let first = open.claim_only_request();
    let late = Settlement {
        token: first.lease.token(),
        response: Some(Box::new(event_of("handler:a", "late", b"{}", &["a"]))),
        ..tried(&queued[0], Some(401), OutboxNext::Dead)
    };
    // As if the first lease had expired.
    drop(first);
    assert_eq!(open.settle_as(late.clone()), Settled::LeaseLost);
    let second = open.claim_only_request();
    assert_eq!(open.settle_as(late), Settled::LeaseLost);
    assert!(open.sink.deliveries().is_empty());
    assert_eq!(open.outbox_in(OutboxState::Waiting), 1);
    assert_eq!(
        open.settle_under(&second, OutboxNext::Sent),
        Settled::Committed
    );
    let entry = &open.ledger.outbox_list(None, 1).unwrap()[0];
    assert_eq!(entry.request.tries, 1, "a late try is none");
}

pub fn a_lease_ends_with_the_settlement(engine: &dyn Engine) {
    let open = Open::new(engine);
    queue(&open, "evt_1", &["1"]);
    open.sink.give_back_requests(|_| false);
    let leased = open.claim_only_request();
    assert_eq!(open.settle_under(&leased, LATER), Settled::Committed);
    // The lease has ended, although its holder has not dropped it yet.
    let again = open.claim_only_request();
    assert_eq!(again.request.tries, 1);
    assert_eq!(open.settle_under(&leased, LATER), Settled::LeaseLost);
    // Nor does dropping it end the lease that came after it.
    drop(leased);
    assert!(open.claim_some_requests(9).leased.is_empty());
}

pub fn requests_of_one_key_are_leased_one_after_another(engine: &dyn Engine) {
    let open = Open::new(engine);
    let requests = [
        ("a1", "a"),
        ("a2", "a"),
        ("b1", "b"),
        ("a3", "a"),
        ("b2", "b"),
    ];
    let requests = requests.map(|(key, order_key)| ordered(key, order_key));
    let first = queue_all(&open, "evt_1", requests.to_vec());
    assert_eq!(keys(&first), ["a1", "b1"], "the first of each key");
    open.sink.give_back_requests(|_| false);
    let claimed = open.claim_some_requests(9).leased;
    assert_eq!(names(&claimed), ["a1", "b1"]);
    assert!(open.claim_some_requests(9).leased.is_empty());

    // A request that waits for its next try keeps its place.
    let due = STEADY + ms(9);
    let settled = open.settle_under(&claimed[0], OutboxNext::Waiting { due });
    assert_eq!(settled, Settled::Committed);
    assert!(open.sink.requests().is_empty());
    let none = open.claim_some_requests(9);
    assert!(none.leased.is_empty());
    assert_eq!(none.next, Some(due));
    // A request that has ended makes room for the next one, whatever its end was.
    assert_eq!(
        open.settle_under(&claimed[1], OutboxNext::Dead),
        Settled::Committed
    );
    assert_eq!(keys(&open.sink.requests()), ["b2"]);
    assert!(
        open.claim_some_requests(9).leased.is_empty(),
        "the sink has it"
    );
    open.settle(tried(&first[0], Some(200), OutboxNext::Sent));
    assert_eq!(keys(&open.sink.requests()), ["a2"]);

    // The order outlives a restart.
    let open = open.reopen(engine);
    let found = open.waiting("a");
    assert_eq!(keys(&found), ["a2", "b2"]);
    for request in &found {
        open.settle(tried(request, Some(200), OutboxNext::Sent));
    }
    assert_eq!(keys(&open.sink.requests()), ["a3"]);
    // Another handler's key is another key.
    let delivery = &open.deliver("evt_2", &["other"])[0];
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.outbox.push(ordered("o1", "a"));
    open.complete(completion).unwrap();
    assert_eq!(keys(&open.sink.requests()), ["o1"]);
}

pub fn a_cancelled_request_lets_the_next_of_its_key_go(engine: &dyn Engine) {
    let open = Open::new(engine);
    let line = ["1", "2", "3", "4"].map(|key| ordered(key, "k"));
    let first = queue_all(&open, "evt_1", line.to_vec()).remove(0);
    let listed = open.ledger.outbox_list(None, 9).unwrap();
    let third = listed.iter().find(|entry| entry.request.request.key == "3");
    let cancel = |id| open.ask(Action::CancelRequests(vec![(id, None)]));
    assert_eq!(cancel(third.unwrap().request.id), [Intervened::Done]);
    assert!(open.sink.requests().is_empty(), "it was not its turn");
    // The scenario holds the lease of the first one, and a try of it is under way.
    assert_eq!(cancel(first.id), [Intervened::Done]);
    let second = open.sink.requests();
    assert_eq!(keys(&second), ["2"]);
    // The end of that try changes nothing, or says that the receiver has the request.
    let token = open.sink.request_leases.lock()[&first.id].token();
    let end = |next| {
        open.settle_as(Settlement {
            token,
            ..tried(&first, Some(503), next)
        })
    };
    assert_eq!(end(LATER), Settled::Stale);
    assert_eq!(end(LATER), Settled::LeaseLost, "the lease has ended");
    assert_eq!(open.outbox_in(OutboxState::Waiting), 2);
    open.settle(tried(&second[0], Some(200), OutboxNext::Sent));
    assert_eq!(keys(&open.sink.requests()), ["4"]);
}

pub fn a_requeued_request_joins_the_end_of_its_line(engine: &dyn Engine) {
    let open = Open::new(engine);
    let line = ["1", "2", "3"].map(|key| ordered(key, "k"));
    let first = queue_all(&open, "evt_1", line.to_vec()).remove(0);
    open.settle(tried(&first, Some(401), OutboxNext::Dead));
    assert_eq!(keys(&open.sink.requests()), ["2"]);
    let came = open.ask(Action::RetryRequests(vec![first.id]));
    assert!(matches!(came[..], [Intervened::Queued(id)] if id != first.id));
    assert!(open.sink.requests().is_empty(), "two stand before it");
    for expected in ["2", "3", "1"] {
        let found = open.waiting("a");
        assert_eq!(keys(&found), [expected]);
        open.settle(tried(&found[0], Some(200), OutboxNext::Sent));
    }
    assert_eq!(open.outbox_in(OutboxState::Sent), 3);
}

pub fn a_claim_takes_one_host_and_what_is_due(engine: &dyn Engine) {
    let open = Open::new(engine);
    let to = |key: &str, url: &str| NewRequest {
        url: url.to_owned(),
        body: Bytes::from(vec![b'x'; 100]),
        ..request(key)
    };
    let requests = vec![
        to("x1", "https://x.example/a"),
        to("y1", "http://Y.example/"),
        to("none", "/relative"),
        to("x2", "http://x.example:443/b?c"),
        to("x3", "https://x.example"),
    ];
    let queued = queue_all(&open, "evt_1", requests);
    let due = STEADY + ms(7);
    open.settle(tried(&queued[0], Some(503), OutboxNext::Waiting { due }));
    open.sink.give_back_requests(|_| false);
    let a = handler("a");
    let mut hosts = open.ledger.waiting_hosts(&a).unwrap();
    hosts.sort();
    let hosts: Vec<_> = hosts.iter().map(RequestHost::as_str).collect();
    assert_eq!(hosts, ["", "x.example:443", "y.example:80"]);
    assert!(open.ledger.waiting_hosts(&handler("b")).unwrap().is_empty());

    let x = &queued[0].host;
    let claimed = open.claim_requests(&a, x, STEADY, 9);
    assert_eq!(names(&claimed.leased), ["x2", "x3"]);
    assert_eq!((claimed.more, claimed.next), (false, Some(due)));
    drop(claimed);
    let claimed = open.ledger.claim_requests(&a, x, STEADY, 9, 1).unwrap();
    assert_eq!(names(&claimed.leased), ["x2"], "one in any case");
    assert!(claimed.more);
    drop(claimed);
    let claimed = open.claim_requests(&a, x, due, 9);
    assert_eq!(
        names(&claimed.leased),
        ["x2", "x3", "x1"],
        "by their due times"
    );
    assert_eq!(claimed.next, None);
    let claimed = open.claim_requests(&a, &queued[2].host, STEADY, 9);
    assert_eq!(names(&claimed.leased), ["none"]);
}

pub fn no_lease_of_a_request_outlives_its_process(engine: &dyn Engine) {
    let open = Open::new(engine);
    queue(&open, "evt_1", &["1", "2"]);
    assert!(open.claim_some_requests(9).leased.is_empty());
    let (clock, sink) = (open.clock.clone(), open.sink.clone());
    engine.crash(open.ledger);
    let open = Open::with(engine, clock);
    let found = open.claim_some_requests(9).leased;
    assert_eq!(names(&found), ["1", "2"]);
    // Leases of the process before end nothing.
    drop(sink);
    assert!(open.claim_some_requests(9).leased.is_empty());
}
