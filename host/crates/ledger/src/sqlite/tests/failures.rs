//! Writes that fail: a full disk, a read-only file, a bad operation, a panic.

use super::*;

#[test]
fn a_full_disk_refuses_and_recovers() {
    let engine = Sqlite::new();
    let ledger = engine.open_with(Arc::new(TakesNothing));
    let record = |id: &str, bytes: usize| {
        block_on(ledger.record(vec![event(id, &vec![b'x'; bytes], &[id])]))
    };
    record("evt_1", 10).unwrap();
    ledger
        .wait(OnConnection(|conn| {
            conn.pragma_update(None, "max_page_count", 1)
        }))
        .unwrap();
    for _ in 0..2 {
        let refused = record("evt_2", 200_000).unwrap_err();
        assert!(matches!(refused, LedgerError::Unavailable(_)), "{refused}");
        assert!(refused.to_string().contains("full"), "{refused}");
        assert!(!ledger.writable());
    }
    assert_eq!(ledger.counts().unwrap().events, 1);
    ledger
        .wait(OnConnection(|conn| {
            conn.pragma_update(None, "max_page_count", 1_000_000)
        }))
        .unwrap();
    assert!(matches!(
        record("evt_2", 200_000).unwrap()[..],
        [Recorded::New(_)]
    ));
    assert!(ledger.writable());
    assert_eq!(ledger.counts().unwrap().events, 2);
    assert_eq!(pending_of(&ledger, "evt_2"), 1, "its name is there as well");
}

#[test]
fn a_file_that_turns_read_only_refuses_and_recovers() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    drop(open);
    let ledger = engine.open_with(Arc::new(TakesNothing));
    let turn = |read_only: bool| {
        let set: fn(&Connection) -> rusqlite::Result<()> = if read_only {
            |conn| conn.pragma_update(None, "query_only", true)
        } else {
            |conn| conn.pragma_update(None, "query_only", false)
        };
        // Its own commit fails as well.
        assert_eq!(ledger.wait(OnConnection(set)).is_err(), read_only);
    };
    let complete = |of: &Delivery| {
        let (answer, answered) = std::sync::mpsc::channel();
        let then = Box::new(move |result| answer.send(result).unwrap());
        let claimed = claim(&ledger, of.handler.as_str());
        let mut completion = ending(of, NextState::Done);
        completion.token = claimed[0].lease.token();
        ledger.complete_then(completion, then);
        answered.recv().unwrap()
    };
    turn(true);
    let refused = block_on(ledger.record(vec![event("evt_2", b"{}", &["a"])]));
    assert!(
        matches!(refused, Err(LedgerError::Unavailable(_))),
        "{refused:?}"
    );
    assert!(matches!(complete(&of[0]), Err(LedgerError::Unavailable(_))));
    assert!(!ledger.writable());
    assert_eq!(pending_of(&ledger, "a"), 1, "it can still be read");
    turn(false);
    assert_eq!(complete(&of[0]), Ok(Completed::Committed));
    assert!(ledger.writable());
    let counts = ledger.counts().unwrap();
    assert_eq!(counts.events, 1);
    assert!(counts.deliveries.contains(&(DeliveryState::Done, 1)));
}

#[test]
fn one_bad_operation_does_not_fail_its_batch() {
    let engine = Sqlite::new();
    let ledger = engine.open_with(Arc::new(TakesNothing));
    let good = event("evt_1", b"{}", &["a"]);
    block_on(ledger.record(vec![good.clone()])).unwrap();
    // The same id under another key, which no caller may do.
    let mut bad = event("evt_bad", b"{}", &["new-handler"]);
    bad.event.id = good.event.id;
    let events = [
        event("evt_2", b"{}", &["a"]),
        bad,
        event("evt_3", b"{}", &["a"]),
    ];
    let answers: Vec<_> = events
        .map(|new| ledger.record(vec![new]))
        .into_iter()
        .map(block_on)
        .collect();
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(LedgerError::Unavailable(_))));
    let counts = ledger.counts().unwrap();
    assert_eq!(counts.events, 3);
    assert!(counts.deliveries.contains(&(DeliveryState::Pending, 3)));
    assert!(ledger.writable());
    // Its key is not known, and that of the others is.
    let [again, known] = ["evt_bad", "evt_2"].map(|id| {
        let recorded = block_on(ledger.record(vec![event(id, b"{}", &[])]));
        recorded.unwrap()[0]
    });
    assert!(matches!(again, Recorded::New(_)), "{again:?}");
    assert!(matches!(known, Recorded::Duplicate { .. }), "{known:?}");
    // The name that was undone with it can be used.
    block_on(ledger.record(vec![event("evt_4", b"{}", &["new-handler"])])).unwrap();
    assert_eq!(pending_of(&ledger, "new-handler"), 1);
}

#[test]
fn a_panic_on_the_writer_leaves_nobody_waiting() {
    struct Panics;
    impl LedgerSink for Panics {
        fn recorded(&self, _: Vec<LeasedDelivery>) {
            panic!("a sink's mistake");
        }
        fn released(&self, _: Vec<LeasedDelivery>) {}
        fn queued(&self, _: Vec<LeasedRequest>) {}
    }
    let reported = Arc::new(Mutex::new(Vec::new()));
    let engine = Sqlite {
        fatal: Arc::new({
            let reported = Arc::clone(&reported);
            move |reason| reported.lock().push(reason.to_owned())
        }),
        ..Sqlite::new()
    };
    let ledger = engine.open_with(Arc::new(Panics));
    let record = |id| block_on(ledger.record(vec![event(id, b"{}", &["a"])]));
    assert!(matches!(record("evt_1"), Err(LedgerError::Closed)));
    assert!(matches!(record("evt_2"), Err(LedgerError::Closed)));
    assert!(matches!(
        ledger.release_order_keys(&[HandlerName::new("a")]),
        Err(LedgerError::Closed)
    ));
    assert!(!ledger.writable());
    ledger.close();
    assert_eq!(*reported.lock(), ["the ledger's writer panicked"]);
}
