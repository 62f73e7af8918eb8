//! Recording.

use std::time::Duration;

use super::*;
use tollgate_base::event::{DedupBasis, DedupKey, EventId, SourceName};

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

/// An event that arrives so much later, with its key and the meaning of equal bytes.
fn arriving(after: Duration, id: &str, equal_bytes: EqualBytes, handlers: &[&str]) -> NewEvent {
    let mut new = event(id, b"same", handlers);
    new.event.received = START + after;
    new.event.id = EventId::generate(new.event.received);
    new.equal_bytes = equal_bytes;
    new
}

pub fn a_hash_is_a_duplicate_for_a_time(engine: &dyn Engine) {
    let mut open = Open::new(engine);
    let within = EqualBytes::DuplicateWithin(ms(1000));
    let arrives = |open: &Open, after| {
        let new = arriving(ms(after), "hash", within, &["a"]);
        open.record(vec![new]).remove(0)
    };
    let first = arrives(&open, 0).id();
    assert_eq!(arrives(&open, 1000).id(), first, "the last moment");
    let second = arrives(&open, 1001);
    assert!(matches!(second, Recorded::New(_)), "{second:?}");
    // From now on the key leads to the second event, after a restart too.
    assert_eq!(arrives(&open, 2001).id(), second.id());
    open = open.reopen(engine);
    assert_eq!(arrives(&open, 2001).id(), second.id());
    let third = arrives(&open, 2002);
    assert!(matches!(third, Recorded::New(_)), "{third:?}");
    assert_eq!(open.sink.deliveries().len(), 1, "since the restart");
}

pub fn equal_bytes_under_another_id_are_marked_for_a_time(engine: &dyn Engine) {
    let open = Open::new(engine);
    let source = SourceName::new("stripe");
    let arrives = |after, id: &str, routed| {
        let marked = EqualBytes::MarkedWithin {
            bytes: DedupKey::new(&source, &DedupBasis::SignedId("bytes".to_owned())),
            within: ms(1000),
            routed,
        };
        let new = arriving(ms(after), id, marked, &["a"]);
        open.record(vec![new]).remove(0)
    };
    let first = arrives(0, "e1", true);
    assert!(matches!(first, Recorded::New(_)), "{first:?}");
    assert!(matches!(arrives(1, "e1", true), Recorded::Duplicate { .. }));
    open.sink.deliveries();
    let same_bytes_as = first.id().expect("an id");
    for (id, routed) in [("e2", true), ("e3", false)] {
        let marked = arrives(1000, id, routed);
        let Recorded::Marked {
            id,
            same_bytes_as: as_first,
        } = marked
        else {
            panic!("{marked:?}");
        };
        assert_eq!(as_first, same_bytes_as);
        let handed_out = open.sink.deliveries();
        assert_eq!(handed_out.len(), usize::from(routed));
        let mark = (SAME_BYTES_AS.to_owned(), same_bytes_as.to_string());
        for delivery in handed_out {
            assert_eq!(delivery.event.id, id);
            assert!(delivery.event.metadata.contains(&mark));
        }
    }
    let later = arrives(1001, "e4", false);
    assert!(matches!(later, Recorded::New(_)), "{later:?}");
    assert_eq!(
        open.sink.deliveries().len(),
        1,
        "nothing marks it, so it is routed"
    );
    let again = arrives(1002, "e5", true);
    assert!(
        matches!(again, Recorded::Marked { same_bytes_as, .. } if Some(same_bytes_as) == later.id())
    );
}
