//! Deliveries that a component at fault has failed.

use super::*;

/// The end of an attempt as it is, but on a component and with an outcome.
fn on(component: &[u8], outcome: AttemptOutcome, completion: Completion) -> Completion {
    Completion {
        attempt: Attempt {
            component: ComponentDigest::of(component),
            outcome,
            ..completion.attempt
        },
        ..completion
    }
}

/// A retry that is far ahead.
fn later() -> NextState {
    let due = STEADY + ms(1_000_000);
    NextState::Retrying { due }
}

pub fn what_a_component_at_fault_failed_is_due_again(engine: &dyn Engine) {
    use AttemptOutcome::{Limit, Retry, Timeout, Trap};
    let open = Open::new(engine);
    let (a, bad) = (handler("a"), ComponentDigest::of(b"bad"));
    let cases: [(&str, &[u8], AttemptOutcome, NextState); 7] = [
        ("trapped", b"bad", Trap, later()),
        ("dead", b"bad", Timeout, NextState::Dead),
        ("limit", b"bad", Limit, later()),
        ("answered", b"bad", Retry, later()),
        ("rejected", b"bad", AttemptOutcome::Reject, NextState::Dead),
        ("another", b"good", Trap, NextState::Dead),
        ("due", b"bad", Trap, NextState::Retrying { due: STEADY }),
    ];
    for (name, component, outcome, next) in cases {
        let delivery = &open.deliver(name, &["a", "b"])[0];
        open.complete(on(component, outcome, ending(delivery, next)))
            .unwrap();
    }
    // A delivery that broke down on both components: the last breakdown counts.
    let delivery = &open.deliver("since", &["a"])[0];
    open.complete(on(b"bad", Trap, ending(delivery, later())))
        .unwrap();
    let delivery = Delivery {
        attempts: 1,
        ..delivery.clone()
    };
    open.complete(on(b"good", Trap, ending(&delivery, later())))
        .unwrap();

    assert_eq!(
        open.ledger.retry_uncounted(&handler("none"), bad).unwrap(),
        0
    );
    assert_eq!(open.ledger.retry_uncounted(&handler("b"), bad).unwrap(), 0);
    assert_eq!(open.ledger.retry_uncounted(&a, bad).unwrap(), 3);
    assert_eq!(open.ledger.retry_uncounted(&a, bad).unwrap(), 0, "once");
    let due = open.due("a", STEADY);
    let mut names: Vec<_> = due
        .iter()
        .map(|d| {
            (
                d.event.provider_id.clone().unwrap(),
                d.attempts,
                d.uncounted,
            )
        })
        .collect();
    names.sort();
    let expected = [("dead", 1), ("due", 0), ("limit", 1), ("trapped", 1)];
    let expected = expected.map(|(name, uncounted)| (name.to_owned(), 1, uncounted));
    assert_eq!(names, expected);
    let counts = open.ledger.counts().unwrap().deliveries;
    let of = |state| counts.iter().find(|(s, _)| *s == state).unwrap().1;
    assert_eq!(of(DeliveryState::Dead), 2);
    assert_eq!(of(DeliveryState::Retrying), 6);
    // Attempts go on being counted where they were.
    let trapped = due
        .iter()
        .find(|d| d.event.provider_id.as_deref() == Some("trapped"))
        .unwrap();
    assert_eq!(trapped.counted(trapped.attempts), 0);
    let done = open.complete(ending(trapped, NextState::Done)).unwrap();
    assert_eq!(done, Completed::Committed);
}

pub fn a_great_many_are_retried_uncounted_in_steps(engine: &dyn Engine) {
    let open = Open::new(engine);
    for n in 0..2_500 {
        let delivery = &open.deliver(&format!("evt_{n}"), &["a"])[0];
        let next = if n % 2 == 0 { later() } else { NextState::Dead };
        let end = on(b"bad", AttemptOutcome::Trap, ending(delivery, next));
        open.complete(end).unwrap();
    }
    let retried = open
        .ledger
        .retry_uncounted(&handler("a"), ComponentDigest::of(b"bad"));
    assert_eq!(retried.unwrap(), 2_500);
    assert_eq!(open.due("a", STEADY).len(), 2_500);
}

/// An operator's action on a request of a delivery is no action on the delivery.
pub fn a_cancelled_request_keeps_no_delivery_back(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.outbox = vec![request("1")];
    open.complete(completion).unwrap();
    let queued = open.sink.requests();
    let replay = Action::Replay {
        deliveries: vec![delivery.id],
        keys: ReplayKeys::New,
        component: ReplayComponent::Current,
        refetch: None,
    };
    assert_eq!(open.ask(replay), [Intervened::Done]);
    let cancel = Action::CancelRequests(vec![(queued[0].id, None)]);
    assert_eq!(open.ask(cancel), [Intervened::Done]);
    let again = &open.due("a", STEADY)[0];
    let end = on(b"bad", AttemptOutcome::Trap, ending(again, later()));
    open.complete(end).unwrap();
    let bad = ComponentDigest::of(b"bad");
    assert_eq!(open.ledger.retry_uncounted(&handler("a"), bad).unwrap(), 1);
}
