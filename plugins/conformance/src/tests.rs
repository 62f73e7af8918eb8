//! Tests of each step in native builds. The gateway's own tests cover the behaviour that only
//! WebAssembly shows: limits and traps.

use std::time::Duration;

use serde_json::Value;
use tollgate_handler::Retry;
use tollgate_handler::prelude::*;
use tollgate_handler::testing::{self, Host, Run};

use super::handle;

fn run(host: &mut Host, payload: &Value) -> Run {
    host.run(handle, testing::event("test", payload))
}

fn fresh(payload: &Value) -> Run {
    run(&mut Host::new(), payload)
}

#[test]
fn steps_are_found_where_a_provider_has_room_for_them() {
    let places = [
        json!({"do": "reject", "reason": "here"}),
        json!({"id": "evt_1", "steps": [], "data": 1}),
        json!({"steps": [{"do": "reject", "reason": "here"}]}),
        json!({"data": {"object": {"id": "x", "do": "reject", "reason": "here"}}}),
        json!({"data": {"object": {"steps": [{"do": "reject", "reason": "here"}]}}}),
        json!({"data": {"object": {"metadata": {"steps": "[{\"do\":\"reject\",\"reason\":\"here\"}]"}}}}),
    ];
    for (n, payload) in places.iter().enumerate() {
        let expected = if n == 1 { done() } else { Err(reject("here")) };
        assert_eq!(fresh(payload).result, expected, "{payload}");
    }
    assert_eq!(fresh(&json!({"anything": "else"})).result, done());
    let unknown = fresh(&json!({"do": "dance"})).result;
    assert!(matches!(unknown, Err(Failure::Reject(why)) if why.contains("dance")));
}

#[test]
fn ends() {
    assert_eq!(fresh(&json!({"do": "done"})).result, done());
    assert_eq!(
        fresh(&json!({"do": "ignored", "reason": "r"})).result,
        ignored("r")
    );
    let retry = |reason: &str, after_ms| {
        Err(Failure::Retry(Retry {
            reason: reason.into(),
            after_ms,
        }))
    };
    assert_eq!(
        fresh(&json!({"do": "retry", "reason": "r"})).result,
        retry("r", None)
    );
    let timed = json!({"do": "retry", "reason": "r", "after_ms": 5});
    assert_eq!(fresh(&timed).result, retry("r", Some(5)));

    let flaky = testing::event("test", &json!({"do": "flaky", "succeed_at": 3}));
    for attempt in 1..5 {
        let run = Host::new().run(
            handle,
            Event {
                attempt,
                ..flaky.clone()
            },
        );
        assert_eq!(run.result.is_ok(), attempt >= 3);
    }
}

#[test]
fn what_is_refused_is_logged_or_ends_the_run() {
    let noted =
        fresh(&json!({"steps": [{"do": "set", "key": "", "value": ""}, {"do": "ignored"}]}));
    assert_eq!(noted.result, ignored(""));
    assert_eq!(noted.logs[0].message, "refused");
    assert_eq!(noted.logs[0].field("step"), Some("set"));
    let must = fresh(&json!({"do": "send", "url": "nowhere", "must": true}));
    assert!(matches!(must.result, Err(Failure::Reject(why)) if why.starts_with("send: ")));
}

#[test]
fn state_steps() {
    let mut host = Host::new().config("a", "1").config("b", json!([2]));
    let all = run(
        &mut host,
        &json!({"steps": [
            {"do": "set", "key": "k", "value": "v"},
            {"do": "set", "key": "bytes", "value": [255, 0]},
            {"do": "set", "key": {"repeat": "ab", "times": 3}, "value": {"repeat": "x", "times": 4}},
            {"do": "add", "key": "n"},
            {"do": "add", "key": "n", "delta": -3},
            {"do": "increment", "key": "m", "delta": 2},
            {"do": "increment", "key": "m"},
            {"do": "huge_state", "key": "h", "bytes": 1000},
            {"do": "set", "key": "gone", "value": ""},
            {"do": "delete", "key": "gone"},
            {"do": "get", "key": "k"},
            {"do": "get", "key": "none"},
            {"do": "list", "after": "k", "limit": 2},
            {"do": "config"},
        ]}),
    );
    assert_eq!(all.result, done());
    let state = host.state();
    assert!(state.keys().eq(["ababab", "bytes", "h", "k", "m", "n"]));
    assert_eq!(
        (&state["bytes"][..], &state["ababab"][..]),
        (&[255, 0][..], &b"xxxx"[..])
    );
    assert_eq!(
        (host.counter("n"), host.counter("m"), state["h"].len()),
        (-2, 3, 1000)
    );
    let [get, none, list, config] = &all.logs[..] else {
        panic!("{:?}", all.logs)
    };
    assert_eq!(
        (get.field("key"), get.field("value")),
        (Some("k"), Some("v"))
    );
    assert_eq!(
        (none.field("key"), none.field("value")),
        (Some("none"), None)
    );
    assert_eq!(
        (list.field("m"), list.field("n"), list.fields.len()),
        (Some("3"), Some("-2"), 2)
    );
    assert_eq!(
        (config.field("a"), config.field("b")),
        (Some("1"), Some("[2]"))
    );
}

#[test]
fn effect_steps() {
    let all = fresh(&json!({"steps": [
        {"do": "send", "url": "https://a.example/", "headers": [["x-a", "b"]], "order_key": "o",
         "body": {"a": 1}},
        {"do": "send", "url": "https://a.example/", "method": "PUT", "body": "text", "times": 2},
        {"do": "emit", "kind": "e.f", "subject": "s", "payload": [1]},
        {"do": "emit", "kind": "g", "times": 2},
    ]}));
    let sent: Vec<_> = all
        .sent
        .iter()
        .map(|s| (s.request.method.as_str(), &s.request.body[..]))
        .collect();
    assert_eq!(
        sent,
        [
            ("POST", &b"{\"a\":1}"[..]),
            ("PUT", b"text"),
            ("PUT", b"text")
        ]
    );
    assert_eq!(all.sent[0].header("x-a"), Some("b"));
    assert_eq!(all.sent[0].request.order_key.as_deref(), Some("o"));
    assert_eq!(all.logs[0].field("key"), Some(all.sent[0].key.as_str()));
    let emitted: Vec<_> = all
        .emitted
        .iter()
        .map(|e| (e.event.kind.as_str(), &e.event.payload[..]))
        .collect();
    assert_eq!(emitted, [("e.f", &b"[1]"[..]), ("g", b""), ("g", b"")]);
    assert_eq!(all.logs[3].field("id"), Some(all.emitted[0].id.as_str()));
}

#[test]
fn an_answer_runs_the_steps_that_asked_for_it() {
    let mut host = Host::new();
    let sent = run(
        &mut host,
        &json!({"do": "send", "url": "https://a.example/",
                "respond": {"steps": [{"do": "echo"}, {"do": "set", "key": "k", "value": "v"}]}}),
    )
    .sent
    .remove(0);
    let run = host.run(handle, testing::response(&sent, 200, "hello"));
    assert_eq!(run.result, done());
    assert!(run.logs[0].field("event").unwrap().contains("hello"));
    assert_eq!(host.state()["k"], b"v");
}

#[test]
fn schedule_steps() {
    let mut host = Host::new();
    let all = run(
        &mut host,
        &json!({"steps": [
            {"do": "schedule", "key": "a", "after_ms": 5, "kind": "later", "subject": "s",
             "payload": {"do": "set", "key": "ran", "value": "yes"}},
            {"do": "schedule", "key": "b", "at_ms": 7_000, "kind": "then"},
            {"do": "schedule", "key": "c", "kind": "gone"},
            {"do": "cancel", "key": "c"},
            {"do": "schedule", "key": "", "kind": "never"},
        ]}),
    );
    assert_eq!(all.result, done());
    assert_eq!(all.logs[0].field("step"), Some("schedule"));
    let scheduled: Vec<_> = host
        .scheduled()
        .iter()
        .map(|(key, of)| (key.as_str(), of.due_ms, of.event.kind.as_str()))
        .collect();
    assert_eq!(scheduled, [("a", 1005, "later"), ("b", 7000, "then")]);
    assert_eq!(host.advance(handle, Duration::from_millis(5)).len(), 1);
    assert_eq!(host.state()["ran"], b"yes");
}

#[test]
fn echo_shows_all_that_arrived() {
    let event = Event {
        attempt: 4,
        replay: true,
        subject: Some("s".into()),
        headers: vec![("a".into(), "b".into())],
        metadata: vec![("cause".into(), "c".into())],
        ..testing::event("kind", &json!({"do": "echo", "created": 3}))
    };
    let run = Host::new().run(handle, event.clone());
    let seen: Value = serde_json::from_str(run.logs[0].field("event").unwrap()).unwrap();
    assert_eq!(
        seen,
        json!({
            "id": event.id, "source": "test", "provider_id": null, "kind": "kind", "subject": "s",
            "account": null, "created_ms": 3000, "received_ms": 4000, "attempt": 4, "replay": true,
            "headers": [["a", "b"]], "metadata": [["cause", "c"]],
            "payload": std::str::from_utf8(&event.payload).unwrap(),
        })
    );
}

#[test]
fn bounded_load() {
    let run = fresh(&json!({"steps": [
        {"do": "spin", "millions": 1},
        {"do": "allocate", "bytes": 3_000_000},
        {"do": "recurse", "depth": 100},
        {"do": "many_calls", "count": 10},
        {"do": "many_logs", "count": 3},
        {"do": "huge_log", "bytes": 5000},
        {"do": "log", "level": "warn", "message": "m", "fields": [["a", "b"]]},
        {"do": "trap_until", "succeed_at": 1},
    ]}));
    assert_eq!(run.result, done());
    assert_eq!(run.logs[0].field("bytes"), Some("3000000"));
    assert_eq!(run.logs.len(), 7);
    assert_eq!(run.logs[5].message.len(), 5000);
    assert_eq!(run.logs[6].field("a"), Some("b"));
}
