//! What order costs where a great many wait behind one.

use rusqlite::StatementStatus;

use super::super::order;
use super::*;
use crate::event::HandlerName;
use crate::ledger::{NewEvent, OrderKey, Recipient};

/// Records so many events for handler `h` with this key.
fn arrive(open: &Open, value: &str, many: usize) -> OrderKey {
    let handler = HandlerName::new("h");
    let key = OrderKey::new(&handler, value);
    for from in (0..many).step_by(100) {
        let keyed = |n: usize| NewEvent {
            handlers: vec![Recipient {
                handler: handler.clone(),
                key: Some(key),
            }],
            ..event(&format!("evt_{value}_{n}"), b"{}", &[])
        };
        open.record((from..many.min(from + 100)).map(keyed).collect());
    }
    key
}

/// How many steps SQLite takes for all rows of a query.
fn steps(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> i32 {
    let mut statement = conn.prepare(sql).unwrap();
    let mut rows = statement.query(params).unwrap();
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn the_next_one_is_found_in_the_same_steps_however_many_wait() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let (few, many) = (arrive(&open, "few", 2), arrive(&open, "many", 4_000));
    assert_eq!(open.sink.deliveries().len(), 2, "the first of each key");
    let conn = engine.look();
    let next = |key: OrderKey| steps(&conn, order::FIRST, [key.0.as_slice()]);
    assert_eq!(next(few), next(many));
    assert!(next(few) > 0);
    assert_eq!(open.pending("h").len(), 2, "nor are those that wait listed");
}
