//! What is asked, and how.

use super::*;
use crate::harness::stays;
use std::time::Duration;

#[test]
fn the_object_is_read_as_the_official_libraries_read_it() {
    let api = Receiver::with(|request| {
        let about = if request.path.starts_with("/v2/core/events/") {
            json!({ "id": "evt_thin", "changes": { "before": {} } })
        } else {
            json!({ "id": "pi_1", "amount": 4200 })
        };
        Reply::Body(200, about.to_string())
    });
    let site = Site::new(&manifest(&resolve(&api, ", event = true")));
    let gateway = start(&site);
    let event = thin_with(
        "evt_thin",
        json!({
            "context": "org_1/acct_2",
            "reason": { "type": "request", "request": null },
            "related_object": { "id": "pi_1", "url": "/v1/payment_intents/pi_1" },
        }),
    );
    let id = gateway.accepts(&event);
    let fields = told(&site, "evt_thin");
    assert_eq!(fields["object"], r#"{"amount":4200,"id":"pi_1"}"#);
    assert_eq!(
        fields["event"],
        r#"{"changes":{"before":{}},"id":"evt_thin"}"#
    );
    let read: u64 = fields["read_ms"].as_str().unwrap().parse().unwrap();
    assert!(read / 1000 <= now() && read / 1000 + 60 > now());

    check_requests(&api);
    let shown = shown(&site, &gateway, &id);
    let text = &shown["resolved"]["object"]["found"]["text"];
    assert_eq!(text, r#"{"amount":4200,"id":"pi_1"}"#);
    assert_eq!(shown["resolved"]["tries"], 1);
    let payload = shown["payload"]["text"].as_str().unwrap();
    assert_eq!(
        payload.as_bytes(),
        event.body,
        "the event stays what it was"
    );
    let status = gateway.status();
    let of = &status["resolving"]["stripe"];
    assert_eq!((&of["requests"], &of["answered"]), (&json!(2), &json!(2)));
    assert_eq!(status["ledger"]["resolved"], 1);

    let stderr = gateway.stop();
    assert!(!stderr.contains(KEY), "{stderr}");
    for (path, bytes) in site.data_files() {
        let found = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
        assert!(!found, "{}", path.display());
    }
}

/// Checks the requests for `evt_thin`.
fn check_requests(api: &Receiver) {
    let requests = api.requests();
    let paths: Vec<_> = requests.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(
        paths,
        ["/v1/payment_intents/pi_1", "/v2/core/events/evt_thin"]
    );
    for request in &requests {
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        assert_eq!(
            (request.method.as_str(), request.body.as_str()),
            ("GET", "")
        );
        assert_eq!(header("authorization"), Some(&*format!("Bearer {KEY}")));
        assert_eq!(header("stripe-version"), Some("2026-09-30.endive"));
        assert_eq!(header("stripe-request-trigger"), Some("event=evt_thin"));
        assert_eq!(header("stripe-context"), Some("org_1/acct_2"));
        for absent in [
            "stripe-account",
            "idempotency-key",
            "content-length",
            "cookie",
        ] {
            assert_eq!(header(absent), None, "{absent}");
        }
    }
}

#[test]
fn what_has_no_object_to_ask_for_is_handled_at_once() {
    let api = api(json!({ "id": "x" }));
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    let none = [
        thin_with("evt_none", json!({})),
        thin_with(
            "evt_bare",
            json!({ "related_object": { "type": "balance" } }),
        ),
        thin_with(
            "evt_odd",
            json!({ "context": 7, "related_object": { "url": "/v1/x" } }),
        ),
        Event::with_id(
            "evt_snapshot",
            "payment_intent.succeeded",
            json!({ "do": "resolved" }),
        ),
    ];
    for event in &none {
        gateway.accepts(event);
        assert_eq!(told(&site, &event.id), json!({}), "{}", event.id);
    }
    // An object without an id has a URL all the same, and the event itself has its context alone.
    let balance = json!({ "related_object": { "type": "balance", "url": "/v1/balance" } });
    gateway.accepts(&thin_with("evt_balance", balance));
    assert_eq!(told(&site, "evt_balance")["object"], r#"{"id":"x"}"#);
    let requests = api.requests();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].headers.contains_key("stripe-context"));
}

#[test]
fn a_url_that_leads_elsewhere_is_never_asked_for() {
    let api = api(json!({ "id": "x" }));
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    let elsewhere = format!("http://{}/v1/x", api.address);
    let tricks = [
        "//evil.example/v1/x",
        elsewhere.as_str(),
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/x%2f..%2fy",
        "/v1/x\\..\\y",
        "/v1//x",
        "/v1/x@evil.example",
        "@evil.example/v1/x",
        "/v3/x",
        "/v1/x\r\nHost: evil.example",
        "/v1/x#y",
    ];
    for (n, url) in tricks.iter().enumerate() {
        let event = thin(&format!("evt_trick_{n}"), url);
        let id = gateway.accepts(&event);
        assert_eq!(told(&site, &event.id), json!({}), "{url}");
        let note = shown(&site, &gateway, &id)["resolved"]["note"].clone();
        let note = note.as_str().unwrap();
        assert!(note.contains("`related_object.url`"), "{url}: {note}");
    }
    assert!(api.requests().is_empty(), "{:?}", api.requests());
}

#[test]
fn redirects_are_not_followed_and_the_event_waits() {
    let other = Receiver::start();
    let to = other.url("/v1/x");
    let api = Receiver::with(move |_| Reply::Redirect(to.clone()));
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    let id = gateway.accepts(&thin("evt_moved", "/v1/x"));
    let waits = until("the redirect is noted", || {
        let waits = shown(&site, &gateway, &id)["resolving"].clone();
        waits["error"].is_string().then_some(waits)
    });
    assert_eq!(
        (&waits["status"], &waits["to_mend"]),
        (&json!(307), &json!(true))
    );
    assert!(other.requests().is_empty());
}

#[test]
fn one_word_of_a_route_names_both_forms() {
    let api = api(json!({ "id": "pi_1" }));
    let manifest = Manifest::new()
        .section(&resolve(&api, ""))
        .handler(Handler::new("guest"))
        .route_of(
            "stripe",
            "payment_intent.succeeded",
            &["guest"],
            "thin = true",
        );
    let site = Site::new(&manifest);
    let gateway = start(&site);
    gateway.accepts(&thin("evt_thin", "/v1/payment_intents/pi_1"));
    let steps = json!({ "do": "resolved" });
    gateway.accepts(&Event::with_id(
        "evt_snap",
        "payment_intent.succeeded",
        steps,
    ));
    assert_eq!(told(&site, "evt_thin")["object"], r#"{"id":"pi_1"}"#);
    assert_eq!(told(&site, "evt_snap"), json!({}));
}

#[test]
fn a_source_without_resolve_asks_nothing() {
    let api = api(json!({}));
    let site = Site::new(&manifest(""));
    let gateway = start(&site);
    gateway.accepts(&thin("evt_thin", "/v1/x"));
    assert_eq!(told(&site, "evt_thin"), json!({}));
    stays("nothing is asked", Duration::from_millis(300), || {
        api.requests().is_empty()
    });
    assert_eq!(gateway.status_at("/resolving"), json!({}));
}
