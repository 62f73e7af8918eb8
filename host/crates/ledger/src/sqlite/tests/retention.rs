//! The files after pruning and erasing.

use super::*;
use crate::conformance::{event_of, event_with_keys, request};
use crate::{
    Delivery, Erased, Erasure, OutboxNext, OutboxState, Retention, Settlement, SourceRetention,
    Token,
};
use tollgate_base::event::SourceName;

const DAY: Duration = Duration::from_secs(86_400);

fn retention(erase: Option<Erasure>) -> Arc<Retention> {
    let source = SourceRetention { keys: None, erase };
    Arc::new(Retention {
        events: Some(DAY),
        sources: [(SourceName::new("stripe"), source)].into(),
    })
}

/// Every file of the ledger, one after the other.
fn files(engine: &Sqlite) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(engine.path().parent().unwrap()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    bytes
}

/// The names whose payloads are found in the bytes. One pass, since a test build is slow.
fn whose(bytes: &[u8]) -> std::collections::BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    text.split(MARK)
        .skip(1)
        .filter_map(|rest| rest.get(..NAME))
        // Other names are cut off at the end of a page.
        .filter(|name| name.bytes().rev().take(3).all(|byte| byte.is_ascii_digit()))
        .map(str::to_owned)
        .collect()
}

/// The text before a name.
const MARK: &str = "secret-of\":\"";
/// The length of a name.
const NAME: usize = 12;

/// A payload of this size that says whose it is, at its beginning, its end and between.
fn payload(name: &str, size: usize) -> Vec<u8> {
    let text = format!("{{\"{MARK}{name}\"}} ");
    text.repeat(size.div_ceil(text.len())).into_bytes()
}

/// Records events of many sizes and ends each with a request that repeats the payload.
fn fill(open: &Open, names: &[String]) -> Vec<Delivery> {
    let sizes = [20, 300, 2000, 5000, 9000, 40_000];
    let mut ended = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let body = payload(name, sizes[n % sizes.len()]);
        open.record(vec![event(name, &body, &["a"])]);
        let delivery = open.sink.deliveries().remove(0);
        let mut completion = ending(&delivery, NextState::Done);
        completion.attempt.logs = format!("log of {MARK}{name}");
        let mut queued = request(name);
        queued.body = body.into();
        queued.url = format!("https://crm.example.com/x?who={MARK}{name}");
        completion.effects.outbox = vec![queued];
        open.complete(completion).unwrap();
        ended.push(delivery);
    }
    for request in open.sink.requests() {
        open.settle(Settlement {
            request: request.id,
            token: Token::default(),
            at: START,
            status: Some(200),
            error: String::new(),
            next: OutboxNext::Sent,
            response: None,
        });
    }
    ended
}

#[test]
fn the_files_keep_no_erased_bytes() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let names: Vec<String> = (0..60).map(|n| format!("customer-{n:03}")).collect();
    let ended = fill(&open, &names);
    assert_eq!(whose(&files(&engine)).len(), names.len());

    // Every third event is erased on demand. They share pages with events that stay.
    let (gone, kept): (Vec<_>, Vec<_>) = (0..names.len()).partition(|n| n % 3 == 1);
    for n in gone {
        let id = ended[n].event.id;
        assert_eq!(open.ledger.erase(id).unwrap(), Erased::Done);
    }
    let left = whose(&files(&engine));
    assert!(left.iter().eq(kept.iter().map(|n| &names[*n])), "{left:?}");
    // The others are pruned. Closing cleans the files, as a running gateway would do some minutes
    // later.
    open.sweep_at(START + 2 * DAY, &retention(None));
    drop(open);
    assert_eq!(whose(&files(&engine)), [].into());
}

#[test]
fn a_redacted_payload_keeps_the_rest() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let body = br#"{"id":"evt_1","data":{"email":"ada@example.com","amount":5}}"#;
    open.record(vec![
        event("evt_1", body, &["a"]),
        event("evt_2", b"no json", &["a"]),
    ]);
    for delivery in open.sink.deliveries() {
        open.complete(ending(&delivery, NextState::Done)).unwrap();
    }
    let erasure = |logs| Erasure {
        after: Duration::ZERO,
        pointers: vec!["/data/email".to_owned()],
        logs,
    };
    let swept = open.sweep_at(START + ms(1000), &retention(Some(erasure(false))));
    assert_eq!(swept.erased, 2);
    let conn = engine.look();
    let body = "SELECT CAST(payload AS TEXT) FROM bodies WHERE event = 1";
    assert_eq!(
        row::<String>(&conn, body),
        r#"{"id":"evt_1","data":{"email":null,"amount":5}}"#
    );
    let whole = "SELECT length(payload) FROM bodies WHERE event = 2";
    assert_eq!(row::<i64>(&conn, whole), 0, "what is no JSON goes whole");
    let logs = "SELECT count(*) FROM attempts WHERE logs IS NOT NULL";
    assert_eq!(row::<i64>(&conn, logs), 2, "they are to stay");
    assert_eq!(row::<i64>(&conn, "SELECT count(erased) FROM v_events"), 2);
}

fn scrubber(engine: &Sqlite) -> Scrubber {
    Scrubber::new(engine.path())
}

/// Cleans the files, as soon as the checkpointing thread lets it.
fn scrub(engine: &Sqlite) {
    while !scrubber(engine).scrub() {
        thread::yield_now();
    }
}

#[test]
fn pruned_space_is_used_again_and_given_back() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let body = vec![b'x'; 6000];
    let size = || std::fs::metadata(engine.path()).unwrap().len();
    let record = |of: &str| {
        for n in 0..80 {
            let events = (0..100).map(|m| event_of("other", &format!("{of}{n}_{m}"), &body, &[]));
            open.record(events.collect());
        }
    };
    record("first");
    scrub(&engine);
    let full = size();
    assert!(full > 48_000_000, "{full}");
    assert_eq!(open.sweep_at(START + DAY, &retention(None)).pruned, 8000);
    scrub(&engine);
    let pruned = size();
    assert!(pruned < full / 3, "{full} bytes, after pruning {pruned}");
    assert!(pruned > 8_000_000, "some is kept for what comes: {pruned}");
    record("second");
    scrub(&engine);
    let again = size();
    assert!(again < full + full / 20, "{full} bytes, then {again}");
    assert_eq!(
        row::<String>(&engine.look(), "PRAGMA integrity_check"),
        "ok"
    );
    assert_eq!(open.outbox_in(OutboxState::Sent), 0);
}

#[test]
fn keys_that_come_with_a_late_duplicate_leave_no_orphans() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    open.record(vec![event_with_keys("other", &["t1", "e1"])]);
    open.sweep_at(START + 2 * DAY, &retention(None));
    let again = open.record(vec![event_with_keys("other", &["t2", "e1"])]);
    assert!(matches!(
        again[..],
        [Recorded::Duplicate { first: None, .. }]
    ));
    let conn = engine.look();
    assert_eq!(row::<i64>(&conn, "SELECT count(*) FROM dedup_also"), 0);
    assert_eq!(row::<i64>(&conn, "SELECT count(*) FROM dedup"), 3);
}

#[test]
fn a_sweep_lets_a_busy_writer_be_though_not_for_good() {
    let mut sweeper = Sweeper::new();
    let put_off = (0..10).map(|_| sweeper.puts_off(100));
    let steps = put_off.filter(|put_off| !put_off).count();
    assert_eq!(steps, 2, "one in five");
    assert!(!sweeper.puts_off(0));
}

#[test]
fn a_reader_of_the_log_does_not_stop_the_ledger() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    open.deliver("evt_1", &[]);
    let other = engine.look();
    other
        .execute_batch("BEGIN; SELECT count(*) FROM events")
        .unwrap();
    assert!(!scrubber(&engine).scrub());
    open.deliver("evt_2", &[]);
    other.execute_batch("COMMIT").unwrap();
    assert!(scrubber(&engine).scrub());
}
