//! Recording.

use super::*;

pub fn what_is_recorded_is_handed_out_and_read_back(engine: &dyn Engine) {
    let open = Open::new(engine);
    let mut new = event("evt_1", b"\x00\xff not JSON", &["a", "b"]);
    new.event.account = Some("acct_1".into());
    let recorded = open.record(vec![new.clone()]);
    assert_eq!(recorded, [Recorded::New(new.event.id)]);

    let handed_out = open.sink.deliveries();
    let names: Vec<_> = handed_out.iter().map(|d| d.handler.as_str()).collect();
    assert_eq!(
        names,
        ["a", "b"],
        "the sink has the deliveries before the answer"
    );
    assert_ne!(handed_out[0].id, handed_out[1].id);
    for delivery in &handed_out {
        assert_eq!(*delivery.event, new.event);
        assert_eq!(
            (delivery.attempts, delivery.run, delivery.crashes),
            (0, 0, 0)
        );
        let read = open.pending(delivery.handler.as_str());
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].id, delivery.id);
        assert_eq!(*read[0].event, new.event, "every field survives the store");
    }
    assert!(open.pending("unknown").is_empty());
}

pub fn a_duplicate_is_recorded_once_and_counted(engine: &dyn Engine) {
    let open = Open::new(engine);
    let first = event("evt_1", b"one", &["a"]);
    open.record(vec![first.clone()]);
    open.sink.deliveries();
    for (bytes, same_bytes) in [(&b"one"[..], true), (b"two", false), (b"", false)] {
        let again = open.record(vec![event("evt_1", bytes, &["a", "b"])]);
        let expected = Recorded::Duplicate {
            first: Some(first.event.id),
            same_bytes,
        };
        assert_eq!(again, [expected]);
    }
    let other_source = event_of("adyen", "evt_1", b"one", &["a"]);
    assert!(matches!(
        open.record(vec![other_source])[..],
        [Recorded::New(_)]
    ));

    assert_eq!(open.sink.deliveries().len(), 1, "the other source's alone");
    let open = open.reopen(engine);
    let again = open.record(vec![event("evt_1", b"one", &["a"])]);
    assert!(matches!(
        again[..],
        [Recorded::Duplicate {
            same_bytes: true,
            ..
        }]
    ));
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.events, counts.duplicates), (2, 4));
    assert_eq!(counts.duplicates_differing, 2);
}

pub fn duplicates_within_one_request_and_one_batch(engine: &dyn Engine) {
    let open = Open::new(engine);
    let recorded = open.record(vec![
        event("evt_1", b"one", &["a"]),
        event("evt_1", b"one", &["a"]),
    ]);
    let Recorded::New(first) = recorded[0] else {
        panic!("{recorded:?}");
    };
    let duplicate = Recorded::Duplicate {
        first: Some(first),
        same_bytes: true,
    };
    assert_eq!(recorded[1], duplicate);

    // The scenario does not wait between the calls, so that several share one commit.
    let waiting: Vec<_> = (0..50)
        .map(|_| open.ledger.record(vec![event("evt_2", b"two", &["a"])]))
        .collect();
    let answers: Vec<_> = waiting
        .into_iter()
        .map(|future| block_on(future).unwrap()[0])
        .collect();
    let new = answers
        .iter()
        .filter(|r| matches!(r, Recorded::New(_)))
        .count();
    assert_eq!(new, 1);
    assert_eq!(open.pending("a").len(), 2);
}

pub fn one_request_with_new_and_known_events(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.record(vec![event("evt_2", b"two", &["a"])]);
    let recorded = open.record(vec![
        event("evt_1", b"one", &["a"]),
        event("evt_2", b"two", &["a"]),
        event("evt_3", b"three", &["a"]),
    ]);
    assert!(matches!(
        recorded[..],
        [
            Recorded::New(_),
            Recorded::Duplicate { .. },
            Recorded::New(_)
        ]
    ));
    assert_eq!(open.pending("a").len(), 3);
    assert!(open.record(Vec::new()).is_empty());
}

pub fn an_event_with_several_keys_is_known_by_any_of_them(engine: &dyn Engine) {
    let open = Open::new(engine);
    let record = |keys: &[&str]| open.record(vec![event_with_keys("paypal", keys)])[0];
    let first = record(&["t1", "e1"]).id();
    let duplicate = Recorded::Duplicate {
        first,
        same_bytes: true,
    };
    assert!(first.is_some());
    assert_eq!(record(&["t1", "e1"]), duplicate, "the same again");
    assert_eq!(record(&["t1", "forged"]), duplicate);
    assert_eq!(record(&["t2", "e1"]), duplicate, "sent again by hand");
    assert_eq!(
        record(&["t2", "forged too"]),
        duplicate,
        "nor is that one free"
    );
    assert_eq!(record(&["t3", "forged"]), duplicate);
    assert_eq!(record(&["t3"]), duplicate, "by one key alone");
    assert!(matches!(record(&["t4", "e4"]), Recorded::New(_)));
    assert_eq!(
        record(&["t4", "e1"]).id(),
        record(&["t4"]).id(),
        "of two events the first key's"
    );
    let other = open.record(vec![event_with_keys("other", &["t1", "e1"])]);
    assert!(matches!(other[..], [Recorded::New(_)]));
    assert_eq!(open.ledger.counts().unwrap().events, 3);
    let open = open.reopen(engine);
    let again = open.record(vec![event_with_keys("paypal", &["t9", "forged too"])]);
    assert_eq!(again, [duplicate]);
}

pub fn several_keys_within_one_request(engine: &dyn Engine) {
    let open = Open::new(engine);
    let recorded = open.record(vec![
        event_with_keys("paypal", &["t1", "e1"]),
        event_with_keys("paypal", &["t2", "e1"]),
        event_with_keys("paypal", &["t2", "e2"]),
        event_with_keys("paypal", &["same", "same"]),
    ]);
    let duplicate = Recorded::Duplicate {
        first: recorded[0].id(),
        same_bytes: true,
    };
    assert_eq!(recorded[1..3], [duplicate, duplicate]);
    assert!(matches!(recorded[3], Recorded::New(_)));
    assert_eq!(open.ledger.counts().unwrap().events, 2);
}

pub fn an_unrouted_event_is_kept_and_counted(engine: &dyn Engine) {
    let open = Open::new(engine);
    open.record(vec![event("evt_1", b"one", &[])]);
    let counts = open.ledger.counts().unwrap();
    assert_eq!((counts.events, counts.unrouted), (1, 1));
    assert!(open.sink.deliveries().is_empty());
    let again = open.record(vec![event("evt_1", b"one", &[])]);
    assert!(matches!(again[..], [Recorded::Duplicate { .. }]));
    assert_eq!(open.ledger.counts().unwrap().unrouted, 1);
}

pub fn many_callers_are_all_answered(engine: &dyn Engine) {
    let open = Open::new(engine);
    std::thread::scope(|scope| {
        for caller in 0..16 {
            let open = &open;
            scope.spawn(move || {
                for n in 0..25 {
                    let id = format!("evt_{caller}_{n}");
                    let recorded = open.record(vec![event(&id, b"{}", &["a"])]);
                    assert!(matches!(recorded[..], [Recorded::New(_)]));
                }
            });
        }
    });
    let handed_out = open.sink.deliveries();
    assert_eq!(handed_out.len(), 400);
    let all = Page {
        after: None,
        until: None,
        limit: 500,
        order: ListOrder::Oldest,
    };
    let listed = open.ledger.deliveries(&RecordFilter::default(), &all);
    let listed = listed.unwrap().items.into_iter();
    let ids = handed_out.iter().map(|delivery| delivery.id.0);
    assert!(
        ids.eq(listed.map(|delivery| delivery.seq)),
        "in commit order"
    );
    assert_eq!(open.pending("a").len(), 400);
}
