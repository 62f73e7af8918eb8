//! Changes of operators to handlers' state.

use super::*;

fn change(key: &str, value: Option<&str>, if_version: Option<i64>) -> StateChange {
    StateChange {
        key: key.to_owned(),
        value: value.map(|value| value.as_bytes().to_vec()),
        if_version: if_version.map(Version),
    }
}

fn ask(open: &Open, changes: Vec<StateChange>) -> Vec<Intervened> {
    open.ask(Action::ChangeState(handler("a"), changes))
}

fn value(open: &Open, key: &str) -> Option<StateView> {
    open.ledger.state_value(&handler("a"), key).unwrap()
}

fn text(view: &StateView) -> &str {
    match view.value.as_ref() {
        Some(Payload::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Lets handler `a` write a value.
fn write(open: &Open, id: &str, key: &str, value: &str) {
    open.record(vec![event(id, b"{}", &["a"])]);
    let delivery = open.sink.deliveries().remove(0);
    let set = StateWrite::Set(value.as_bytes().to_vec());
    let done = open.complete(writing(&delivery, &[(key, set)]));
    assert_eq!(done, Ok(Completed::Committed));
}

pub fn a_value_says_what_wrote_it(engine: &dyn Engine) {
    let open = Open::new(engine);
    write(&open, "evt_1", "k", "by a guest");
    let found = value(&open, "k").unwrap();
    assert_eq!((text(&found), found.bytes), ("by a guest", 10));
    assert_eq!(found.component, Some("07".repeat(32)));
    assert_eq!(found.written_ms, Some(START));
    let set = ask(&open, vec![change("k", Some("by hand"), None)]);
    assert_eq!(set, [Intervened::Done]);
    let set = value(&open, "k").unwrap();
    assert_eq!((text(&set), set.component.as_ref()), ("by hand", None));
    assert!(set.version > found.version);
    let listed = open.ledger.state(&handler("a"), "", None, 9).unwrap();
    assert_eq!(listed, [set]);
    assert!(
        open.ledger
            .state(&handler("b"), "", None, 9)
            .unwrap()
            .is_empty()
    );
}

pub fn changes_of_state_are_on_record_without_values(engine: &dyn Engine) {
    let open = Open::new(engine);
    let asked = ask(
        &open,
        vec![
            change("one", Some("1"), Some(0)),
            change("two", Some("22"), None),
            change("none", None, None),
        ],
    );
    use Intervened::{Done, Missing};
    assert_eq!(asked, [Done, Done, Missing]);
    assert_eq!(ask(&open, vec![change("two", None, None)]), [Done]);
    assert_eq!(value(&open, "two"), None);
    let open = open.reopen(engine);
    let changes = open.ledger.state_changes(&handler("a"), None, 9).unwrap();
    let seen: Vec<_> = changes
        .iter()
        .map(|row| (row.key.as_str(), row.action.as_str(), row.before, row.after))
        .collect();
    let expected = [
        ("two", "delete", Some(2), None),
        ("two", "set", None, Some(2)),
        ("one", "set", None, Some(1)),
    ];
    assert_eq!(seen, expected);
    assert!(
        changes
            .iter()
            .all(|row| row.who == "ann" && row.at_ms == START)
    );
    let of_one = open.ledger.state_changes(&handler("a"), Some("one"), 9);
    assert_eq!(of_one.unwrap().len(), 1);
}

pub fn values_are_changed_all_or_none(engine: &dyn Engine) {
    let open = Open::new(engine);
    write(&open, "evt_1", "k", "1");
    let version = value(&open, "k").unwrap().version;
    let both = |version| {
        vec![
            change("new", Some("x"), Some(0)),
            change("k", Some("2"), Some(version)),
        ]
    };
    use Intervened::{Done, Unchanged, Version};
    assert_eq!(ask(&open, both(version + 1)), [Unchanged, Version]);
    assert_eq!(value(&open, "new"), None);
    assert!(
        open.ledger
            .state_changes(&handler("a"), None, 9)
            .unwrap()
            .is_empty()
    );
    assert_eq!(ask(&open, both(version)), [Done, Done]);
}

pub fn a_run_that_read_what_an_operator_changed_runs_anew(engine: &dyn Engine) {
    let open = Open::new(engine);
    write(&open, "evt_1", "k", "1");
    open.record(vec![event("evt_2", b"{}", &["a"])]);
    let delivery = open.sink.deliveries().remove(0);
    let read = open.ledger.state_get(&handler("a"), "k").unwrap();
    ask(&open, vec![change("k", Some("2"), None)]);
    let mut late = writing(&delivery, &[("k", StateWrite::Set(b"3".to_vec()))]);
    late.reads = vec![Read::Key {
        key: "k".to_owned(),
        version: read.version,
    }];
    assert_eq!(open.complete(late), Ok(Completed::Conflict));
    assert_eq!(text(&value(&open, "k").unwrap()), "2");
}

pub fn old_changes_of_state_are_forgotten(engine: &dyn Engine) {
    let open = Open::new(engine);
    for n in 0..70 {
        ask(&open, vec![change("k", Some(&n.to_string()), None)]);
    }
    let kept = open.ledger.state_changes(&handler("a"), None, 100).unwrap();
    assert!((1..70).contains(&kept.len()), "{}", kept.len());
    assert_eq!(text(&value(&open, "k").unwrap()), "69");
}
