//! Completing deliveries.

use super::*;

pub fn an_attempt_moves_the_delivery_on(engine: &dyn Engine) {
    let open = Open::new(engine);
    let deliveries = open.deliver("evt_1", &["a", "b", "c", "d"]);
    let nexts = [
        NextState::Done,
        NextState::Ignored,
        NextState::Dead,
        NextState::Retrying {
            due: STEADY + ms(5000),
        },
    ];
    for (delivery, next) in deliveries.iter().zip(nexts) {
        let answer = open.complete(ending(delivery, next)).unwrap();
        assert_eq!(answer, Completed::Committed);
        assert!(open.pending(delivery.handler.as_str()).is_empty());
    }
    use DeliveryState::{Dead, Done, Ignored, Pending, Retrying};
    for state in [Done, Ignored, Dead, Retrying] {
        assert_eq!(open.deliveries_in(state), 1, "{state}");
    }
    assert_eq!(open.deliveries_in(Pending), 0);

    let again = &open.due("d", STEADY + ms(5000))[0];
    assert_eq!((again.id, again.attempts), (deliveries[3].id, 1));
    assert_eq!(
        open.complete(ending(again, NextState::Done)).unwrap(),
        Completed::Committed
    );
    assert_eq!(open.deliveries_in(Done), 2);
    assert!(open.due("d", LATEST).is_empty());
}

pub fn an_ended_delivery_is_not_completed_again(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let attempt = || writing(delivery, &[("n", StateWrite::Add(1))]);
    assert_eq!(open.complete(attempt()).unwrap(), Completed::Committed);

    assert_eq!(
        open.complete(attempt()).unwrap(),
        Completed::Committed,
        "the very attempt that was committed is committed"
    );
    let mut other = attempt();
    other.attempt.started = other.attempt.started + ms(1);
    assert_eq!(open.complete(other).unwrap(), Completed::LeaseLost);
    let mut next = attempt();
    next.attempt.number = 2;
    assert_eq!(open.complete(next).unwrap(), Completed::LeaseLost);
    assert_eq!(open.value("a", "n").unwrap(), b"1", "effects happened once");
    assert_eq!(open.deliveries_in(DeliveryState::Done), 1);
}

pub fn an_attempt_out_of_turn_changes_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let refused = |as_what, change: &dyn Fn(&mut Completion)| {
        let mut completion = writing(delivery, &[("k", set("v"))]);
        change(&mut completion);
        assert_eq!(open.complete(completion).unwrap(), as_what);
    };
    use Completed::{LeaseLost, Stale};
    refused(Stale, &|completion| completion.attempt.number = 2);
    refused(Stale, &|completion| completion.attempt.number = 0);
    refused(Stale, &|completion| completion.attempt.run = 1);
    refused(LeaseLost, &|completion| completion.handler = handler("b"));
    refused(LeaseLost, &|completion| {
        completion.delivery = DeliveryId(delivery.id.0 + 1);
    });
    assert_eq!(open.value("a", "k"), None);
    assert_eq!(open.value("b", "k"), None);
    assert_eq!(open.pending("a").len(), 1);
    assert_eq!(open.pending("a")[0].attempts, 0);
}

pub fn effects_of_a_failed_attempt_are_not_applied(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let mut completion = writing(delivery, &[("k", set("v"))]);
    completion.effects.outbox.push(request("1"));
    completion
        .effects
        .emitted
        .push(event_of("handler:a", "x", b"{}", &["b"]));
    completion.next = NextState::Retrying { due: STEADY };
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    assert_eq!(open.value("a", "k"), None);
    assert!(open.sink.requests().is_empty());
    assert!(open.sink.deliveries().is_empty());
    assert_eq!(open.ledger.counts().unwrap().events, 1);
}

pub fn emitted_events_are_recorded_once(engine: &dyn Engine) {
    let open = Open::new(engine);
    let deliveries = open.deliver("evt_1", &["a", "b"]);
    let emitted = event_of("handler:a", "order-1", b"{\"order\":1}", &["c", "d"]);
    let mut completion = ending(&deliveries[0], NextState::Done);
    completion.effects.emitted = vec![
        emitted.clone(),
        event_of("handler:a", "order-2", b"{}", &[]),
    ];
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    let handed_out = open.sink.deliveries();
    assert_eq!(handed_out.len(), 2);
    assert_eq!(*handed_out[0].event, emitted.event);
    assert_eq!(open.pending("c").len(), 1);

    let mut replay = ending(&deliveries[1], NextState::Done);
    replay.effects.emitted = vec![emitted];
    assert_eq!(open.complete(replay).unwrap(), Completed::Committed);
    assert!(
        open.sink.deliveries().is_empty(),
        "the same key is emitted once"
    );
    let counts = open.ledger.counts().unwrap();
    assert_eq!(
        (counts.events, counts.duplicates, counts.unrouted),
        (3, 0, 1)
    );
}
