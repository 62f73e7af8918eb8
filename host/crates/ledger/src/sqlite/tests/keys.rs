//! Keys of new events, which the table gets later.

use super::*;
use crate::conformance::event_of;
use crate::sqlite::write::MANY;
use crate::{Retention, SourceRetention};
use tollgate_base::event::SourceName;

const DAY: Duration = Duration::from_secs(86_400);

fn folded(engine: &Sqlite) -> i64 {
    let sql = "SELECT coalesce((SELECT value FROM counters WHERE name = 'folded'), 0)";
    row(&engine.look(), sql)
}

fn in_table(engine: &Sqlite) -> i64 {
    row(&engine.look(), "SELECT count(*) FROM dedup")
}

/// Records events of these numbers, so many with each commit; how many were new.
fn record(open: &Open, of: &str, numbers: std::ops::Range<usize>, each: usize) -> usize {
    let events = numbers.map(|n| event_of("other", &format!("{of}_{n}"), b"{}", &[]));
    let events: Vec<_> = events.collect();
    let is_new = |recorded: &Recorded| matches!(recorded, Recorded::New(_));
    let new = events.chunks(each).map(|events| {
        let recorded = open.record(events.to_vec());
        recorded.into_iter().filter(is_new).count()
    });
    new.sum()
}

#[test]
fn keys_are_known_before_while_and_after_they_are_written_and_by_the_next_process() {
    let engine = Sqlite::new();
    let mut open = Open::new(&engine);
    let mut total = 0;
    // To the middle of writing them, and through it, several times.
    for step in [MANY - 1, 2, MANY / 30, MANY / 20, MANY, 3 * MANY, 5] {
        assert_eq!(record(&open, "evt", total..total + step, 1), step);
        total += step;
        assert_eq!(record(&open, "evt", 0..total, 100), 0, "after {total}");
        open = open.reopen(&engine);
        assert_eq!(
            record(&open, "evt", 0..total, 100),
            0,
            "anew, after {total}"
        );
    }
    assert!(folded(&engine) >= 3 * MANY as i64, "{}", folded(&engine));
    let left = total as i64 - in_table(&engine);
    assert!(
        (0..3 * MANY as i64).contains(&left),
        "{left} in memory alone"
    );
}

#[test]
fn a_key_that_is_forgotten_while_it_is_to_be_written_is_not_written() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    assert_eq!(record(&open, "evt", 0..MANY, 1), MANY);
    assert_eq!(
        folded(&engine),
        0,
        "they are sorted, and none has been written"
    );
    let keys = Some(DAY);
    let of_source = SourceRetention { keys, erase: None };
    let retention = Arc::new(Retention {
        events: Some(DAY),
        sources: [(SourceName::new("other"), of_source)].into(),
    });
    assert_eq!(
        open.sweep_at(START + 3 * DAY, &retention).pruned,
        MANY as u64
    );
    open.sweep_at(START + 6 * DAY, &retention);
    assert_eq!(record(&open, "later", 0..MANY, 1), MANY);
    assert!(folded(&engine) > 0);
    assert_eq!(
        record(&open, "evt", 0..MANY, 1),
        MANY,
        "they were forgotten"
    );
}

#[test]
fn a_key_that_outlives_its_event_is_written_when_that_goes() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    assert_eq!(record(&open, "evt", 0..10, 1), 10);
    let retention = Arc::new(Retention {
        events: Some(DAY),
        sources: [].into(),
    });
    assert_eq!(open.sweep_at(START + 3 * DAY, &retention).pruned, 10);
    assert_eq!(row::<i64>(&engine.look(), "SELECT count(*) FROM events"), 0);
    assert_eq!(in_table(&engine), 10);
    let open = open.reopen(&engine);
    assert_eq!(record(&open, "evt", 0..10, 1), 0);
}
