//! What becomes of each answer.

use std::time::{Duration, Instant};

use super::*;
use crate::harness::{eventually, stays};

#[test]
fn what_is_gone_is_told_and_final() {
    let api = Receiver::with(|request| match request.path.as_str() {
        "/v1/customers/deleted" => {
            Reply::Body(200, json!({ "id": "deleted", "deleted": true }).to_string())
        }
        _ => Reply::Body(
            404,
            json!({ "error": { "code": "resource_missing" } }).to_string(),
        ),
    });
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    let missing = gateway.accepts(&thin("evt_missing", "/v1/plans/missing"));
    gateway.accepts(&thin("evt_deleted", "/v1/customers/deleted"));
    for id in ["evt_missing", "evt_deleted"] {
        assert_eq!(told(&site, id)["object"], "gone");
    }
    gateway.settles();
    assert_eq!(api.requests().len(), 2);
    assert_eq!(
        shown(&site, &gateway, &missing)["resolved"]["object"],
        "gone"
    );
    let ledger = gateway.status_at("/ledger");
    assert_eq!(
        (&ledger["resolved"], &ledger["resolved_gone"]),
        (&json!(2), &json!(2))
    );
}

#[test]
fn errors_and_silence_are_tried_again() {
    let api = Receiver::with(|request| match request.before {
        0 => Reply::Status(500),
        1 => Reply::Reset,
        2 => Reply::Hang(Duration::from_secs(2)),
        3 => Reply::Body(200, "no JSON".to_owned()),
        _ => Reply::Body(200, json!({ "id": "x" }).to_string()),
    });
    let site = Site::new(&manifest(&resolve(&api, ", timeout = \"300ms\"")));
    let gateway = start(&site);
    let id = gateway.accepts(&thin("evt_late", "/v1/x"));
    eventually("the first error is shown", || {
        let waits = shown(&site, &gateway, &id)["history"][0]["waits_for"].clone();
        waits["status"] == 500 && waits["to_mend"] == false
    });
    assert_eq!(site.ledger().delivery("evt_late", "guest"), "pending");
    assert_eq!(told(&site, "evt_late")["object"], r#"{"id":"x"}"#);
    assert_eq!(api.requests().len(), 5);
    assert_eq!(shown(&site, &gateway, &id)["resolved"]["tries"], 5);
    assert_eq!(site.ledger().attempts("evt_late", "guest").len(), 1);
}

#[test]
fn a_host_that_asks_for_time_gets_it_for_all_events() {
    let api = Receiver::with(|request| match request.before {
        0 => Reply::RetryAfter(429, 3),
        _ => Reply::Body(200, json!({ "id": "x" }).to_string()),
    });
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    gateway.accepts(&thin("evt_first", "/v1/x"));
    eventually("the first is refused", || api.requests().len() == 1);
    let refused = api.requests()[0].at;
    eventually("the rest is shown", || {
        gateway
            .status_at("/resolving/stripe/rests_until_ms")
            .is_u64()
    });
    gateway.accepts(&thin("evt_second", "/v1/x"));
    for id in ["evt_first", "evt_second"] {
        assert_eq!(told(&site, id)["object"], r#"{"id":"x"}"#);
    }
    for request in &api.requests()[1..] {
        let waited = request.at - refused;
        assert!(waited >= Duration::from_secs(3), "{waited:?}");
    }
}

#[test]
fn a_refused_key_waits_for_the_operator_and_a_reload_goes_on() {
    let api = Receiver::with(|request| {
        if request.headers["authorization"].ends_with("_new") {
            return Reply::Body(200, json!({ "id": "x" }).to_string());
        }
        let body = json!({ "error": { "message": format!("Invalid API Key: {KEY}") } });
        Reply::Body(401, body.to_string())
    });
    let source = resolve(&api, "").replace("\"${STRIPE_API_KEY}\"", "{ file = \"key\" }");
    let site = Site::new(&manifest(&source));
    std::fs::write(site.path("key"), KEY).unwrap();
    let gateway = start(&site);
    let accept = |n| gateway.accepts(&thin(&format!("evt_{n}"), "/v1/x"));
    let first = accept(0);
    eventually("it is shown", || {
        gateway.status_at("/resolving/stripe/to_mend") == json!(1)
    });
    for n in 1..5 {
        accept(n);
    }
    let status = gateway.status_at("/resolving/stripe");
    assert_eq!(
        (&status["waiting"], &status["last_status"]),
        (&json!(5), &json!(401))
    );
    assert_eq!(status["last_error"], "answered 401: the key is refused");
    // Ready all the same: events are accepted.
    let ready = crate::harness::get(gateway.admin, "/readyz").unwrap();
    let text = String::from_utf8(ready.body).unwrap();
    assert_eq!(ready.status, 200, "{text}");
    assert!(text.contains("wait for their objects"), "{text}");
    stays(
        "a refused key is not tried again and again",
        Duration::from_secs(1),
        || api.requests().len() == 1,
    );
    let first = shown(&site, &gateway, &first);
    assert_eq!(first["history"][0]["waits_for"]["to_mend"], true);

    std::fs::write(site.path("key"), format!("{KEY}_new")).unwrap();
    gateway.hang_up();
    gateway.settles();
    for n in 0..5 {
        assert_eq!(told(&site, &format!("evt_{n}"))["object"], r#"{"id":"x"}"#);
    }
    assert!(!gateway.stop().contains("rk_test"));
}

#[test]
fn what_an_operator_has_to_mend_keeps_no_other_event_back() {
    let api = Receiver::with(|request| match request.path.as_str() {
        "/v1/payouts/po_1" => Reply::Status(403),
        "/v1/large" => Reply::Body(200, json!({ "x": "x".repeat(5000) }).to_string()),
        "/v1/y" => Reply::Body(200, json!({ "id": "z" }).to_string()),
        _ => Reply::Body(200, json!({ "id": "x" }).to_string()),
    });
    let site = Site::new(&manifest(&resolve(&api, ", answer_limit = \"4KiB\"")));
    let gateway = start(&site);
    let stuck = [
        ("evt_forbidden", "/v1/payouts/po_1", 403),
        ("evt_large", "/v1/large", 200),
        ("evt_another", "/v1/y", 200),
    ];
    let ids: Vec<_> = stuck
        .iter()
        .map(|(id, url, _)| gateway.accepts(&thin(id, url)))
        .collect();
    gateway.accepts(&thin("evt_fine", "/v1/x"));
    // The other mode: Stripe would say that the object is not there.
    let live = json!({ "livemode": true, "related_object": { "url": "/v1/x" } });
    let live = gateway.accepts(&thin_with("evt_live", live));
    assert_eq!(told(&site, "evt_fine")["object"], r#"{"id":"x"}"#);
    for (id, (_, _, status)) in ids.iter().zip(&stuck) {
        let waits = until("it is noted", || {
            let waits = shown(&site, &gateway, id)["resolving"].clone();
            (waits["to_mend"] == true).then_some(waits)
        });
        assert_eq!(waits["status"], *status);
    }
    eventually("the mode is noted", || {
        let waits = shown(&site, &gateway, &live)["resolving"]["error"].clone();
        waits.as_str().is_some_and(|why| why.contains("test mode"))
    });
    assert_eq!(site.ledger().unfinished(), 4);
}

#[test]
fn a_source_that_resolves_no_more_lets_its_events_go() {
    let api = Receiver::with(|_| Reply::Status(500));
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    let id = gateway.accepts(&thin("evt_stuck", "/v1/x"));
    eventually("it is asked for", || !api.requests().is_empty());
    site.write_manifest(&manifest("").text());
    assert_eq!(told(&site, "evt_stuck"), json!({}));
    let note = shown(&site, &gateway, &id)["resolved"]["note"].clone();
    assert_eq!(note, "the source does not resolve events");
}

#[test]
fn a_slow_api_delays_no_other_source() {
    let api = Receiver::with(|_| Reply::Hang(Duration::from_secs(20)));
    let other = "[sources.plain]\npath = \"/plain\"\nscheme = \"stripe\"\n\
                 secrets = [\"${TOLLGATE_TEST_SECRET}\"]\n";
    let manifest =
        manifest(&resolve(&api, ""))
            .section(other)
            .route_of("plain", "*", &["guest"], "");
    let site = Site::new(&manifest);
    let gateway = start(&site);
    for n in 0..100 {
        gateway.accepts(&thin(&format!("evt_slow_{n}"), "/v1/x"));
    }
    let event = thin("evt_plain", "/v1/x");
    let signature = crate::harness::sign(crate::harness::SECRET, now(), &event.body);
    let began = Instant::now();
    let headers = [("stripe-signature", signature.as_str())];
    let answer = crate::harness::post(gateway.ingress, "/plain", &headers, &event.body).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(told(&site, "evt_plain"), json!({}));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}
