//! The tables agree with one another, and queries use their indexes.

use super::*;

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
    // Duplicates of events that are gone stay counted.
    assert!(counter("duplicates") >= count("SELECT sum(duplicates) FROM events"));
    // An arrival brings two keys at most.
    let keys = 2 * (counter("events") + counter("pruned") + counter("duplicates"));
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
    // A delivery counts the attempts of its present run. Attempts of earlier runs stay.
    let attempts = count("SELECT sum(attempts) FROM deliveries");
    let of_present = "SELECT count(*) FROM attempts a
                      JOIN deliveries d ON d.seq = a.delivery AND d.run = a.run";
    assert_eq!(count(of_present), attempts);
    // The deliveries of an event have consecutive numbers, without later deliveries.
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

/// Checks that a query uses an index, and that it sorts nothing.
pub(super) fn uses(conn: &Connection, sql: &str, index: &str) {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Without values for the parameters.
    let plan: Vec<String> = statement
        .raw_query()
        .mapped(|row| row.get(3))
        .collect::<Result<_, _>>()
        .unwrap();
    let plan = plan.join("; ");
    assert!(plan.contains(index), "{sql}: {plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{sql} sorts: {plan}");
}

#[test]
fn queries_use_the_indexes() {
    let engine = Sqlite::new();
    let _ledger = engine.try_open().unwrap();
    let conn = engine.look();
    let uses = |sql: &str, index: &str| uses(&conn, sql, index);
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
    for (part, index) in operations::PENDING
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
        &keep::ERASE_SCHEDULED.replace("?1", "x'00'"),
        "schedule_by_cause (cause=?)",
    );
}
