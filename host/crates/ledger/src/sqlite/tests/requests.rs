//! Requests: the cost of looks into the outbox does not depend on how many requests wait.

use std::cell::Cell;

use rusqlite::StatementStatus;

use super::read::outbox::{self, WantedRequests};
use super::tables::uses;
use super::*;
use crate::conformance::{handler, request};
use crate::{NewRequest, RequestHost};

/// Queues so many requests of handler `a` to a host, all with this order key.
fn queue(open: &Open, id: &str, host: &str, order_key: Option<&str>, many: usize) -> RequestHost {
    let delivery = &open.deliver(id, &["a"])[0];
    let mut completion = ending(delivery, NextState::Done);
    let new = |n: usize| NewRequest {
        url: format!("https://{host}/"),
        order_key: order_key.map(str::to_owned),
        ..request(&n.to_string())
    };
    completion.effects.outbox = (0..many).map(new).collect();
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
    RequestHost::of_url(&format!("https://{host}/"))
}

/// How many steps SQLite takes for the first `rows` rows of a query.
fn steps(conn: &Connection, sql: &str, rows: usize, params: impl rusqlite::Params) -> i32 {
    let mut statement = conn.prepare(sql).unwrap();
    let mut found = statement.query(params).unwrap();
    for _ in 0..rows {
        assert!(found.next().unwrap().is_some());
    }
    drop(found);
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn claims_and_orders_of_requests_use_their_indexes() {
    let engine = Sqlite::new();
    let _ledger = engine.try_open().unwrap();
    let conn = engine.look();
    for (sql, index) in [
        (outbox::DUE, "due (handler=? AND host=? AND due<?)"),
        (outbox::LATER, "due (handler=? AND host=? AND due>?)"),
        (outbox::NEXT_HOST, "due (handler=? AND host>?)"),
        (
            operations::FIRST_REQUEST,
            "ordered (handler=? AND order_key=?)",
        ),
    ] {
        uses(&conn, sql, &format!("outbox_{index}"));
    }
}

#[test]
fn a_claim_costs_the_same_however_many_requests_wait() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let few = queue(&open, "evt_1", "few.example", None, 3);
    let many = queue(&open, "evt_2", "many.example", None, 4_000);
    let conn = engine.look();
    let of: i64 = row(&conn, "SELECT id FROM handlers WHERE name = 'a'");
    let now = STEADY.as_millis() as i64;
    let due = |host: &RequestHost| steps(&conn, outbox::DUE, 3, (of, host.as_str(), now));
    assert_eq!(due(&few), due(&many));
    // All requests are looked at that somebody holds, and no others beyond the limit.
    let looked_at = Cell::new(0);
    let is_free = |_| {
        looked_at.set(looked_at.get() + 1);
        looked_at.get() > 10
    };
    let wanted = WantedRequests {
        host: &many,
        now: STEADY,
        limit: 5,
        max_bytes: usize::MAX,
        is_free: &is_free,
    };
    let found = outbox::find(&conn, of, wanted).unwrap();
    assert_eq!((found.requests.len(), found.more), (5, true));
    assert_eq!(looked_at.get(), 16, "ten that are held, five and one more");
    let next = |after: i64| steps(&conn, outbox::NEXT_HOST, 1, (of, after));
    assert_eq!(next(0), next(1), "a host is one look");
    assert_eq!(outbox::hosts(&conn, of).unwrap(), [few, many]);
}

#[test]
fn the_next_request_of_a_key_is_found_in_the_same_steps_however_many_wait() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    queue(&open, "evt_1", "x.example", Some("few"), 2);
    queue(&open, "evt_2", "x.example", Some("many"), 4_000);
    assert_eq!(open.sink.requests().len(), 2, "the first of each key");
    let conn = engine.look();
    let of: i64 = row(&conn, "SELECT id FROM handlers WHERE name = 'a'");
    let first = |key: &str| steps(&conn, operations::FIRST_REQUEST, 1, (of, key));
    assert_eq!(first("few"), first("many"));
    let host = RequestHost::of_url("https://x.example/");
    open.sink.give_back_requests(|_| false);
    let claimed = open.claim_requests(&handler("a"), &host, LATEST, 100);
    assert_eq!(claimed.leased.len(), 2, "nor are those that wait listed");
}
