//! The ledger after its process was killed.

use super::*;
use std::os::unix::fs::FileExt;

#[test]
fn what_was_under_way_at_an_unclean_end_counts_as_an_attempt() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver(
        "evt_1",
        &["marked", "claimed", "ended", "waiting", "cleared"],
    );
    let started = |n: usize| open.leased(&of[n], |lease| open.ledger.started(lease));
    started(0);
    // Its mark may have been lost, which is why it was claimed durably.
    open.leased(&of[1], |lease| open.ledger.start_alone(lease))
        .unwrap();
    started(2);
    open.complete(ending(&of[2], NextState::Done)).unwrap();
    started(4);
    open.leased(&of[4], |lease| open.ledger.stopped(lease));

    let copy = engine.killed();
    let open = Open::new(&copy);
    for handler in ["marked", "claimed"] {
        let again = &open.due(handler, STEADY)[0];
        assert_eq!((again.attempts, again.crashes), (1, 1), "{handler}");
        let next = ending(again, NextState::Done);
        assert_eq!(open.complete(next).unwrap(), Completed::Committed);
    }
    for handler in ["waiting", "cleared"] {
        assert_eq!(open.pending(handler)[0].attempts, 0, "{handler}");
    }
    assert_eq!(open.deliveries_in(DeliveryState::Done), 3);
    let crashes = "SELECT count(*) FROM v_attempts WHERE outcome = 'crash'";
    assert_eq!(row::<i64>(&copy.look(), crashes), 2);
    let open = open.reopen(&copy);
    assert!(open.due("marked", LATEST).is_empty());
    assert_eq!(row::<i64>(&copy.look(), crashes), 2, "counted once");
}

#[test]
fn marks_that_a_power_cut_garbled_are_ignored() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver("evt_1", &["a"]);
    open.leased(&of[0], |lease| open.ledger.started(lease));
    let copy = engine.killed();
    let marks = std::fs::OpenOptions::new()
        .write(true)
        .open(open::beside(&copy.path(), ".running"))
        .unwrap();
    marks.write_all_at(&[0xa5; 100], 8).unwrap();
    let open = Open::new(&copy);
    assert_eq!(open.pending("a")[0].attempts, 0);
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    for n in 0..20 {
        open.record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]);
        if n % 5 == 0 {
            let copy = engine.killed();
            let after = Open::new(&copy);
            assert_eq!(after.pending("a").len(), n + 1);
            let again = after.record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]);
            assert!(matches!(again[..], [Recorded::Duplicate { .. }]));
        }
    }
}
