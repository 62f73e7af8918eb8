//! Order: the cost of many deliveries that one blocks, and how blocked ones are shown.

use rusqlite::StatementStatus;

use super::*;
use crate::{
    Blocker, ListOrder, NewEvent, OrderKey, Page, Recipient, RecordFilter, Records, StateFilter,
};
use tollgate_base::event::HandlerName;

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
fn a_delivery_that_waits_for_its_turn_says_for_whom() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    arrive(&open, "x", 3);
    arrive(&open, "y", 1);
    let first = open.sink.deliveries().remove(0);
    let reader = SqliteReader::open(engine.path()).unwrap();
    let listed = |state| {
        let filter = RecordFilter {
            state,
            ..RecordFilter::default()
        };
        let page = Page {
            after: None,
            until: None,
            limit: 10,
            order: ListOrder::Oldest,
        };
        let found = reader.deliveries(&filter, &page).unwrap().items;
        let events = reader.events(&filter, &page).unwrap().items.len();
        assert!(state.is_none() || events == found.len(), "one each");
        found
    };
    let by = |state: &str| {
        Some(Blocker {
            seq: first.id.0,
            state: state.to_owned(),
        })
    };
    let blocked_by = |state| -> Vec<_> {
        let listed = listed(state).into_iter();
        listed.map(|delivery| delivery.blocked_by).collect()
    };
    let (due, pending) = (STEADY + ms(1000), by("pending"));
    let expected = [None, pending.clone(), pending.clone(), None];
    assert_eq!(blocked_by(None), expected);
    assert_eq!(
        blocked_by(Some(StateFilter::Blocked)),
        [pending.clone(), pending]
    );
    assert_eq!(reader.counts().unwrap().blocked, 2);
    open.complete(ending(&first, NextState::Retrying { due }))
        .unwrap();
    let retrying = by("retrying");
    assert_eq!(
        blocked_by(Some(StateFilter::Blocked)),
        [retrying.clone(), retrying]
    );
    let again = &open.due("h", due)[0];
    open.complete(ending(again, NextState::Done)).unwrap();
    let second = listed(Some(StateFilter::Blocked));
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].blocked_by.as_ref().unwrap().seq, first.id.0 + 1);
    // A held delivery may be blocked, too.
    open.serve(&[]);
    assert_eq!(listed(Some(StateFilter::Blocked)).len(), 1);
    assert_eq!(
        reader.counts().unwrap().blocked,
        0,
        "it waits for its handler"
    );
}

#[test]
fn the_next_one_is_found_in_the_same_steps_however_many_wait() {
    let engine = Sqlite::new();
    let open = Open::new(&engine);
    let (few, many) = (arrive(&open, "few", 2), arrive(&open, "many", 4_000));
    assert_eq!(open.sink.deliveries().len(), 2, "the first of each key");
    let conn = engine.look();
    let next = |key: OrderKey| steps(&conn, operations::FIRST, [key.0.as_slice()]);
    assert_eq!(next(few), next(many));
    assert!(next(few) > 0);
    assert_eq!(open.pending("h").len(), 2, "nor are those that wait listed");
}
