//! Handlers' schedules.

use std::time::Duration;

use super::*;
use tollgate_base::time::WallTime;

const HOUR: Duration = Duration::from_secs(3600);

fn put(due: Due) -> ScheduleWrite {
    put_by(&format!("{due:?}"), due)
}

fn put_by(call: &str, due: Due) -> ScheduleWrite {
    ScheduleWrite::Put(NewScheduled {
        call: call.to_owned(),
        due,
        kind: "reminder.due".to_owned(),
        subject: Some("sub_1".to_owned()),
        account: Some("acct_1".to_owned()),
        depth: 2,
        payload: Bytes::from_static(b"{\"level\":1}"),
    })
}

/// Commits a delivery of handler `of` that changes its schedule so; returns the event.
fn schedule(open: &Open, of: &str, id: &str, writes: &[(&str, ScheduleWrite)]) -> EventId {
    let (answer, event) = try_schedule(open, of, id, writes);
    assert_eq!(answer, Completed::Committed);
    event
}

fn try_schedule(
    open: &Open,
    of: &str,
    id: &str,
    writes: &[(&str, ScheduleWrite)],
) -> (Completed, EventId) {
    let delivery = &open.deliver(id, &[of])[0];
    let mut completion = ending(delivery, NextState::Done);
    completion.effects.schedule = writes
        .iter()
        .map(|(key, write)| ((*key).to_owned(), write.clone()))
        .collect();
    (open.complete(completion).unwrap(), delivery.event.id)
}

fn keys(open: &Open, of: Option<&str>) -> Vec<String> {
    let of = of.map(handler);
    let listed = open.ledger.scheduled(of.as_ref(), 100).unwrap();
    let all = open.ledger.scheduled(None, 100).unwrap();
    assert_eq!(
        open.ledger.counts().unwrap().scheduled,
        all.len() as u64,
        "what is listed is counted"
    );
    listed.into_iter().map(|entry| entry.key).collect()
}

pub fn what_is_scheduled_is_recorded_when_due(engine: &dyn Engine) {
    let open = Open::new(engine);
    let later = put(Due::After(2 * HOUR));
    let cause = schedule(&open, "a", "evt_1", &[("remind", later)]);
    assert_eq!(open.sink.scheduled(), Some(START + 2 * HOUR));
    let expected = FiredStep {
        events: 0,
        next: Some(START + 2 * HOUR),
    };
    assert_eq!(open.fire(START + 2 * HOUR - ms(1)), expected);
    assert!(open.sink.deliveries().is_empty());

    // An hour later, as after an end of the process.
    let open = open.reopen(engine);
    let fired = open.fire(START + 2 * HOUR + ms(5));
    assert_eq!((fired.events, fired.next), (1, None));
    let deliveries = open.sink.deliveries();
    assert_eq!(deliveries.len(), 1);
    let event = &deliveries[0].event;
    assert_eq!(deliveries[0].handler, handler("a"));
    assert_eq!(event.source.as_str(), "handler:a");
    assert_eq!(
        (event.kind.as_str(), event.subject.as_deref()),
        ("reminder.due", Some("sub_1"))
    );
    assert_eq!(event.account.as_deref(), Some("acct_1"));
    assert_eq!(
        (event.created, event.received),
        (Some(START + 2 * HOUR), START + 2 * HOUR + ms(5))
    );
    assert_eq!(
        event.metadata,
        [
            ("schedule".to_owned(), "remind".to_owned()),
            ("cause".to_owned(), cause.to_string())
        ]
    );
    assert_eq!(event.depth, 0, "a chain of its own");
    assert_eq!(&event.payload[..], b"{\"level\":1}");
    assert_eq!(open.pending("a").len(), 1);

    let again = open.fire(WallTime::from_millis(u64::MAX >> 1));
    assert_eq!(again, FiredStep::default(), "once");
    assert!(keys(&open, None).is_empty());
}

pub fn a_put_replaces_and_a_cancel_removes(engine: &dyn Engine) {
    let open = Open::new(engine);
    let at = |hours: u32| put(Due::At(START + HOUR * hours));
    schedule(
        &open,
        "a",
        "evt_1",
        &[("x", at(1)), ("y", at(2)), ("z", at(3))],
    );
    schedule(
        &open,
        "a",
        "evt_2",
        &[
            ("x", at(4)),
            ("y", ScheduleWrite::Cancel),
            ("none", ScheduleWrite::Cancel),
        ],
    );
    schedule(&open, "b", "evt_3", &[("x", at(5))]);
    assert_eq!(keys(&open, Some("a")), ["z", "x"]);
    assert_eq!(keys(&open, Some("b")), ["x"]);
    assert_eq!(keys(&open, Some("nobody")), [""; 0]);
    assert_eq!(keys(&open, None), ["z", "x", "x"]);
    let fired = open.fire(START + 4 * HOUR);
    assert_eq!((fired.events, fired.next), (2, Some(START + 5 * HOUR)));
    let created: Vec<_> = open
        .sink
        .deliveries()
        .iter()
        .map(|delivery| delivery.event.created.unwrap().since(START))
        .collect();
    assert_eq!(created, [3 * HOUR, 4 * HOUR], "earliest first");
}

pub fn a_failed_attempt_schedules_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &open.deliver("evt_1", &["a"])[0];
    let mut completion = ending(delivery, NextState::Retrying { due: STEADY });
    completion.effects.schedule = vec![("x".into(), put(Due::At(START)))];
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    assert!(keys(&open, None).is_empty());

    let mut conflicting = writing(&open.due("a", STEADY)[0], &[]);
    conflicting.reads = vec![Read::Key {
        key: "k".into(),
        version: Version(7),
    }];
    conflicting.effects.schedule = vec![("x".into(), put(Due::At(START)))];
    assert_eq!(open.complete(conflicting).unwrap(), Completed::Conflict);
    assert!(keys(&open, None).is_empty());
}

pub fn a_run_with_the_same_keys_is_recorded_once(engine: &dyn Engine) {
    let open = Open::new(engine);
    schedule(&open, "a", "evt_1", &[("x", put_by("1", Due::At(START)))]);
    assert_eq!(open.fire(START).events, 1);
    schedule(&open, "a", "evt_2", &[("x", put_by("1", Due::At(START)))]);
    assert_eq!(open.fire(START).events, 0);
    assert!(keys(&open, None).is_empty(), "it does not wait for ever");
    schedule(&open, "a", "evt_3", &[("x", put_by("2", Due::At(START)))]);
    assert_eq!(open.fire(START).events, 1);
}

pub fn a_handler_has_so_many_entries_at_most(engine: &dyn Engine) {
    let open = Open::new(engine);
    let names: Vec<String> = (0..SCHEDULED).map(|n| format!("key-{n}")).collect();
    let full: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), put_by(name, Due::At(START + HOUR))))
        .collect();
    schedule(&open, "a", "evt_1", &full);
    let one_more = [("more", put(Due::At(START)))];
    let (answer, _) = try_schedule(&open, "a", "evt_2", &one_more);
    assert_eq!(answer, Completed::Inapplicable(Inapplicable::ScheduleFull));
    // Replacing one, or making room in the same commit, is fine; others have room.
    schedule(
        &open,
        "a",
        "evt_3",
        &[("key-0", put(Due::At(START + HOUR)))],
    );
    let exchange = [
        ("key-1", ScheduleWrite::Cancel),
        ("more", put(Due::At(START))),
    ];
    schedule(&open, "a", "evt_4", &exchange);
    schedule(
        &open,
        "b",
        "evt_5",
        &[("more", put_by("b", Due::At(START)))],
    );
    assert_eq!(keys(&open, Some("a")).len(), SCHEDULED as usize);
    // A fired entry makes room, also after the count is read anew.
    assert_eq!(open.fire(START).events, 2);
    let open = open.reopen(engine);
    schedule(&open, "a", "evt_6", &[("more", put(Due::At(START + HOUR)))]);
    let (answer, _) = try_schedule(&open, "a", "evt_7", &[("again", put(Due::At(START)))]);
    assert_eq!(answer, Completed::Inapplicable(Inapplicable::ScheduleFull));
}

pub fn nothing_is_scheduled_beyond_the_horizon(engine: &dyn Engine) {
    let open = Open::new(engine);
    let far = put(Due::At(START + 401 * 24 * HOUR));
    let near = put(Due::At(START + HOUR));
    let (answer, _) = try_schedule(&open, "a", "evt_1", &[("near", near), ("far", far)]);
    assert_eq!(
        answer,
        Completed::Inapplicable(Inapplicable::ScheduleTooFar)
    );
    assert!(keys(&open, None).is_empty(), "nor what came with it");
}

pub fn many_that_are_due_come_in_steps(engine: &dyn Engine) {
    let open = Open::new(engine);
    let names: Vec<String> = (0..SCHEDULED).map(|n| format!("key-{n}")).collect();
    let mut scheduled = 0;
    for of in 0..30 {
        let name = format!("handler-{of}");
        let writes: Vec<_> = names
            .iter()
            .map(|key| {
                let due = START + ms(scheduled);
                scheduled += 1;
                (key.as_str(), put_by(&format!("{name} {key}"), Due::At(due)))
            })
            .collect();
        schedule(&open, &name, &format!("evt_{of}"), &writes);
    }
    let (mut steps, mut events) = (0, 0);
    loop {
        let fired = open.fire(START + ms(scheduled));
        steps += 1;
        events += fired.events;
        assert!(fired.events < scheduled, "in bounded steps");
        if fired.next.is_none() {
            break;
        }
    }
    assert_eq!(events, scheduled, "after {steps} steps");
    let deliveries = open.sink.deliveries();
    assert!(deliveries.is_sorted_by_key(|delivery| delivery.event.created));
    assert_eq!(deliveries.len() as u64, scheduled);
}

pub fn an_absent_handlers_scheduled_event_is_held(engine: &dyn Engine) {
    let open = Open::new(engine);
    schedule(&open, "a", "evt_1", &[("x", put(Due::At(START)))]);
    assert_eq!(open.serve(&["b"]), (0, 0));
    assert_eq!(open.fire(START).events, 1);
    assert_eq!(open.serve(&["b"]), (1, 0));
    assert_eq!(open.deliveries_in(DeliveryState::Held), 1);
    assert_eq!(open.serve(&["a"]), (0, 1));
    assert_eq!(open.pending("a").len(), 1);
}

/// Reads the entries that are due, without an order.
fn read(open: &Open, now: WallTime) -> Vec<(DueEntry, Recipient)> {
    let due = open.ledger.due(now).unwrap();
    let address = |due: DueEntry| {
        let recipient = due.entry.handler.clone().into();
        (due, recipient)
    };
    due.entries.into_iter().map(address).collect()
}

pub fn entries_that_were_read_and_not_fired_are_due_after_a_crash(engine: &dyn Engine) {
    let open = Open::new(engine);
    let at = put(Due::At(START));
    schedule(
        &open,
        "a",
        "evt_1",
        &[("x", at), ("y", put(Due::At(START + ms(1))))],
    );
    let before = read(&open, START + ms(1));
    assert_eq!(before.len(), 2);
    let clock = open.clock.clone();
    engine.crash(open.ledger);
    let open = Open::with(engine, clock);
    assert_eq!(keys(&open, None), ["x", "y"], "reading changes nothing");
    let after = read(&open, START + ms(1));
    assert_eq!(after, before);
    let fired = open.ledger.fire(START + ms(1), after).unwrap();
    assert_eq!((fired.events, fired.left_out), (2, 0));
    // The entries that the process before had read.
    let again = open.ledger.fire(START + ms(1), before).unwrap();
    assert_eq!((again.events, again.left_out), (0, 2));
    assert_eq!(open.sink.deliveries().len(), 2);
    assert_eq!(open.ledger.counts().unwrap().events, 3);
}

pub fn an_entry_that_changed_since_it_was_read_is_left_out(engine: &dyn Engine) {
    let open = Open::new(engine);
    let write = |call: &str| put_by(call, Due::At(START));
    let names = ["kept", "anew", "cancelled", "both", "operator", "moved"];
    let all: Vec<_> = names.iter().map(|name| (*name, write(name))).collect();
    schedule(&open, "a", "evt_1", &all);
    let cause = schedule(&open, "a", "evt_2", &[("erased", write("erased"))]);
    let before = read(&open, START);
    assert_eq!(before.len(), names.len() + 1);

    let mut other = write("both");
    let ScheduleWrite::Put(new) = &mut other else {
        unreachable!("it is a put");
    };
    // The same call with another content: a replay with the same idempotency keys.
    new.payload = Bytes::from_static(b"other");
    let cancel = || ScheduleWrite::Cancel;
    schedule(
        &open,
        "a",
        "evt_3",
        &[("both", cancel()), ("cancelled", cancel())],
    );
    schedule(
        &open,
        "a",
        "evt_4",
        &[("anew", write("again")), ("both", other)],
    );
    let named = || (handler("a"), "operator".to_owned());
    let (of, key) = named();
    assert_eq!(
        open.ask(Action::CancelScheduled(of, key)),
        [Intervened::Done]
    );
    open.clock.advance(ms(1));
    let moved = Action::RunScheduled(handler("a"), "moved".to_owned());
    assert_eq!(open.ask(moved), [Intervened::Done]);
    assert_eq!(open.ledger.erase(cause).unwrap(), Erased::Done);

    let fired = open.ledger.fire(START + ms(1), before).unwrap();
    assert_eq!((fired.events, fired.left_out), (1, names.len() as u64));
    let payloads = |open: &Open| -> Vec<_> {
        let of = |delivery: Delivery| {
            let key = delivery.event.metadata[0].1.clone();
            (key, delivery.event.payload.clone())
        };
        let mut found: Vec<_> = open.sink.deliveries().into_iter().map(of).collect();
        found.sort();
        found
    };
    let first = Bytes::from_static(b"{\"level\":1}");
    assert_eq!(payloads(&open), [("kept".to_owned(), first.clone())]);
    // The others that are there are fired as they are now.
    assert_eq!(open.fire(START + ms(1)).events, 4);
    let now: Vec<_> = [
        ("anew", first.clone()),
        ("both", Bytes::from_static(b"other")),
        ("erased", Bytes::new()),
        ("moved", first),
    ]
    .map(|(key, payload)| (key.to_owned(), payload))
    .into();
    assert_eq!(payloads(&open), now);
    assert!(keys(&open, None).is_empty());
}

pub fn an_entry_is_fired_once_by_all_who_read_it(engine: &dyn Engine) {
    let open = Open::new(engine);
    let names: Vec<String> = (0..SCHEDULED).map(|n| format!("key-{n}")).collect();
    let writes: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), put_by(name, Due::At(START))))
        .collect();
    schedule(&open, "a", "evt_1", &writes);
    // All have read before one fires.
    let read: Vec<_> = (0..4).map(|_| read(&open, START)).collect();
    let fired: Vec<Fired> = std::thread::scope(|scope| {
        let all: Vec<_> = read
            .into_iter()
            .map(|entries| scope.spawn(|| open.ledger.fire(START, entries).unwrap()))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let events: u64 = fired.iter().map(|one| one.events).sum();
    let left_out: u64 = fired.iter().map(|one| one.left_out).sum();
    assert_eq!(
        (events, left_out),
        (SCHEDULED.into(), u64::from(3 * SCHEDULED))
    );
    assert_eq!(open.sink.deliveries().len(), SCHEDULED as usize);
}
