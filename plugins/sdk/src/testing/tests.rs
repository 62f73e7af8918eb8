//! That the gateway in memory keeps the promises of the real one, seen from a handler.

use std::time::Duration;

use serde_json::json;

use super::{Host, Run, event};
use crate::log::Level;
use crate::{Error, Event, Failure, Outcome, config, done, emit, ignored, log, outbox, reject};
use crate::{ScheduleProblem, retry, schedule, state};

fn any() -> Event {
    event(
        "thing.happened",
        &json!({"id": "evt_1", "created": 7, "account": "acct_1"}),
    )
}

/// Runs a body that returns errors of the SDK.
fn run(host: &mut Host, body: impl FnOnce() -> Result<(), Error>) -> Run {
    host.run(
        |_| -> Result<Outcome, Failure> {
            body()?;
            done()
        },
        any(),
    )
}

fn refused(body: impl FnOnce() -> Result<(), Error>) -> String {
    refused_by(Host::new(), body)
}

fn refused_by(mut host: Host, body: impl FnOnce() -> Result<(), Error>) -> String {
    match run(&mut host, body).result {
        Err(Failure::Reject(why)) => why,
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn an_event_is_as_its_payload_says() {
    let event = any();
    assert_eq!(event.provider_id.as_deref(), Some("evt_1"));
    assert_eq!(
        (event.created_ms, event.account.as_deref()),
        (Some(7000), Some("acct_1"))
    );
    assert_eq!(event.id, any().id);
    assert_ne!(event.id, super::event("thing.happened", &json!({})).id);
    assert_eq!(event.id.len(), 36);

    let known = Event {
        headers: vec![("user-agent".into(), "Stripe/1.0".into())],
        metadata: vec![("emitted-by".into(), "other".into())],
        ..event
    };
    assert_eq!(known.header("user-agent"), Some("Stripe/1.0"));
    assert_eq!(
        (known.fact("emitted-by"), known.fact("cause")),
        (Some("other"), None)
    );
}

#[test]
fn all_is_committed_or_nothing() {
    let mut host = Host::new();
    let act = |end: Result<Outcome, Failure>| {
        move |_| -> Result<Outcome, Failure> {
            state::set("key", "value")?;
            state::add("count", 2)?;
            outbox::put("https://a.example/x").send()?;
            emit::event("thing.done").send()?;
            log::warn!("was here");
            end
        }
    };
    for end in [Err(retry("later")), Err(reject("never"))] {
        let run = host.run(act(end.clone()), any());
        assert_eq!(run.result, end);
        assert!(run.sent.is_empty() && run.emitted.is_empty());
        assert!(host.state().is_empty() && host.sent.is_empty() && host.emitted.is_empty());
        assert_eq!(
            (run.logs[0].level, run.logs[0].message.as_str()),
            (Level::Warn, "was here")
        );
    }
    for end in [done(), ignored("no matter")] {
        let run = host.run(act(end), any());
        assert_eq!((run.sent.len(), run.emitted.len()), (1, 1));
    }
    assert_eq!(host.get::<String>("key").as_deref(), Some("value"));
    assert_eq!(
        (host.counter("count"), host.sent.len(), host.emitted.len()),
        (4, 2, 2)
    );
}

#[test]
fn a_panic_leaves_nothing_and_the_next_run_is_clean() {
    let mut host = Host::new();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&mut host, || {
            state::add("count", 1)?;
            panic!("oh");
        })
    }));
    assert!(panicked.is_err() && host.state().is_empty());
    assert_eq!(
        run(&mut host, || state::add("count", 1)).result,
        Ok(Outcome::Done)
    );
    assert_eq!(host.counter("count"), 1);
}

#[test]
fn keys_are_the_same_on_every_attempt_and_new_on_a_replay() {
    let mut host = Host::new();
    let keys = |host: &mut Host, end: Result<Outcome, Failure>| {
        let mut keys = Vec::new();
        host.run(
            |_| -> Result<Outcome, Failure> {
                for _ in 0..300 {
                    keys.push(outbox::delete("https://a.example/").send()?);
                    keys.push(emit::event("e").send()?);
                }
                end
            },
            any(),
        );
        keys
    };
    let failed = keys(&mut host, Err(retry("once more")));
    let succeeded = keys(&mut host, done());
    let replayed = keys(&mut host, done());
    assert_eq!(failed, succeeded);
    let distinct: std::collections::BTreeSet<_> = succeeded.iter().chain(&replayed).collect();
    assert_eq!(distinct.len(), 1200);
}

#[test]
fn a_handler_sees_its_own_writes() {
    let mut host = Host::new();
    host.set("old", &1);
    let run = run(&mut host, || {
        assert_eq!(state::get::<i64>("old")?, Some(1));
        assert_eq!(state::get::<i64>("none")?, None);
        state::set("new", &[1, 2])?;
        assert_eq!(state::get::<Vec<i64>>("new")?, Some(vec![1, 2]));
        state::add("count", 3)?;
        state::add("count", -5)?;
        assert_eq!(state::counter("count")?, -2);
        state::delete("old")?;
        state::delete("never there")?;
        assert!(!state::contains("old")? && state::contains("new")?);
        state::set_bytes("raw", [0xff])?;
        assert_eq!(state::get_bytes("raw")?, Some(vec![0xff]));
        Ok(())
    });
    assert_eq!(run.result, Ok(Outcome::Done));
    assert!(host.state().keys().eq(["count", "new", "raw"]));
}

#[test]
fn listings_are_in_order_and_complete() {
    let mut host = Host::new();
    for n in 0..600 {
        host.set(&format!("a/{n:03}"), &n);
    }
    host.set("b", &0);
    host.set("a", &0);
    let run = run(&mut host, || {
        let all = state::list::<i64>("a/")?;
        assert!(all.iter().map(|(_, n)| *n).eq(0..600));
        let some = state::list_bytes("a/", Some("a/100"), 2)?;
        assert_eq!(
            some,
            [
                ("a/101".into(), b"101".to_vec()),
                ("a/102".into(), b"102".to_vec())
            ]
        );
        assert!(state::list_bytes("", None, 0)?.is_empty());
        Ok(())
    });
    assert_eq!(run.result, Ok(Outcome::Done));
}

#[test]
fn misuse_of_state_is_refused() {
    assert!(refused(|| state::set("", "x")).contains("1 to 512 bytes"));
    assert!(refused(|| state::delete(&"k".repeat(513))).contains("1 to 512 bytes"));
    let text = || {
        state::set("text", "not a number")?;
        state::add("text", 1)
    };
    assert!(refused(text).contains("\"text\": not a counter"));
    let beyond = || {
        state::set("most", &i64::MAX)?;
        state::add("most", 1)
    };
    assert!(refused(beyond).contains("range"));
    let other_type = || {
        state::set("text", "x")?;
        state::get::<i64>("text").map(drop)
    };
    assert!(refused(other_type).contains("invalid type"));
    let much = || state::set("k", &"x".repeat(100));
    assert!(refused_by(Host::new().effects_limit(100), much).contains("limit on effects"));
}

#[test]
fn requests_are_as_they_were_built() {
    let mut host = Host::new();
    let run = run(&mut host, || {
        outbox::post("https://a.example/x?y#z")
            .json(&json!({"a": 1}))
            .order_key("k")
            .send()?;
        outbox::request("PATCH", "http://b.example:80")
            .header("X-One", "1")
            .form(&[("a b", "ü&="), ("c", "*-._~")])
            .send()?;
        Ok(())
    });
    let [first, second] = &run.sent[..] else {
        panic!("{run:?}")
    };
    assert_eq!(
        (first.request.method.as_str(), first.json()),
        ("POST", json!({"a": 1}))
    );
    assert_eq!(first.header("Content-Type"), Some("application/json"));
    assert_eq!(first.request.order_key.as_deref(), Some("k"));
    assert_eq!(
        (second.request.method.as_str(), second.header("x-one")),
        ("PATCH", Some("1"))
    );
    assert_eq!(second.request.body, b"a+b=%C3%BC%26%3D&c=*-._%7E");
}

#[test]
fn bad_requests_are_refused() {
    let to = |url: &'static str| move || outbox::post(url).send().map(drop);
    for url in [
        "",
        "/relative",
        "ftp://a.example",
        "https://",
        "https:///x",
        "https://u:p@a.example",
    ] {
        assert!(
            refused(to(url)).contains("no absolute http or https URL"),
            "{url}"
        );
    }
    let with =
        |name: &'static str| move || outbox::post("https://a.example").header(name, "x").send();
    for name in [
        "Idempotency-Key",
        "HOST",
        "content-length",
        "connection",
        "a b",
        "",
    ] {
        assert!(
            refused(move || with(name)().map(drop)).contains("cannot be set"),
            "{name}"
        );
    }
    assert!(
        refused(|| outbox::request("GE T", "https://a.example")
            .send()
            .map(drop))
        .contains("method")
    );
    let allowed = || {
        Host::new()
            .allow("https://a.example/")
            .allow("http://b.example:81")
    };
    for url in [
        "https://a.example",
        "https://a.example/x",
        "http://b.example:81?x",
    ] {
        assert_eq!(
            run(&mut allowed(), to(url)).result,
            Ok(Outcome::Done),
            "{url}"
        );
    }
    for url in [
        "http://a.example",
        "https://a.example:444",
        "http://b.example",
        "https://a.example.evil.example",
    ] {
        assert!(
            refused_by(allowed(), to(url)).contains("not among the origins"),
            "{url}"
        );
    }
}

#[test]
fn bad_events_are_refused() {
    assert!(refused(|| emit::event("").send().map(drop)).contains("no event type"));
    let deep = || emit::event("e").send().map(drop);
    assert!(refused_by(Host::new().refuse_to_emit(), deep).contains("too deep"));
    let unserializable = || {
        let bad = std::collections::BTreeMap::from([(vec![1], 1)]);
        emit::event("e").json(&bad).send().map(drop)
    };
    assert!(refused(unserializable).contains("no JSON"));
}

#[test]
fn config_is_typed() {
    let mut host = Host::new()
        .config("url", "https://a.example")
        .config("days", 7)
        .config("empty", "")
        .config("list", json!(["a", "b"]));
    let ok = run(&mut host, || {
        assert_eq!(config::get("none"), None);
        assert_eq!(config::require("url")?, "https://a.example");
        assert_eq!(
            (config::parse::<u32>("days")?, config::parse::<u32>("none")?),
            (Some(7), None)
        );
        assert_eq!(
            config::json::<Vec<String>>("list")?,
            Some(vec!["a".into(), "b".into()])
        );
        let keys: Vec<_> = config::entries().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["days", "empty", "list", "url"]);
        Ok(())
    });
    assert_eq!(ok.result, Ok(Outcome::Done));
    let with = |body: fn() -> Result<(), Error>| refused_by(host.clone(), body);
    assert!(with(|| config::require("none").map(drop)).contains("`none`: it is not set"));
    assert!(with(|| config::require("empty").map(drop)).contains("`empty`: it is not set"));
    assert!(with(|| config::parse::<u32>("url").map(drop)).contains("cannot be read"));
    assert!(with(|| config::json::<u32>("url").map(drop)).contains("`url`"));
}

#[test]
fn a_malformed_payload_is_rejected_with_its_place() {
    let event = Event {
        payload: b"{\"id\": 1}".to_vec(),
        ..any()
    };
    #[derive(serde::Deserialize, Debug)]
    struct Wanted {
        #[expect(dead_code, reason = "only its type matters")]
        id: String,
    }
    let run = Host::new().run(
        |event: Event| event.json::<Wanted>().map(|_| Outcome::Done),
        event,
    );
    let Err(Failure::Reject(why)) = run.result else {
        panic!("{run:?}")
    };
    assert!(
        why.contains("thing.happened") && why.contains("line 1 column 8"),
        "{why}"
    );
}

#[test]
fn a_retry_may_name_its_time() {
    let Failure::Retry(plain) = retry("busy") else {
        panic!()
    };
    assert_eq!((plain.reason.as_str(), plain.after_ms), ("busy", None));
    let Failure::Retry(timed) = retry("busy").after(Duration::from_secs(90)) else {
        panic!()
    };
    assert_eq!(timed.after_ms, Some(90_000));
    assert_eq!(reject("no").after(Duration::from_secs(1)), reject("no"));
}

#[test]
fn lines_carry_captures_and_fields() {
    let order = "A-1";
    let run = run(&mut Host::new(), || {
        log::error!("order {order}", amount = 5 + 5, currency = "eur");
        log::trace!("bare");
        Ok(())
    });
    assert_eq!(
        (run.logs[0].message.as_str(), run.logs[0].level),
        ("order A-1", Level::Error)
    );
    assert_eq!(
        (run.logs[0].field("amount"), run.logs[0].field("currency")),
        (Some("10"), Some("eur"))
    );
    assert_eq!(
        (run.logs[1].field("amount"), run.logs[1].level),
        (None, Level::Trace)
    );
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Logs what it is run on, and schedules what its payload says: pairs of key and days.
fn planner(event: Event) -> Result<Outcome, Failure> {
    log::info!(
        "ran",
        kind = event.kind,
        key = event.scheduled().unwrap_or("-"),
        cause = event.fact("cause").unwrap_or("-"),
        created = event.created_ms.unwrap_or(0),
        received = event.received_ms
    );
    let plan: Vec<(String, u32)> = event.json().unwrap_or_default();
    for (key, days) in plan {
        schedule::after(DAY * days, "planned")
            .json(&json!([["next", 1]]))
            .put(&key)?;
    }
    done()
}

fn keys(host: &Host) -> Vec<&str> {
    host.scheduled().keys().map(String::as_str).collect()
}

#[test]
fn what_is_scheduled_runs_when_it_is_due() {
    let mut host = Host::new();
    let first = event("plan", &json!([["b", 3], ["a", 1]]));
    host.run(planner, first.clone());
    let start = host.now_ms();
    assert_eq!(start, first.received_ms);
    assert_eq!(keys(&host), ["a", "b"]);
    assert_eq!(host.advance(planner, DAY - Duration::from_millis(1)), []);

    let runs = host.advance(planner, Duration::from_millis(1));
    let [run] = &runs[..] else { panic!("{runs:?}") };
    let line = &run.logs[0];
    assert_eq!(line.field("key"), Some("a"));
    assert_eq!(line.field("kind"), Some("planned"));
    assert_eq!(line.field("cause"), Some(first.id.as_str()));
    let due = (start + 86_400_000).to_string();
    assert_eq!(line.field("created"), Some(due.as_str()));
    assert_eq!(line.field("received"), Some(due.as_str()));
    // What ran has scheduled the next, which falls due before the other one, and so on; the
    // other one puts off what was to run with it.
    let runs = host.advance(planner, 2 * DAY);
    let ran: Vec<_> = runs.iter().map(|run| run.logs[0].field("key")).collect();
    assert_eq!(ran, [Some("next"), Some("b")]);
    assert_eq!(host.now_ms(), start + 3 * 86_400_000);
    assert_eq!(host.scheduled()["next"].due_ms, start + 4 * 86_400_000);
}

#[test]
fn a_schedule_is_replaced_cancelled_and_committed_as_all_effects_are() {
    let mut host = Host::new();
    run(&mut host, || {
        schedule::after(DAY, "first").put("a")?;
        schedule::after(3 * DAY, "second").subject("s").put("a")?;
        schedule::at_ms(0, "past").payload("x").put("b")?;
        schedule::after(DAY, "gone").put("c")?;
        schedule::cancel("c")?;
        schedule::cancel("none")
    });
    assert_eq!(keys(&host), ["a", "b"]);
    let second = &host.scheduled()["a"];
    assert_eq!(second.event.kind, "second");
    assert_eq!(second.event.subject.as_deref(), Some("s"));
    assert_eq!(second.due_ms, host.now_ms() + 3 * 86_400_000);
    assert_eq!(
        host.scheduled()["b"].due_ms,
        host.now_ms(),
        "a time that has passed is now"
    );
    let before = host.scheduled().clone();
    host.run(
        |_| -> Result<Outcome, Failure> {
            schedule::cancel("a")?;
            schedule::after(DAY, "never").put("d")?;
            Err(retry("later"))
        },
        event("other", &json!({})),
    );
    assert_eq!(*host.scheduled(), before);
    let failing = |_| Err::<Outcome, _>(retry("later"));
    assert_eq!(host.advance(failing, DAY).len(), 1);
    assert_eq!(keys(&host), ["a"], "one that failed is not run again");
}

#[test]
fn what_cannot_be_scheduled_is_refused() {
    let why = |problem: ScheduleProblem| {
        let key = match problem {
            ScheduleProblem::InvalidKey => "",
            _ => "k",
        };
        Error::Schedule {
            key: key.into(),
            problem,
        }
        .to_string()
    };
    assert_eq!(
        refused(|| schedule::after(DAY, "e").put("")),
        why(ScheduleProblem::InvalidKey)
    );
    assert_eq!(
        refused(|| schedule::cancel("")),
        why(ScheduleProblem::InvalidKey)
    );
    assert_eq!(
        refused_by(Host::new().effects_limit(10), || {
            schedule::after(DAY, "e").payload("0123456789").put("k")
        }),
        why(ScheduleProblem::TooLarge)
    );
    for late in [
        schedule::after(401 * DAY, "e"),
        schedule::after(Duration::MAX, "e"),
        schedule::at_ms(u64::MAX, "e"),
        schedule::after(DAY, ""),
    ] {
        assert!(refused(|| late.put("k")).starts_with("schedule key \"k\": "));
    }
}

#[test]
fn answers_are_asked_for_and_come_as_events() {
    let mut host = Host::new();
    let sent = run(&mut host, || {
        outbox::post("https://a.example/ship")
            .respond("order-1")
            .send()?;
        Ok(())
    })
    .sent
    .remove(0);
    assert_eq!(sent.request.respond.as_deref(), Some("order-1"));
    let answer = super::response(&sent, 201, "{\"id\":\"ship_1\"}");
    let read = answer.response().unwrap().unwrap();
    assert!(read.is_success());
    assert_eq!(
        (read.status, read.correlation.as_str()),
        (Some(201), "order-1")
    );
    assert_eq!(read.idempotency_key, sent.key);
    assert_eq!(read.json::<serde_json::Value>().unwrap()["id"], "ship_1");
    let refused = super::response(&sent, 422, "no")
        .response()
        .unwrap()
        .unwrap();
    assert_eq!(
        (refused.is_success(), refused.error.as_deref()),
        (false, Some("answered 422"))
    );
    let none = super::no_response(&sent, "no route")
        .response()
        .unwrap()
        .unwrap();
    assert_eq!((none.status, none.body()), (None, Vec::new()));
    assert_eq!(none.error.as_deref(), Some("no route"));
    // The type is the gateway's, and an answer is a link of a chain.
    let own = refused_by(Host::new(), || {
        emit::event("outbox.response").send().map(drop)
    });
    assert!(own.contains("outbox.response"), "{own}");
    let deep = refused_by(Host::new().refuse_to_emit(), || {
        outbox::post("https://a.example/")
            .respond("x")
            .send()
            .map(drop)
    });
    assert!(deep.contains("too deep"), "{deep}");
}
