//! Tests of requests, their responses, and emitted events.

use serde_json::json;

use super::{refused, refused_by, run};
use crate::response::KIND as OUTBOX_RESPONSE;
use crate::testing::{Host, event, no_response, response};
use crate::{Outcome, emit, outbox};

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
    let answer = response(&sent, 201, "{\"id\":\"ship_1\"}");
    let read = answer.response().unwrap().unwrap();
    assert!(read.is_success());
    assert_eq!(
        (read.status, read.correlation.as_str()),
        (Some(201), "order-1")
    );
    assert_eq!(read.idempotency_key, sent.key);
    assert_eq!(read.json::<serde_json::Value>().unwrap()["id"], "ship_1");
    let refused = response(&sent, 422, "no").response().unwrap().unwrap();
    assert_eq!(
        (refused.is_success(), refused.error.as_deref()),
        (false, Some("answered 422"))
    );
    let none = no_response(&sent, "no route").response().unwrap().unwrap();
    assert_eq!((none.status, none.body()), (None, Vec::new()));
    assert_eq!(none.error.as_deref(), Some("no route"));
    // The type is reserved for the gateway, and a response counts as an emitted event.
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

#[test]
fn what_the_gateway_sends_is_read() {
    let payload = serde_json::json!({
        "outcome": "dead", "idempotency_key": "k", "correlation": "order-1", "status": 422,
        "headers": [["content-type", "text/plain"]], "body": "//4=", "encoding": "base64",
        "truncated": true, "tries": 2, "error": "answered 422",
    });
    let carrying = event(OUTBOX_RESPONSE, &payload);
    let response = carrying.response().unwrap().unwrap();
    assert!(!response.is_success());
    assert_eq!(response.body(), [0xff, 0xfe]);
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(serde_json::to_value(&response).unwrap(), payload);
    assert!(response.json::<u32>().is_err());
    let other = event("other", &payload);
    assert_eq!(other.response().unwrap(), None);
}
