//! Handlers' state and its serializability.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use std::sync::mpsc;

use super::*;

/// A completion that has read the present version of one key, and then writes.
fn after_reading(open: &Open, delivery: &Delivery, key: &str, write: StateWrite) -> Completion {
    let version = open
        .ledger
        .state_get(&delivery.handler, key)
        .unwrap()
        .version;
    let mut completion = writing(delivery, &[(key, write)]);
    completion.reads.push(Read::Key {
        key: key.to_owned(),
        version,
    });
    completion
}

/// As many deliveries for handler `a`.
fn deliveries(open: &Open, many: usize) -> Vec<Delivery> {
    (0..many)
        .map(|n| open.deliver(&format!("evt_{n}"), &["a"]).remove(0))
        .collect()
}

fn commit(open: &Open, completion: Completion) {
    assert_eq!(open.complete(completion).unwrap(), Completed::Committed);
}

fn list(open: &Open, prefix: &str, after: Option<&str>, limit: u32) -> Vec<StateEntry> {
    open.ledger
        .state_list(&handler("a"), prefix, after, limit)
        .unwrap()
}

pub fn writes_are_read_back_and_versions_never_repeat(engine: &dyn Engine) {
    let mut open = Open::new(engine);
    let mut seen = std::collections::BTreeSet::new();
    assert_eq!(
        open.ledger.state_get(&handler("a"), "k").unwrap(),
        Versioned::default()
    );
    for (n, delivery) in deliveries(&open, 8).iter().enumerate() {
        if n % 2 == 1 {
            commit(&open, writing(delivery, &[("k", StateWrite::Delete)]));
            assert_eq!(open.value("a", "k"), None);
            // The row that had the highest version is gone when it is opened again.
            open = open.reopen(engine);
        } else {
            commit(&open, writing(delivery, &[("k", set(&n.to_string()))]));
            let read = open.ledger.state_get(&handler("a"), "k").unwrap();
            assert_eq!(read.value.unwrap(), n.to_string().as_bytes());
            assert_ne!(read.version, Version(0));
            assert!(seen.insert(read.version.0), "a version was given twice");
        }
    }
}

pub fn a_value_that_changed_since_is_a_conflict(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = deliveries(&open, 3);
    commit(&open, writing(&of[0], &[("k", set("0"))]));
    let mut late = after_reading(&open, &of[1], "k", set("late"));
    late.effects.outbox.push(request("1"));
    commit(&open, after_reading(&open, &of[2], "k", set("early")));

    assert_eq!(open.complete(late).unwrap(), Completed::Conflict);
    assert_eq!(open.value("a", "k").unwrap(), b"early");
    assert!(open.sink.requests().is_empty());
    let waiting = open.pending("a");
    assert_eq!(waiting.len(), 1, "the delivery still waits");
    assert_eq!(waiting[0].attempts, 0, "a conflict is no attempt");
    commit(&open, after_reading(&open, &of[1], "k", set("late")));
    assert_eq!(open.value("a", "k").unwrap(), b"late");
}

pub fn a_key_that_appeared_since_is_a_conflict(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = deliveries(&open, 2);
    let late = after_reading(&open, &of[0], "order-1", set("mine"));
    commit(
        &open,
        after_reading(&open, &of[1], "order-1", set("theirs")),
    );
    assert_eq!(open.complete(late).unwrap(), Completed::Conflict);
    assert_eq!(open.value("a", "order-1").unwrap(), b"theirs");
}

pub fn a_deleted_and_set_key_is_a_conflict(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = deliveries(&open, 4);
    commit(&open, writing(&of[0], &[("k", set("same"))]));
    let late = after_reading(&open, &of[1], "k", set("late"));
    commit(&open, writing(&of[2], &[("k", StateWrite::Delete)]));
    commit(&open, writing(&of[3], &[("k", set("same"))]));
    assert_eq!(open.complete(late).unwrap(), Completed::Conflict);
}

pub fn a_listing_that_changed_since_is_a_conflict(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = deliveries(&open, 12);
    commit(
        &open,
        writing(
            &of[0],
            &[("p/1", set("1")), ("p/3", set("3")), ("q", set("q"))],
        ),
    );
    let listing = |delivery: &Delivery, after: Option<&str>, limit: u32| {
        let mut completion = ending(delivery, NextState::Done);
        completion.reads.push(Read::List {
            prefix: "p/".into(),
            after: after.map(Into::into),
            limit,
            seen: list(&open, "p/", after, limit)
                .into_iter()
                .map(|entry| (entry.key, entry.version))
                .collect(),
        });
        completion
    };
    let changes: [(&str, StateWrite); 3] = [
        ("p/2", set("new")),
        ("p/3", set("changed")),
        ("p/1", StateWrite::Delete),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let late = listing(&of[1], None, 10);
        commit(&open, writing(&of[2 + n], &[change]));
        assert_eq!(open.complete(late).unwrap(), Completed::Conflict);
    }
    // A change outside of the listing is no conflict.
    let late = listing(&of[1], Some("p/2"), 1);
    commit(
        &open,
        writing(
            &of[5],
            &[
                ("p/1", set("before")),
                ("p/9", set("beyond")),
                ("q", set("!")),
            ],
        ),
    );
    commit(&open, late);
    // The last entry is gone: what is left is as it was, but there is less of it.
    let late = listing(&of[8], None, 10);
    commit(&open, writing(&of[9], &[("p/9", StateWrite::Delete)]));
    assert_eq!(open.complete(late).unwrap(), Completed::Conflict);
    // An empty listing is a read as well.
    let mut late = ending(&of[6], NextState::Done);
    late.reads.push(Read::List {
        prefix: "none/".into(),
        after: None,
        limit: 5,
        seen: Vec::new(),
    });
    commit(&open, writing(&of[7], &[("none/1", set("1"))]));
    assert_eq!(open.complete(late).unwrap(), Completed::Conflict);
}

pub fn adding_never_conflicts(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = deliveries(&open, 20);
    let (answer, answered) = mpsc::channel();
    for delivery in &of {
        let answer = answer.clone();
        let mut completion = writing(
            delivery,
            &[("n", StateWrite::Add(-3)), ("other", StateWrite::Add(1))],
        );
        completion.token = open.leased(delivery, Lease::token);
        open.ledger.complete_then(
            completion,
            Box::new(move |result| answer.send(result).unwrap()),
        );
    }
    drop(answer);
    let answers: Vec<_> = answered.iter().map(Result::unwrap).collect();
    assert_eq!(answers, [Completed::Committed; 20]);
    assert_eq!(open.value("a", "n").unwrap(), b"-60");
    assert_eq!(open.value("a", "other").unwrap(), b"20");
}

pub fn adding_to_no_counter_changes_nothing(engine: &dyn Engine) {
    let open = Open::new(engine);
    let of = deliveries(&open, 8);
    let highest = i64::MAX.to_string();
    commit(
        &open,
        writing(
            &of[0],
            &[("max", set(&highest)), ("text", set("12 apples"))],
        ),
    );
    for (key, by) in [("max", 1), ("text", 1)] {
        let mut completion = writing(&of[1], &[("fine", set("x")), (key, StateWrite::Add(by))]);
        completion.effects.outbox.push(request("1"));
        assert_eq!(
            open.complete(completion).unwrap(),
            Completed::Inapplicable(Inapplicable::NotACounter)
        );
    }
    assert_eq!(open.value("a", "fine"), None, "all of the effects, or none");
    assert!(open.sink.requests().is_empty());
    assert_eq!(open.pending("a").len(), 7, "it still waits");
    commit(&open, writing(&of[1], &[("max", StateWrite::Add(-1))]));
    assert_eq!(
        open.value("a", "max").unwrap(),
        (i64::MAX - 1).to_string().as_bytes()
    );
}

pub fn a_counter_loses_no_update(engine: &dyn Engine) {
    const THREADS: usize = 8;
    const EACH: usize = 15;
    let open = Open::new(engine);
    let of = deliveries(&open, THREADS * EACH);
    let conflicts = AtomicUsize::new(0);
    // Everybody reads before anybody writes, once, so that there are conflicts.
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for deliveries in of.chunks(EACH) {
            let (open, conflicts, barrier) = (&open, &conflicts, &barrier);
            scope.spawn(move || {
                for (n, delivery) in deliveries.iter().enumerate() {
                    let mut attempt = increments(open, delivery);
                    if n == 0 {
                        barrier.wait();
                    }
                    // As dispatch does: a conflict runs the handler anew.
                    while open.complete(attempt).unwrap() == Completed::Conflict {
                        conflicts.fetch_add(1, Ordering::Relaxed);
                        attempt = increments(open, delivery);
                    }
                }
            });
        }
    });
    let expected = (THREADS * EACH).to_string();
    assert_eq!(open.value("a", "n").unwrap(), expected.as_bytes());
    assert!(
        conflicts.into_inner() >= THREADS - 1,
        "of those who read 0, one was first"
    );
}

/// A run that reads a number and writes the next one.
fn increments(open: &Open, delivery: &Delivery) -> Completion {
    let read = open.ledger.state_get(&delivery.handler, "n").unwrap();
    let n: usize = read.value.map_or(0, |value| {
        String::from_utf8(value).unwrap().parse().unwrap()
    });
    let mut completion = writing(delivery, &[("n", set(&(n + 1).to_string()))]);
    completion.reads.push(Read::Key {
        key: "n".to_owned(),
        version: read.version,
    });
    completion
}

pub fn listings_are_in_byte_order(engine: &dyn Engine) {
    let open = Open::new(engine);
    let delivery = &deliveries(&open, 1)[0];
    let keys = [
        "p",
        "p/",
        "p/\u{0}",
        "p/a",
        "p/é",
        "p/\u{10ffff}",
        "p0",
        "P/a",
        "o",
    ];
    let writes: Vec<_> = keys.iter().map(|key| (*key, set(key))).collect();
    commit(&open, writing(delivery, &writes));
    let keys_of = |entries: Vec<StateEntry>| -> Vec<String> {
        entries.into_iter().map(|entry| entry.key).collect()
    };
    let under = ["p/", "p/\u{0}", "p/a", "p/é", "p/\u{10ffff}"];
    assert_eq!(keys_of(list(&open, "p/", None, 100)), under);
    assert_eq!(keys_of(list(&open, "p/", None, 2)), under[..2]);
    assert_eq!(keys_of(list(&open, "p/", Some("p/a"), 100)), under[3..]);
    assert_eq!(
        keys_of(list(&open, "p/", Some("a"), 100)),
        under,
        "before the prefix"
    );
    assert!(list(&open, "p/", Some("q"), 100).is_empty());
    assert!(list(&open, "p/", None, 0).is_empty());
    assert_eq!(list(&open, "", None, 100).len(), keys.len());
    assert_eq!(list(&open, "p/a", None, 1)[0].value, b"p/a");
}

pub fn handlers_do_not_share_state(engine: &dyn Engine) {
    let open = Open::new(engine);
    let deliveries = open.deliver("evt_1", &["a", "b"]);
    commit(&open, writing(&deliveries[0], &[("k", set("of a"))]));
    assert_eq!(open.value("b", "k"), None);
    commit(
        &open,
        after_reading(&open, &deliveries[1], "k", set("of b")),
    );
    assert_eq!(open.value("a", "k").unwrap(), b"of a");
    assert_eq!(open.value("b", "k").unwrap(), b"of b");
}
