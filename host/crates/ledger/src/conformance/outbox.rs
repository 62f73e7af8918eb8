//! The outbox.

use super::*;

/// Commits a delivery of handler `a` that queues these requests; returns the requests that the sink
/// got.
pub(crate) fn queue_all(open: &Open, id: &str, requests: Vec<NewRequest>) -> Vec<OutboxRequest> {
    let delivery = &open.deliver(id, &["a"])[0];
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.outbox = requests;
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    let queued = open.sink.requests();
    assert!(
        queued
            .iter()
            .all(|request| request.event == delivery.event.id)
    );
    queued
}

/// The same for requests without an order key.
pub(crate) fn queue(open: &Open, id: &str, keys: &[&str]) -> Vec<OutboxRequest> {
    queue_all(open, id, keys.iter().map(|key| request(key)).collect())
}

/// The idempotency keys of these requests.
pub(crate) fn keys(requests: &[OutboxRequest]) -> Vec<&str> {
    requests
        .iter()
        .map(|found| found.request.key.as_str())
        .collect()
}

/// The idempotency keys of all requests of handler `a` whose turn it is.
fn waiting(open: &Open) -> Vec<String> {
    let found = open.waiting("a");
    keys(&found).into_iter().map(str::to_owned).collect()
}

/// The end of a try.
pub(crate) fn tried(of: &OutboxRequest, status: Option<u16>, next: OutboxNext) -> Settlement {
    Settlement {
        request: of.id,
        // `Open::settle` has the real one.
        token: Token::default(),
        at: START + ms(10),
        status,
        error: if next == OutboxNext::Sent {
            String::new()
        } else {
            "refused".into()
        },
        next,
        response: None,
    }
}

pub fn requests_go_out_in_commit_order(engine: &dyn Engine) {
    let open = Open::new(engine);
    let mut queued = queue(&open, "evt_1", &["1", "2"]);
    queued.extend(queue(&open, "evt_2", &["3"]));
    assert_eq!(keys(&queued), ["1", "2", "3"]);
    assert_eq!(*queued[0].request, request("1"));
    assert_eq!((queued[0].tries, queued[0].due), (0, STEADY));
    assert_eq!(queued[0].host.as_str(), "crm.example.com:443");
    assert_eq!(waiting(&open), ["1", "2", "3"]);

    open.settle(tried(&queued[0], Some(200), OutboxNext::Sent));
    open.settle(tried(
        &queued[1],
        Some(503),
        OutboxNext::Waiting {
            due: STEADY + ms(9),
        },
    ));
    open.settle(tried(&queued[2], None, OutboxNext::Dead));
    let open = open.reopen(engine);
    let found = open.waiting("a");
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0].request, request("2"));
    assert_eq!(
        (found[0].tries, found[0].due, found[0].queued),
        (1, STEADY + ms(9), START)
    );
    assert_eq!(found[0].event, queued[1].event);
    for state in OutboxState::ALL {
        assert_eq!(open.outbox_in(*state), 1, "{state}");
    }
    queue(&open, "evt_3", &["4"]);
    assert_eq!(waiting(&open), ["2", "4"], "the order goes on");
}

pub fn a_settled_request_is_not_settled_again(engine: &dyn Engine) {
    let open = Open::new(engine);
    let queued = queue(&open, "evt_1", &["1"]);
    open.settle(tried(&queued[0], Some(200), OutboxNext::Sent));
    let again = open.settle(tried(
        &queued[0],
        Some(500),
        OutboxNext::Waiting { due: STEADY },
    ));
    assert_eq!(again, Settled::LeaseLost);
    assert!(waiting(&open).is_empty(), "it does not go out again");
    assert_eq!(open.outbox_in(OutboxState::Sent), 1);
    let entry = &open.ledger.outbox_list(None, 10).unwrap()[0];
    assert_eq!((entry.state, entry.status), (OutboxState::Sent, Some(200)));
    assert_eq!(entry.request.tries, 1);
}

pub fn requests_are_listed_newest_first(engine: &dyn Engine) {
    let open = Open::new(engine);
    let queued = queue(&open, "evt_1", &["1", "2", "3"]);
    open.settle(tried(&queued[1], Some(400), OutboxNext::Dead));
    let keys = |state, limit| -> Vec<String> {
        let found = open.ledger.outbox_list(state, limit).unwrap();
        found
            .into_iter()
            .map(|entry| entry.request.request.key.clone())
            .collect()
    };
    assert_eq!(keys(None, 10), ["3", "2", "1"]);
    assert_eq!(keys(None, 2), ["3", "2"]);
    assert_eq!(keys(Some(OutboxState::Waiting), 10), ["3", "1"]);
    assert_eq!(keys(Some(OutboxState::Dead), 10), ["2"]);
    assert!(keys(Some(OutboxState::Sent), 10).is_empty());
    let dead = &open.ledger.outbox_list(Some(OutboxState::Dead), 1).unwrap()[0];
    assert_eq!((dead.status, dead.error.as_str()), (Some(400), "refused"));
}

/// A settlement that brings an event for handler `a`, known by this key.
fn answered(of: &OutboxRequest, next: OutboxNext, key: &str) -> Settlement {
    let response = event_of("handler:a", key, b"{\"status\":200}", &["a"]);
    Settlement {
        response: Some(Box::new(response)),
        ..tried(of, Some(200), next)
    }
}

pub fn an_answer_is_recorded_with_the_end_of_its_request(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let mut completion = ending(delivery, NextState::Done);
    let respond = Respond {
        correlation: "order-1".to_owned(),
        account: None,
        depth: 1,
    };
    completion.effects.outbox = ["1", "2", "3"]
        .into_iter()
        .map(|key| NewRequest {
            respond: Some(respond.clone()),
            ..request(key)
        })
        .collect();
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    let queued = open.sink.requests();
    assert_eq!(queued[0].request.respond, Some(respond.clone()));
    let open = open.reopen(engine);
    let waiting = open.waiting("a");
    assert_eq!(waiting[0].request.respond, Some(respond));

    let again = OutboxNext::Waiting { due: STEADY };
    open.settle(answered(&queued[0], again, "r-1"));
    assert!(open.sink.deliveries().is_empty(), "it has not ended");
    open.settle(answered(&queued[0], OutboxNext::Sent, "r-1"));
    open.settle(answered(&queued[1], OutboxNext::Dead, "r-2"));
    let deliveries = open.sink.deliveries();
    assert_eq!(deliveries.len(), 2);
    assert_eq!(deliveries[0].handler, handler("a"));
    assert_eq!(&deliveries[0].event.payload[..], b"{\"status\":200}");
    assert_eq!(open.pending("a").len(), 2);

    // Neither a second settlement nor a second request with the same key brings another.
    open.settle(answered(&queued[0], OutboxNext::Sent, "r-4"));
    open.settle(answered(&queued[2], OutboxNext::Sent, "r-1"));
    assert!(open.sink.deliveries().is_empty());
    assert_eq!(open.outbox_in(OutboxState::Sent), 2);
}

pub fn a_dead_request_is_sent_again_behind_all_others(engine: &dyn Engine) {
    let open = Open::new(engine);
    let queued = queue(&open, "evt_1", &["1", "2", "3"]);
    let again = OutboxNext::Waiting { due: STEADY };
    open.settle(tried(&queued[0], Some(503), again));
    open.settle(tried(&queued[0], Some(401), OutboxNext::Dead));
    open.settle(tried(&queued[1], Some(200), OutboxNext::Sent));
    open.clock.advance(ms(3_600_000));
    let after = START + ms(3_600_000);
    let ids = [queued[0].id, queued[1].id, RequestId(99)];
    let came = open.ask(Action::RetryRequests(ids.to_vec()));
    let handed = open.sink.requests();
    let [one] = &handed[..] else {
        panic!("{handed:?}");
    };
    let refused = [Intervened::Request(OutboxState::Sent), Intervened::Missing];
    assert_eq!(
        came,
        [[Intervened::Queued(one.id)].as_slice(), &refused].concat()
    );
    assert_eq!(*one.request, request("1"), "with the same idempotency key");
    assert_eq!(waiting(&open), ["3", "1"]);
    let open = open.reopen(engine);
    let found = open.ledger.outbox_request(one.id).unwrap().unwrap();
    assert_eq!((found.tries, found.queued), (2, START));
    let requeued = Requeued {
        times: 1,
        tries_before: 2,
        since: after,
    };
    assert_eq!((found.requeued, one.requeued), (requeued, requeued));
    assert!(open.ledger.outbox_request(queued[0].id).unwrap().is_none());

    // It dies once more, and is sent.
    open.settle(tried(one, None, OutboxNext::Dead));
    let came = open.ask(Action::RetryRequests(vec![one.id]));
    let [Intervened::Queued(last)] = came[..] else {
        panic!("{came:?}");
    };
    let found = open.ledger.outbox_request(last).unwrap().unwrap();
    assert_eq!(
        (
            found.tries,
            found.requeued.times,
            found.requeued.tries_before
        ),
        (3, 2, 3)
    );
    open.settle(tried(&found, Some(200), OutboxNext::Sent));
    assert_eq!(open.outbox_in(OutboxState::Sent), 2);
    assert_eq!(open.outbox_in(OutboxState::Dead), 0);
}

pub fn a_waiting_request_is_made_due(engine: &dyn Engine) {
    let open = Open::new(engine);
    let queued = queue(&open, "evt_1", &["1"]);
    let later = OutboxNext::Waiting {
        due: STEADY + ms(9_000),
    };
    open.settle(tried(&queued[0], Some(503), later));
    let came = open.ask(Action::RetryRequests(vec![queued[0].id]));
    assert_eq!(came, [Intervened::Done]);
    let found = open.ledger.outbox_request(queued[0].id).unwrap().unwrap();
    assert_eq!((found.due, found.tries), (STEADY, 1));
    let never = Requeued::never(START);
    assert_eq!(found.requeued, never, "its tries count on");
    assert!(open.sink.requests().is_empty(), "it is known already");
}

pub fn a_cancelled_request_tells_its_handler(engine: &dyn Engine) {
    let open = Open::new(engine);
    let queued = queue(&open, "evt_1", &["1", "2"]);
    let told = event_of("handler:a", "told", b"{\"outcome\":\"dead\"}", &["a"]);
    let cancelled = queued
        .iter()
        .map(|request| {
            (
                request.id,
                (request.request.key == "1").then(|| Box::new(told.clone())),
            )
        })
        .collect();
    let came = open.ask(Action::CancelRequests(cancelled));
    assert_eq!(came, [Intervened::Done, Intervened::Done]);
    assert_eq!(open.outbox_in(OutboxState::Dead), 2);
    assert_eq!(open.sink.deliveries().len(), 1);
    let entry = &open.ledger.outbox_list(None, 1).unwrap()[0];
    assert_eq!(entry.error, "cancelled by ann");
    let again = open.ask(Action::CancelRequests(vec![(queued[0].id, None)]));
    assert_eq!(again, [Intervened::Request(OutboxState::Dead)]);

    // A try that was under way, and failed or succeeded.
    let retried = OutboxNext::Waiting { due: STEADY };
    let failed = open.settle(tried(&queued[0], Some(503), retried));
    let sent = open.settle(tried(&queued[1], Some(200), OutboxNext::Sent));
    assert_eq!((failed, sent), (Settled::Stale, Settled::Committed));
    assert!(waiting(&open).is_empty());
    assert_eq!(open.outbox_in(OutboxState::Dead), 1);
    assert_eq!(open.outbox_in(OutboxState::Sent), 1, "its receiver has it");
}
