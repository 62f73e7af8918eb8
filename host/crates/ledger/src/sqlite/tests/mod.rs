//! What concerns this engine alone; the rest is in the conformance suite.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tempfile::TempDir;

use super::options::FatalHook;
use super::sweep::Sweeper;
use super::*;
use crate::conformance::{
    self, Collected, Engine, LATEST, Open, START, STEADY, block_on, ending, event, ms,
};
use crate::{
    Completed, Deliveries, Delivery, DeliverySeq, DeliveryState, Gauges, Intake, Ledger,
    LedgerError, LedgerSink, NextState, OutboxRequest, Recorded, Records,
};
use tollgate_base::event::HandlerName;
use tollgate_base::time::ManualClock;

mod keys;
mod order;
mod retention;
mod time;

struct Sqlite {
    folder: TempDir,
    fatal: FatalHook,
    queue: usize,
}

impl Sqlite {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            fatal: Arc::new(|reason| panic!("fatal: {reason}")),
            queue: 1000,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data/tollgate.db")
    }

    fn options(&self) -> SqliteOptions {
        SqliteOptions {
            fatal: self.fatal.clone(),
            queue: self.queue,
            scheduled: conformance::schedule::LIMIT,
            ..SqliteOptions::new(self.path())
        }
    }

    fn try_open(&self) -> Result<SqliteLedger, OpenError> {
        let sink = Arc::<Collected>::default();
        SqliteLedger::open(self.options(), ManualClock::at(START).steady(), sink)
    }

    /// The ledger under its own type.
    fn open_with(&self, sink: Arc<dyn LedgerSink>) -> SqliteLedger {
        SqliteLedger::open(self.options(), ManualClock::at(START).steady(), sink).unwrap()
    }

    /// Another connection to the file, as `sqlite3` has it.
    fn look(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// Leaves a copy of the files as they are now, as a killed process does, and
    /// returns an engine that opens the copy.
    fn killed(&self) -> Self {
        let copy = Self::new();
        std::fs::create_dir(copy.path().parent().unwrap()).unwrap();
        for ending in ["", "-wal", ".running"] {
            std::fs::copy(
                open::beside(&self.path(), ending),
                open::beside(&copy.path(), ending),
            )
            .unwrap();
        }
        copy
    }
}

impl Engine for Sqlite {
    fn open(&self, clock: ManualClock, sink: Arc<dyn LedgerSink>) -> Arc<dyn Ledger> {
        Arc::new(SqliteLedger::open(self.options(), clock.steady(), sink).unwrap())
    }

    fn crash(&self, ledger: Arc<dyn Ledger>) {
        let left = self.killed();
        drop(ledger);
        for ending in ["", "-wal", ".running"] {
            let back = open::beside(&self.path(), ending);
            std::fs::copy(open::beside(&left.path(), ending), back).unwrap();
        }
    }
}

mod conforms {
    use super::Sqlite;
    crate::conformance::suite!(Sqlite::new());
}

fn row<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> T {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_second_gateway_is_refused_and_told_which_file() {
    let engine = Sqlite::new();
    let first = engine.try_open().unwrap();
    let Err(refused) = engine.try_open() else {
        panic!("opened twice");
    };
    assert!(matches!(refused, OpenError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("tollgate.db"), "{refused}");
    first.close();
    engine.try_open().unwrap();
}

#[test]
fn others_can_read_meanwhile() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver("evt_1", &["a"]);
    let other = engine.look();
    assert_eq!(row::<i64>(&other, "SELECT count(*) FROM events"), 1);
    let reader = SqliteReader::open(engine.path()).unwrap();
    assert_eq!(reader.counts().unwrap(), open.ledger.counts().unwrap());

    // A read transaction that stays open hinders nobody.
    other
        .execute_batch("BEGIN; SELECT count(*) FROM events")
        .unwrap();
    assert_eq!(row::<i64>(&other, "SELECT count(*) FROM events"), 1);
    assert_eq!(
        open.complete(ending(&of[0], NextState::Done)).unwrap(),
        Completed::Committed
    );
    assert_eq!(
        row::<String>(&other, "SELECT state FROM v_deliveries"),
        "pending"
    );
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(
        row::<String>(&other, "SELECT state FROM v_deliveries"),
        "done"
    );
    assert_eq!(
        row::<String>(&other, "SELECT detail FROM v_attempts"),
        "because"
    );
    assert_eq!(
        row::<String>(&other, "SELECT source FROM v_events"),
        "stripe"
    );

    drop(open);
    assert_eq!(
        reader.counts().unwrap().events,
        1,
        "nor does it need a gateway"
    );
}

#[test]
fn the_file_is_set_up_for_durability() {
    let engine = Sqlite::new();
    let ledger = engine.try_open().unwrap();
    ledger
        .on_writer(|conn| {
            assert_eq!(row::<String>(conn, "PRAGMA journal_mode"), "wal");
            assert_eq!(row::<i64>(conn, "PRAGMA synchronous"), 2, "FULL");
            assert_eq!(row::<i64>(conn, "PRAGMA auto_vacuum"), 2, "INCREMENTAL");
            Ok(())
        })
        .unwrap();
}

#[test]
fn foreign_and_newer_files_are_refused_and_left_alone() {
    let engine = Sqlite::new();
    engine.try_open().unwrap().close();
    engine
        .look()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = engine.try_open().err().unwrap();
    assert!(
        matches!(refused, OpenError::Newer { found: 99, .. }),
        "{refused}"
    );
    let refused = SqliteReader::open(engine.path()).err().unwrap();
    assert!(matches!(refused, OpenError::Newer { .. }), "{refused}");

    let engine = Sqlite::new();
    std::fs::create_dir(engine.path().parent().unwrap()).unwrap();
    engine
        .look()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    let before = std::fs::read(engine.path()).unwrap();
    let refused = engine.try_open().err().unwrap();
    assert!(matches!(refused, OpenError::NotALedger { .. }), "{refused}");
    assert_eq!(std::fs::read(engine.path()).unwrap(), before);

    let missing = SqliteReader::open(engine.folder.path().join("none.db"));
    assert!(matches!(missing.err().unwrap(), OpenError::Missing { .. }));
    assert!(!engine.folder.path().join("none.db").exists());
}

#[test]
fn what_was_under_way_at_an_unclean_end_counts_as_an_attempt() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver(
        "evt_1",
        &["marked", "claimed", "ended", "waiting", "cleared"],
    );
    open.ledger.note_running(70, Some(of[0].seq));
    // Its mark may have been lost, which is why it was claimed durably.
    open.ledger.claim(of[1].seq).unwrap();
    open.ledger.note_running(1, Some(of[2].seq));
    open.complete(ending(&of[2], NextState::Done)).unwrap();
    open.ledger.note_running(2, Some(of[4].seq));
    open.ledger.note_running(2, None);

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
    open.ledger.note_running(0, Some(of[0].seq));
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

#[test]
fn a_full_disk_refuses_and_recovers() {
    let engine = Sqlite::new();
    let ledger = engine.open_with(Arc::<Collected>::default());
    let record = |id: &str, bytes: usize| {
        block_on(ledger.record(vec![event(id, &vec![b'x'; bytes], &[id])]))
    };
    record("evt_1", 10).unwrap();
    ledger
        .on_writer(|conn| conn.pragma_update(None, "max_page_count", 1))
        .unwrap();
    for _ in 0..2 {
        let refused = record("evt_2", 200_000).unwrap_err();
        assert!(matches!(refused, LedgerError::Unavailable(_)), "{refused}");
        assert!(refused.to_string().contains("full"), "{refused}");
        assert!(!ledger.writable());
    }
    assert_eq!(ledger.counts().unwrap().events, 1);
    ledger
        .on_writer(|conn| conn.pragma_update(None, "max_page_count", 1_000_000))
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
    let ledger = engine.open_with(Arc::<Collected>::default());
    let turn = |read_only: bool| {
        let set: op::TestRequest = if read_only {
            |conn| conn.pragma_update(None, "query_only", true)
        } else {
            |conn| conn.pragma_update(None, "query_only", false)
        };
        // Its own commit fails as well.
        assert_eq!(ledger.on_writer(set).is_err(), read_only);
    };
    let complete = |of: &Delivery| {
        let (answer, answered) = std::sync::mpsc::channel();
        let then = Box::new(move |result| answer.send(result).unwrap());
        ledger.complete(ending(of, NextState::Done), then);
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

fn pending_of(ledger: &SqliteLedger, handler: &str) -> usize {
    let handler = HandlerName::new(handler);
    let pending = ledger.pending(&handler, DeliverySeq(0), 9, usize::MAX >> 1);
    pending.unwrap().len()
}

#[test]
fn one_bad_operation_does_not_fail_its_batch() {
    let engine = Sqlite::new();
    let ledger = engine.open_with(Arc::<Collected>::default());
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

/// A sink that lets the writer go on when it is told to.
struct Gate(Mutex<std::sync::mpsc::Receiver<()>>);

impl LedgerSink for Gate {
    fn recorded(&self, _: Vec<Delivery>) {
        let _ = self.0.lock().recv();
    }

    fn released(&self, _: Vec<Delivery>) {}

    fn queued(&self, _: Vec<OutboxRequest>) {}
}

#[test]
fn a_full_queue_refuses_events_at_once() {
    let engine = Sqlite {
        queue: 4,
        ..Sqlite::new()
    };
    let (go, gate) = std::sync::mpsc::channel();
    let ledger = engine.open_with(Arc::new(Gate(Mutex::new(gate))));
    let mut answers: Vec<_> = (0..40)
        .map(|n| ledger.record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]))
        .collect();
    // The writer has at most one batch of 4 with it, and 4 wait.
    let last = answers.pop().unwrap();
    assert!(matches!(block_on(last), Err(LedgerError::Busy)));
    drop(go);
    let recorded = answers
        .into_iter()
        .map(block_on)
        .filter(Result::is_ok)
        .count();
    assert!((4..=8).contains(&recorded), "{recorded}");
    assert_eq!(ledger.counts().unwrap().events, recorded as u64);
}

#[test]
fn a_panic_on_the_writer_leaves_nobody_waiting() {
    struct Panics;
    impl LedgerSink for Panics {
        fn recorded(&self, _: Vec<Delivery>) {
            panic!("a sink's mistake");
        }
        fn released(&self, _: Vec<Delivery>) {}
        fn queued(&self, _: Vec<OutboxRequest>) {}
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
        ledger.claim(DeliverySeq(1)),
        Err(LedgerError::Closed)
    ));
    assert!(!ledger.writable());
    ledger.close();
    assert_eq!(*reported.lock(), ["the ledger's writer panicked"]);
}

#[test]
fn a_closed_ledger_has_written_what_was_queued() {
    let engine = Sqlite::new();
    let ledger = engine.try_open().unwrap();
    let answers: Vec<_> = (0..200)
        .map(|n| ledger.record(vec![event(&format!("evt_{n}"), b"{}", &["a"])]))
        .collect();
    ledger.close();
    assert!(
        answers
            .into_iter()
            .map(block_on)
            .all(|answer| answer.is_ok())
    );
    let refused = block_on(ledger.record(vec![event("late", b"{}", &[])]));
    assert!(matches!(refused, Err(LedgerError::Closed)));
    let late = conformance::ending(&delivery_like(&ledger), NextState::Done);
    let (answer, answered) = std::sync::mpsc::channel();
    ledger.complete(late, Box::new(move |result| answer.send(result).unwrap()));
    assert!(matches!(answered.recv().unwrap(), Err(LedgerError::Closed)));
    assert_eq!(
        row::<i64>(&engine.look(), "SELECT count(*) FROM events"),
        200
    );
    let beside = |ending| open::beside(&engine.path(), ending);
    assert!(!beside(".running").exists(), "a clean end leaves no marks");
}

fn delivery_like(ledger: &SqliteLedger) -> Delivery {
    let handler = HandlerName::new("a");
    ledger
        .pending(&handler, DeliverySeq(0), 1, 1)
        .unwrap()
        .remove(0)
}

#[test]
fn the_log_is_moved_into_the_file_while_writes_go_on() {
    let engine = Sqlite::new();
    let ledger = engine.try_open().unwrap();
    let body = vec![b'x'; 900_000];
    for n in 0..120 {
        block_on(ledger.record(vec![event(&format!("evt_{n}"), &body, &["a"])])).unwrap();
    }
    let size = |ending| {
        std::fs::metadata(open::beside(&engine.path(), ending))
            .unwrap()
            .len()
    };
    let (file, log) = (size(""), size("-wal"));
    assert!(file > 32_000_000, "{file} bytes have been moved");
    assert!(log < 100_000_000, "the log of {log} bytes is used anew");
    ledger.close();
    assert_eq!(
        row::<String>(&engine.look(), "PRAGMA integrity_check"),
        "ok"
    );
}

#[test]
fn counters_agree_with_the_tables() {
    let engine = Sqlite::new();
    conformance::model::random_histories_match_the_model(&engine);
    let conn = engine.look();
    let count = |sql: &str| row::<i64>(&conn, sql);
    let counter = |name: &str| {
        count(&format!(
            "SELECT coalesce((SELECT value FROM counters WHERE name = '{name}'), 0)"
        ))
    };
    assert_eq!(counter("events"), count("SELECT count(*) FROM bodies"));
    // Those of events that are gone stay counted.
    assert!(counter("duplicates") >= count("SELECT sum(duplicates) FROM events"));
    let keys = counter("events") + counter("pruned");
    let known = "SELECT count(*) FROM (SELECT key FROM dedup UNION SELECT dedup FROM events)";
    assert!((counter("events")..=keys).contains(&count(known)));
    assert!(counter("folded") > 0, "none was written to the table");
    let rows = "SELECT count(*) FROM events WHERE pruned IS NULL";
    assert_eq!(counter("events"), count(rows));
    for (table, of) in [
        ("attempts", "delivery NOT IN (SELECT seq FROM deliveries)"),
        ("deliveries", "event NOT IN (SELECT event FROM bodies)"),
        ("outbox", "delivery NOT IN (SELECT seq FROM deliveries)"),
        ("outbox_bodies", "request NOT IN (SELECT seq FROM outbox)"),
        ("outbox_tries", "request NOT IN (SELECT seq FROM outbox)"),
        (
            "events",
            "dedup NOT IN (SELECT key FROM dedup)
             AND seq <= (SELECT ifnull(max(value), 0) FROM counters WHERE name = 'folded')",
        ),
        ("dedup_also", "event NOT IN (SELECT seq FROM events)"),
    ] {
        let orphans = count(&format!("SELECT count(*) FROM {table} WHERE {of}"));
        assert_eq!(orphans, 0, "{table}");
    }
    for state in DeliveryState::ALL {
        let rows = count(&format!(
            "SELECT count(*) FROM deliveries WHERE state = '{state}'"
        ));
        assert_eq!(counter(&format!("deliveries_{state}")), rows);
    }
    // A delivery counts those of its present run; those of earlier ones stay.
    let attempts = count("SELECT sum(attempts) FROM deliveries");
    let of_present = "SELECT count(*) FROM attempts a
                      JOIN deliveries d ON d.seq = a.delivery AND d.run = a.run";
    assert_eq!(count(of_present), attempts);
    // What is found by arithmetic is there: the deliveries of each event, but for later ones.
    let astray = "SELECT count(*) FROM events e JOIN deliveries d ON d.event = e.seq
                  WHERE d.seq NOT BETWEEN e.first_delivery AND e.first_delivery + e.deliveries - 1
                  AND d.seq NOT IN (SELECT delivery FROM later_deliveries)";
    assert_eq!(count(astray), 0);
    assert_eq!(row::<String>(&conn, "PRAGMA integrity_check"), "ok");
}

#[test]
fn what_an_attempt_made_is_found_by_its_row() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let of = open.deliver("evt_1", &["a", "b"]);
    let emit = |which: usize, ids: &[&str]| {
        let mut completion = ending(&of[which], NextState::Done);
        let emitted = ids
            .iter()
            .map(|id| conformance::event_of("handler:a", id, b"{}", &[]));
        completion.effects.emitted = emitted.collect();
        completion.effects.outbox = vec![conformance::request("1"), conformance::request("2")];
        assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    };
    emit(0, &["known"]);
    emit(1, &["new-1", "known", "new-2"]);
    let conn = engine.look();
    let ids = "SELECT group_concat(e.provider_id) FROM attempts a JOIN events e
               ON e.seq BETWEEN a.first_emitted AND a.first_emitted + a.emitted - 1
               WHERE a.delivery = (SELECT max(seq) FROM deliveries)";
    assert_eq!(row::<String>(&conn, ids), "new-1,new-2");
    let requests = "SELECT count(*) FROM attempts a JOIN outbox o ON o.delivery = a.delivery
                    AND o.seq BETWEEN a.first_request AND a.first_request + a.requests - 1";
    assert_eq!(row::<i64>(&conn, requests), 4);
}

#[test]
fn queries_use_the_indexes() {
    let engine = Sqlite::new();
    let _ledger = engine.try_open().unwrap();
    let conn = engine.look();
    let uses = |sql: &str, index: &str| {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> = statement
            .query_map([], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = plan.join("; ");
        assert!(plan.contains(index), "{sql}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql} sorts: {plan}");
    };
    uses(
        "SELECT seq FROM deliveries WHERE state = 'held' AND handler = 1 LIMIT 5",
        "deliveries_held",
    );
    uses(
        "SELECT seq FROM deliveries INDEXED BY deliveries_retrying
         WHERE state = 'retrying' AND handler = 1 AND due <= 5 ORDER BY due, seq",
        "deliveries_retrying (handler=? AND due<?)",
    );
    uses(
        "SELECT seq FROM deliveries INDEXED BY deliveries_pending
         WHERE state = 'pending' AND due IS NULL AND turn IS NOT 2 AND handler = 1 AND seq > 5
         ORDER BY seq",
        "deliveries_pending (handler=? AND seq>?)",
    );
    uses(
        "SELECT seq FROM deliveries WHERE order_key = x'00' AND turn IS NOT NULL
         ORDER BY seq LIMIT 1",
        "deliveries_ordered (order_key=?)",
    );
    let of_one = |part: &str| {
        format!("SELECT seq FROM deliveries WHERE state = 'pending' {part} AND handler = 1 LIMIT 5")
    };
    for (part, index) in settle::PENDING
        .iter()
        .zip(["pending", "released", "behind"])
    {
        uses(&of_one(part), &format!("deliveries_{index} (handler=?"));
    }
    uses(
        "SELECT seq FROM outbox WHERE state = 'dead' ORDER BY seq DESC",
        "outbox_dead",
    );
    uses(
        "SELECT seq FROM deliveries WHERE state = 'running'",
        "deliveries_running",
    );
    uses(
        &erase::ERASE_SCHEDULED.replace("?1", "x'00'"),
        "schedule_by_cause (cause=?)",
    );
}

#[test]
fn the_paths_of_its_files_are_absolute() {
    assert!(
        open::absolute(Path::new("file:data.db?mode=ro"))
            .unwrap()
            .is_absolute()
    );
}
