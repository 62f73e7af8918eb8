//! Deliveries that wait: for their time, their handler, their turn.

use super::*;

pub fn retries_are_found_when_due(engine: &dyn Engine) {
    let open = Open::new(engine);
    for (n, wait) in [30, 10, 20].into_iter().enumerate() {
        let delivery = &open.deliver(&format!("evt_{n}"), &["a", "b"])[0];
        let due = STEADY + ms(wait);
        open.complete(ending(delivery, NextState::Retrying { due }))
            .unwrap();
    }
    let due_times = |now| -> usize { open.due("a", now).len() };
    assert_eq!(
        [
            due_times(STEADY + ms(9)),
            due_times(STEADY + ms(10)),
            due_times(STEADY + ms(29))
        ],
        [0, 1, 2]
    );
    let found = open.due("a", STEADY + ms(30));
    let order: Vec<_> = found
        .iter()
        .map(|d| d.event.provider_id.clone().unwrap())
        .collect();
    assert_eq!(order, ["evt_1", "evt_2", "evt_0"], "earliest first");
    let others = open.due("b", STEADY + ms(30));
    assert!(others.iter().all(|d| d.handler == handler("b")));

    open.give_back("a", |_| false);
    let claim = |now, limit| {
        let all = usize::MAX >> 1;
        open.ledger.claim(&handler("a"), now, limit, all).unwrap()
    };
    let first = claim(STEADY + ms(30), 1);
    assert_eq!(first.leased[0].delivery.id, found[0].id);
    assert!(first.more);
    let next = claim(STEADY + ms(9), 9);
    assert!(next.leased.is_empty() && !next.more);
    assert_eq!(next.next, Some(STEADY + ms(20)), "of those that nobody has");
    drop(first);
    assert_eq!(claim(STEADY + ms(9), 9).next, Some(STEADY + ms(10)));
    let all = claim(STEADY + ms(30), 9);
    assert_eq!((all.leased.len(), all.more, all.next), (3, false, None));
}

pub fn pending_is_read_in_bounds(engine: &dyn Engine) {
    let open = Open::new(engine);
    for n in 0..5 {
        open.record(vec![event(&format!("evt_{n}"), &[b'x'; 100], &["a"])]);
    }
    let all: Vec<_> = open.pending("a").iter().map(|found| found.id).collect();
    open.give_back("a", |_| false);
    let claim = |limit, max_bytes| {
        let now = SteadyTime::ZERO;
        let claimed = open
            .ledger
            .claim(&handler("a"), now, limit, max_bytes)
            .unwrap();
        let seqs: Vec<_> = claimed
            .leased
            .iter()
            .map(|leased| leased.delivery.id)
            .collect();
        (seqs, claimed.more, claimed.leased)
    };
    let (seqs, more, first) = claim(2, 10_000);
    assert_eq!((&seqs[..], more), (&all[..2], true));
    let (seqs, more, rest) = claim(10, 10_000);
    assert_eq!((&seqs[..], more), (&all[2..], false));
    drop((first, rest));
    let (seqs, more, _) = claim(10, 250);
    assert_eq!((&seqs[..], more), (&all[..2], true));
    let (seqs, more, _) = claim(10, 1);
    assert_eq!((&seqs[..], more), (&all[..1], true), "one in any case");
}

pub fn absent_handlers_are_held_and_released(engine: &dyn Engine) {
    use DeliveryState::{Held, Pending, Retrying};
    let open = Open::new(engine);
    let first = open.deliver("evt_1", &["a", "b"]);
    open.deliver("evt_2", &["a", "b"]);
    open.complete(ending(&first[0], NextState::Retrying { due: STEADY }))
        .unwrap();
    open.complete(ending(&first[1], NextState::Done)).unwrap();

    let hold = |served: &[&str]| open.serve(served);
    assert_eq!(hold(&["a", "b"]), (0, 0));
    assert_eq!(
        hold(&["b", "c"]),
        (2, 0),
        "one that waits, one to be tried again"
    );
    assert_eq!(hold(&["b", "c"]), (0, 0));
    assert!(open.pending("a").is_empty() && open.due("a", LATEST).is_empty());
    assert_eq!(open.deliveries_in(Held), 2);
    assert_eq!(open.pending("b").len(), 1);

    assert_eq!(hold(&["a"]), (1, 2));
    let released = open.pending("a");
    assert_eq!(released.len(), 2);
    assert_eq!(released[0].attempts, 1, "its attempts are not forgotten");
    assert_eq!(
        (open.deliveries_in(Pending), open.deliveries_in(Retrying)),
        (2, 0)
    );
    assert_eq!(hold(&[]), (2, 0));
    assert_eq!(open.deliveries_in(Held), 3);
}

pub fn a_delivery_held_while_it_ran_completes(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    open.serve(&[]);
    assert_eq!(
        open.complete(ending(&of[0], NextState::Done)).unwrap(),
        Completed::Committed
    );
    assert_eq!(open.deliveries_in(DeliveryState::Done), 1);
    // One that has to be tried again goes on waiting for its handler.
    let again = ending(&of[1], NextState::Retrying { due: STEADY });
    assert_eq!(open.complete(again).unwrap(), Completed::Committed);
    assert_eq!(open.deliveries_in(DeliveryState::Held), 1);
    open.serve(&["b"]);
    assert_eq!(open.pending("b")[0].attempts, 1);
}

pub fn what_runs_alone_is_due_again_after_a_clean_end(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    for delivery in &of {
        open.leased(delivery, |lease| open.ledger.start_alone(lease))
            .unwrap();
    }
    assert_eq!(open.deliveries_in(DeliveryState::Running), 2);
    assert!(open.claim(&handler("a"), LATEST).is_empty());
    // A delivery that was given back before its end is to run alone once more.
    open.give_back("a", |_| false);
    let again = open.pending("a");
    assert_eq!((again.len(), again[0].id), (1, of[0].id));
    open.leased(&of[1], |lease| {
        let mut completion = ending(&of[1], NextState::Done);
        completion.token = lease.token();
        assert_eq!(open.complete_as(completion), Ok(Completed::Committed));
        open.ledger.start_alone(lease).unwrap();
    });
    assert_eq!(
        open.deliveries_in(DeliveryState::Running),
        1,
        "what has ended does not run"
    );
    open.leased(&of[0], |lease| open.ledger.started(lease));

    let open = open.reopen(engine);
    assert_eq!(open.deliveries_in(DeliveryState::Running), 0);
    let again = &open.due("a", STEADY)[0];
    assert_eq!(
        (again.attempts, again.crashes),
        (0, 0),
        "a clean end is no crash"
    );
}

pub fn everything_is_there_after_reopening(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b", "c"]);
    let mut completion = writing(&of[0], &[("k", set("v"))]);
    completion.effects.outbox.push(request("1"));
    open.complete(completion).unwrap();
    open.complete(ending(
        &of[1],
        NextState::Retrying {
            due: STEADY + ms(5),
        },
    ))
    .unwrap();
    let counts = open.ledger.counts().unwrap();

    let open = open.reopen(engine);
    assert_eq!(open.ledger.counts().unwrap(), counts);
    assert_eq!(open.value("a", "k").unwrap(), b"v");
    assert_eq!(open.due("b", STEADY + ms(5)).len(), 1);
    assert_eq!(*open.pending("c")[0].event, *of[2].event);
    assert_eq!(open.waiting("a").len(), 1);
    assert!(open.ledger.writable());
    let more = open.deliver("evt_2", &["a"]);
    assert!(of.iter().all(|before| before.id != more[0].id), "ids go on");
}

pub fn pauses_are_remembered(engine: &dyn Engine) {
    let open = Open::new(engine);
    let (a, b) = (handler("a"), handler("b"));
    let pause = |since, outbox| Some(Pause { since, outbox });
    assert!(open.ledger.pauses().unwrap().is_empty());
    open.deliver("evt_1", &["a"]);
    open.ledger.set_pause(&a, pause(START, false)).unwrap();
    // One that no event has named yet.
    open.ledger
        .set_pause(&b, pause(START + ms(1), false))
        .unwrap();
    open.ledger
        .set_pause(&b, pause(START + ms(1), true))
        .unwrap();
    let open = open.reopen(engine);
    let found = open.ledger.pauses().unwrap();
    assert_eq!(
        found,
        [
            (a.clone(), pause(START, false).unwrap()),
            (b.clone(), pause(START + ms(1), true).unwrap()),
        ]
    );
    // A pause is no state of what waits.
    assert_eq!(open.pending("a").len(), 1);
    open.ledger.set_pause(&a, None).unwrap();
    open.ledger.set_pause(&b, None).unwrap();
    assert!(open.reopen(engine).ledger.pauses().unwrap().is_empty());
}

pub fn the_backlog_is_what_waits(engine: &dyn Engine) {
    let open = Open::new(engine);
    let backlog = |now| open.ledger.backlog(now).unwrap();
    assert_eq!(backlog(START), Backlog::default());
    // Received an hour before; the second handler's waits for its time.
    let mut old = event("evt_old", b"{}", &["a", "b"]);
    old.event.received = START - ms(3_600_000);
    open.record(vec![old]);
    let deliveries = open.sink.deliveries();
    open.deliver("evt_new", &["a"]);
    let (due, at) = (STEADY + ms(60_000), START + ms(60_000));
    open.complete(ending(&deliveries[1], NextState::Retrying { due }))
        .unwrap();
    let found = backlog(START);
    assert_eq!(
        (found.deliveries, found.requests, found.oldest),
        (3, 0, Some(START - ms(3_600_000)))
    );
    // A paused handler's are counted, but they are not late.
    let pause = Pause {
        since: START,
        outbox: false,
    };
    open.ledger.set_pause(&handler("a"), Some(pause)).unwrap();
    assert_eq!(backlog(START).deliveries, 3);
    assert_eq!(backlog(at - ms(1)).oldest, None);
    assert_eq!(backlog(at + ms(9)).oldest, Some(at));
    // A held delivery does not wait for a handler that is served.
    open.serve(&["b"]);
    assert_eq!(backlog(START).deliveries, 1);
    open.complete(Completion {
        effects: Effects {
            outbox: vec![request("k1"), request("k2")],
            ..Effects::default()
        },
        ..ending(
            &Delivery {
                attempts: 1,
                ..deliveries[1].clone()
            },
            NextState::Done,
        )
    })
    .unwrap();
    let found = backlog(at);
    assert_eq!((found.deliveries, found.requests), (0, 2));
    assert_eq!(found.oldest, None);
}
