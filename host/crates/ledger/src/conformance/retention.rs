//! Pruning, erasing, and forgetting keys.

use std::time::Duration;

use super::*;
use tollgate_base::time::WallTime;

const DAY: Duration = Duration::from_secs(86_400);

/// Events for a day, keys of `stripe` for two, those of other sources for good.
pub(super) fn days() -> Arc<Retention> {
    retention(Some(2), None)
}

fn retention(keys: Option<u32>, erase: Option<Erasure>) -> Arc<Retention> {
    let source = SourceRetention {
        keys: keys.map(|days| DAY * days),
        erase,
    };
    Arc::new(Retention {
        events: Some(DAY),
        sources: [(SourceName::new("stripe"), source)].into(),
    })
}

fn erasing(pointers: &[&str], logs: bool) -> Arc<Retention> {
    let pointers = pointers.iter().map(|&pointer| pointer.to_owned());
    let erasure = Erasure {
        after: Duration::from_millis(1000),
        pointers: pointers.collect(),
        logs,
    };
    retention(None, Some(erasure))
}

impl Open {
    /// Sweeps at this time, to the end.
    pub(crate) fn sweep_at(&self, time: WallTime, retention: &Arc<Retention>) -> Swept {
        self.clock.pass_until(time);
        let mut total = Swept::default();
        for _ in 0..10_000 {
            let swept = self.ledger.sweep(retention).unwrap();
            total.pruned += swept.pruned;
            total.erased += swept.erased;
            total.forgotten += swept.forgotten;
            if !swept.more {
                return total;
            }
        }
        panic!("a sweep without end");
    }

    fn end(&self, delivery: &Delivery, next: NextState) {
        let ended = self.complete(ending(delivery, next)).unwrap();
        assert_eq!(ended, Completed::Committed);
    }

    fn kept(&self) -> u64 {
        self.ledger.counts().unwrap().events
    }
}

pub fn what_ended_is_pruned_in_its_time(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.record(vec![event("unrouted", b"{}", &[])]);
    for (id, next) in [
        ("done", NextState::Done),
        ("ignored", NextState::Ignored),
        ("dead", NextState::Dead),
    ] {
        open.end(&open.deliver(id, &["a"])[0], next);
    }
    let with_effects = open.deliver("effects", &["a", "b"]);
    let mut completion = ending(&with_effects[0], NextState::Done);
    completion.effects.outbox = vec![request("1"), request("2")];
    open.complete(completion).unwrap();
    open.end(&with_effects[1], NextState::Done);
    for request in open.sink.requests() {
        open.settle(settled(request.id, START + ms(5000), OutboxNext::Sent));
    }

    assert_eq!(
        open.sweep_at(START + DAY - ms(1), &days()),
        Swept::default()
    );
    assert_eq!(open.sweep_at(START + DAY, &days()).pruned, 1);
    let swept = open.sweep_at(START + DAY + ms(4999), &days());
    assert_eq!(swept.pruned, 3, "they ended a millisecond later");
    assert_eq!(open.sweep_at(START + DAY + ms(5000), &days()).pruned, 1);
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.events, counts.pruned, counts.unrouted), (0, 5, 0));
    assert_eq!(counts.oldest, None);
    assert!(counts.deliveries.iter().all(|(_, n)| *n == 0), "{counts:?}");
    assert!(counts.outbox.iter().all(|(_, n)| *n == 0), "{counts:?}");
    assert!(open.ledger.outbox_list(None, 9).unwrap().is_empty());
}

fn settled(request: RequestId, at: WallTime, next: OutboxNext) -> Settlement {
    Settlement {
        request,
        token: Token::default(),
        at,
        status: Some(200),
        error: String::new(),
        next,
        response: None,
    }
}

pub fn what_has_not_ended_is_never_pruned(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.deliver("pending", &["a"]);
    let retrying = &open.deliver("retrying", &["a"])[0];
    open.end(retrying, NextState::Retrying { due: STEADY });
    open.deliver("held", &["b"]);
    open.serve(&["a"]);
    let claimed = &open.deliver("claimed", &["a"])[0];
    open.leased(claimed, |lease| open.ledger.start_alone(lease))
        .unwrap();
    let half = open.deliver("half", &["a", "a2"]);
    open.end(&half[0], NextState::Done);
    let waiting = &open.deliver("waiting", &["a"])[0];
    let mut completion = ending(waiting, NextState::Done);
    completion.effects.outbox = vec![request("1")];
    open.complete(completion).unwrap();

    let later = START + 10_000 * DAY;
    assert_eq!(open.sweep_at(later, &days()), Swept::default());
    assert_eq!(open.kept(), 6);
    assert_eq!(open.ledger.counts().unwrap().oldest, Some(START));

    // They end, and are found although they were passed by.
    open.end(&open.pending("a")[0], NextState::Done);
    open.settle(settled(open.sink.requests()[0].id, later, OutboxNext::Dead));
    let swept = open.sweep_at(later + DAY, &days());
    assert_eq!(swept.pruned, 2);
    assert_eq!(open.kept(), 4);
}

pub fn keys_outlive_their_events(engine: &dyn Engine) {
    let open = Open::new(engine);
    let again = |source: &str| open.record(vec![event_of(source, "evt_1", b"{}", &[])])[0];
    let first = again("stripe");
    again("for-good");
    assert_eq!(open.sweep_at(START + DAY, &days()).pruned, 2);

    open.clock.pass_until(START + 2 * DAY - ms(1));
    let duplicate = |first| Recorded::Duplicate {
        first,
        same_bytes: true,
    };
    assert_eq!(again("stripe"), duplicate(first.id()));
    assert_eq!(
        again("for-good"),
        duplicate(None),
        "its key is all that is left"
    );

    // A key lives on from its last arrival.
    let swept = open.sweep_at(START + 4 * DAY - ms(2), &days());
    assert_eq!(swept, Swept::default());
    let swept = open.sweep_at(START + 4 * DAY - ms(1), &days());
    assert_eq!(swept.forgotten, 1);
    assert!(matches!(again("stripe"), Recorded::New(_)));
    open.sweep_at(START + 10_000 * DAY, &days());
    assert_eq!(again("for-good"), duplicate(None));
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.duplicates, counts.duplicates_differing), (3, 0));
}

pub fn several_keys_go_with_their_event(engine: &dyn Engine) {
    let open = Open::new(engine);
    let record = |source: &str, keys: &[&str]| {
        let recorded = open.record(vec![event_with_keys(source, keys)])[0];
        matches!(recorded, Recorded::New(_))
    };
    for source in ["stripe", "for-good"] {
        assert!(record(source, &["t1", "e1"]));
        assert!(!record(source, &["t2", "e1"]));
    }
    open.sweep_at(START + 10 * DAY, &days());
    assert!(!record("for-good", &["t2", "e9"]));
    // A key that came with a duplicate goes too.
    for key in ["t1", "e1", "t2"] {
        assert!(record("stripe", &[key]), "{key}");
    }
}

pub fn keys_of_emitted_events_outlive_who_could_emit_them(engine: &dyn Engine) {
    let open = Open::new(engine);
    let emitting = open.deliver("evt_1", &["a", "b"]);
    let emit = |delivery: &Delivery| {
        let mut completion = ending(delivery, NextState::Done);
        let emitted = event_of("handler:a", "emitted", b"{}", &[]);
        completion.effects.emitted = vec![emitted];
        open.complete(completion).unwrap();
    };
    emit(&emitting[0]);
    let swept = open.sweep_at(START + 100 * DAY, &days());
    assert_eq!((swept.pruned, swept.forgotten), (1, 0), "the emitted one");
    emit(&emitting[1]);
    assert_eq!(open.kept(), 1, "it is still known");
    let swept = open.sweep_at(START + 200 * DAY, &days());
    assert_eq!((swept.pruned, swept.forgotten), (1, 1));
}

pub fn numbers_are_not_given_again(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    for delivery in &of {
        let mut completion = ending(delivery, NextState::Done);
        completion.effects.outbox = vec![request("1")];
        open.complete(completion).unwrap();
    }
    let requests = open.sink.requests();
    for request in &requests {
        open.settle(settled(request.id, START, OutboxNext::Sent));
    }
    assert_eq!(open.sweep_at(START + 9 * DAY, &days()).pruned, 1);
    let open = open.reopen(engine);
    let next = open.deliver("evt_2", &["a"]).pop().unwrap();
    assert!(of.iter().all(|before| before.id != next.id));
    let mut completion = ending(&next, NextState::Done);
    completion.effects.outbox = vec![request("2")];
    open.complete(completion).unwrap();
    let id = open.sink.requests()[0].id;
    assert!(requests.iter().all(|request| request.id != id));
}

pub fn payloads_are_erased_once_done(engine: &dyn Engine) {
    let open = Open::new(engine);
    let done = &open.deliver("done", &["a"])[0];
    let mut completion = ending(done, NextState::Done);
    completion.effects.outbox = vec![request("1")];
    open.complete(completion).unwrap();
    let dead = &open.deliver("dead", &["a"])[0];
    open.end(dead, NextState::Dead);
    open.deliver("due", &["a"]);
    let late = START + ms(100_000);
    assert_eq!(
        open.sweep_at(late, &erasing(&[], true)).erased,
        0,
        "a request waits"
    );
    let request = open.sink.requests()[0].id;
    open.settle(settled(request, late, OutboxNext::Sent));
    assert_eq!(open.sweep_at(late + ms(999), &erasing(&[], true)).erased, 0);
    assert_eq!(
        open.sweep_at(late + ms(1000), &erasing(&[], true)).erased,
        1
    );
    assert_eq!(
        open.sweep_at(late + ms(2000), &erasing(&[], true)).erased,
        0,
        "once"
    );

    let sent = &open.ledger.outbox_list(None, 9).unwrap()[0];
    assert_eq!(sent.state, OutboxState::Sent);
    assert!(sent.request.request.body.is_empty() && sent.request.request.headers.is_empty());
    assert_eq!(sent.request.request.key, "1", "its history stays");
    assert_eq!(open.pending("a").len(), 1, "what is due has its payload");
    assert_eq!(&open.pending("a")[0].event.payload[..], b"{}");
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.events, counts.erased), (3, 1));
    // Whether a duplicate has the same bytes cannot be told any more.
    let again = open.record(vec![event("done", b"{\"other\":1}", &["a"])]);
    let duplicate = Recorded::Duplicate {
        first: Some(done.event.id),
        same_bytes: true,
    };
    assert_eq!(again, [duplicate]);
}

pub fn an_event_is_erased_on_demand(engine: &dyn Engine) {
    let open = Open::new(engine);
    let due = &open.deliver("due", &["a"])[0];
    let erase = |event| open.ledger.erase(event).unwrap();
    assert_eq!(erase(due.event.id), Erased::StillDue);
    open.end(due, NextState::Dead);
    assert_eq!(erase(due.event.id), Erased::Done, "dead ones too");
    assert_eq!(erase(due.event.id), Erased::Done);
    assert_eq!(open.ledger.counts().unwrap().erased, 1);
    assert_eq!(erase(EventId::generate(START)), Erased::Unknown);
    open.sweep_at(START + 9 * DAY, &days());
    assert_eq!(erase(due.event.id), Erased::Unknown, "it is pruned");
}

pub fn what_handlers_make_is_erased_as_they_say(engine: &dyn Engine) {
    let open = Open::new(engine);
    let cause = &open.deliver("evt_1", &["a"])[0];
    let mut completion = ending(cause, NextState::Done);
    let payload = br#"{"email":"ada@example.com","amount":5}"#;
    let mut emitted = event_of("handler:a", "emitted", payload, &["b"]);
    emitted.event.received = START;
    completion.effects.emitted = vec![emitted];
    open.complete(completion).unwrap();
    let made = open.sink.deliveries().remove(0);
    let erasure = Erasure {
        after: Duration::from_millis(1000),
        pointers: vec!["/email".to_owned()],
        logs: true,
    };
    let source = SourceRetention {
        keys: None,
        erase: Some(erasure),
    };
    let retention = Arc::new(Retention {
        events: Some(DAY),
        sources: [(SourceName::new("handler:a"), source)].into(),
    });
    let due = open.sweep_at(START + ms(5000), &retention);
    assert_eq!(due.erased, 0, "it is still due");
    open.end(&made, NextState::Done);
    assert_eq!(open.sweep_at(START + ms(5000), &retention).erased, 1);
    assert_eq!(open.ledger.counts().unwrap().erased, 1, "its cause is not");
}

pub fn erasing_an_event_empties_what_it_scheduled(engine: &dyn Engine) {
    let open = Open::new(engine);
    let schedule = |id: &str, key: &str| {
        let delivery = open.deliver(id, &["a"]).remove(0);
        let mut completion = ending(&delivery, NextState::Done);
        let put = NewScheduled {
            call: format!("call of {id}"),
            due: Due::At(START + ms(1000)),
            kind: "later".to_owned(),
            subject: None,
            account: None,
            depth: 1,
            payload: Bytes::from_static(b"ada@example.com"),
        };
        let write = (key.to_owned(), ScheduleWrite::Put(put));
        completion.effects.schedule = vec![write];
        open.complete(completion).unwrap();
        delivery.event.id
    };
    let erased = schedule("evt_1", "of ada");
    schedule("evt_2", "of bob");
    assert_eq!(open.ledger.erase(erased).unwrap(), Erased::Done);
    let entries = open.ledger.scheduled(None, 9).unwrap();
    let sizes: Vec<_> = entries
        .iter()
        .map(|entry| (entry.key.as_str(), entry.payload.len()))
        .collect();
    assert_eq!(sizes, [("of ada", 0), ("of bob", 15)]);
    assert_eq!(open.fire(START + ms(1000)).events, 2);
}

pub fn many_are_pruned_in_small_steps(engine: &dyn Engine) {
    let open = Open::new(engine);
    for n in 0..30 {
        let events = (0..50).map(|m| event(&format!("evt_{n}_{m}"), b"{}", &[]));
        open.record(events.collect());
    }
    open.clock.pass_until(START + DAY);
    let mut steps = 0;
    loop {
        let swept = open.ledger.sweep(&days()).unwrap();
        assert!(swept.pruned <= 500, "{swept:?}");
        steps += u32::from(swept.pruned > 0);
        if !swept.more {
            break;
        }
    }
    assert_eq!(open.kept(), 0);
    assert!((3..=100).contains(&steps), "{steps}");
}

pub fn a_sweep_ends_though_more_falls_due_meanwhile(engine: &dyn Engine) {
    let open = Open::new(engine);
    let late = &open.deliver("late", &["a"])[0];
    // More events than one look takes in.
    let many = 1000;
    let events = (0..many).map(|n| {
        let mut new = event(&format!("evt_{n}"), b"{}", &[]);
        new.event.received = START + ms(1000 * n);
        new
    });
    open.record(events.collect());
    // Each step finds one more event that has just become old enough, and the late event has not
    // ended
    // when it is first looked at.
    open.clock.pass_until(START + DAY);
    let mut ended = Vec::new();
    for step in 0..many / 4 {
        if !open.ledger.sweep(&days()).unwrap().more {
            ended.push(step);
        }
        open.clock.advance(ms(1000));
    }
    assert!(
        ended.len() > 1,
        "{ended:?}: others have their turn: what ended late, keys, free space"
    );
    open.end(late, NextState::Dead);
    // The sweep under way, and the next sweep.
    open.sweep_at(START + 3 * DAY, &days());
    open.sweep_at(START + 3 * DAY, &days());
    assert_eq!(open.kept(), 0);
}
