//! Replays have what was recorded, unless the operator has the gateway ask anew.

use super::*;
use crate::harness::{component, eventually};

#[test]
fn a_replay_has_the_recorded_object_unless_it_asks_anew() {
    let api = Receiver::with(|request| {
        Reply::Body(200, json!({ "version": request.before }).to_string())
    });
    let source = resolve(&api, "").replace("\"${STRIPE_API_KEY}\"", "{ file = \"key\" }");
    let site = Site::new(&manifest(&source));
    std::fs::write(site.path("key"), KEY).unwrap();
    let gateway = start(&site);
    let id = gateway.accepts(&thin("evt_1", "/v1/x"));
    assert_eq!(told(&site, "evt_1")["object"], r#"{"version":0}"#);
    gateway.settles();
    let replay = |arguments: &[&str]| {
        let mut all = vec![id.as_str()];
        all.extend(arguments);
        let told = run(&site, &gateway, "replay", &all);
        assert_eq!(told["replayed"], 1, "{told}");
        gateway.settles();
    };
    replay(&[]);
    let attempts = site.ledger().attempts("evt_1", "guest");
    assert_eq!(attempts.len(), 2);
    assert_eq!(told(&site, "evt_1")["object"], r#"{"version":0}"#);
    assert_eq!(api.requests().len(), 1);
    replay(&["--refetch"]);
    assert_eq!(told(&site, "evt_1")["object"], r#"{"version":1}"#);
    assert_eq!(site.ledger().attempts("evt_1", "guest").len(), 3);

    // A shadow replay has the recorded object, and asks nothing.
    let guest = site.path("same.wasm");
    std::fs::write(&guest, component("conformance")).unwrap();
    let shadow = ["--shadow", guest.to_str().unwrap(), "--handler", "guest"];
    let compared = run(&site, &gateway, "replay", &shadow);
    assert_eq!(
        (&compared["compared"], &compared["different"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(api.requests().len(), 2);

    // What was told is erased with the event.
    run(&site, &gateway, "events erase", &[&id]);
    let detail = shown(&site, &gateway, &id);
    assert_eq!(
        (&detail["resolved"], &detail["payload"]["text"]),
        (&json!(null), &json!(""))
    );
    let left = "SELECT count(*) FROM resolved";
    assert_eq!(site.ledger().count(left, []), 0);
}

#[test]
fn an_event_that_gets_a_route_later_is_resolved_then() {
    let api = api(json!({ "id": "x" }));
    let without = Manifest::new()
        .section(&resolve(&api, ""))
        .handler(Handler::new("guest"))
        .route("other", &["guest"]);
    let site = Site::new(&without);
    let gateway = start(&site);
    let id = gateway.accepts(&thin("evt_1", "/v1/x"));
    assert!(api.requests().is_empty());
    let before = gateway.generation();
    site.write_manifest(&manifest(&resolve(&api, "")).text());
    eventually("the route is there", || gateway.generation() > before);
    run(&site, &gateway, "replay", &["--routes", &id]);
    assert_eq!(told(&site, "evt_1")["object"], r#"{"id":"x"}"#);
}

#[test]
fn an_operator_hurries_or_gives_up_what_waits() {
    let api = Receiver::with(|request| match request.path.as_str() {
        "/v1/mended" => Reply::Body(200, json!({ "id": "x" }).to_string()),
        _ => Reply::Status(403),
    });
    let site = Site::new(&manifest(&resolve(&api, "")));
    let gateway = start(&site);
    let event = gateway.accepts(&thin("evt_1", "/v1/x"));
    let to_mend = |many: u8| {
        eventually("it is counted", || {
            gateway.status_at("/resolving/stripe/to_mend") == json!(many)
        });
    };
    to_mend(1);
    let asked = api.requests().len();
    let delivery = shown(&site, &gateway, &event)["history"][0]["seq"].to_string();
    let act = |verb: &str| run(&site, &gateway, &format!("deliveries {verb}"), &[&delivery]);
    act("retry");
    eventually("it is asked at once", || api.requests().len() > asked);
    act("cancel");
    eventually("nothing waits", || {
        gateway.status_at("/ledger/resolving") == json!(0)
    });
    let shown = shown(&site, &gateway, &event);
    assert_eq!(shown["resolving"], Value::Null);
    assert_eq!(shown["history"][0]["state"], "dead");
    // A replay asks after all.
    run(&site, &gateway, "replay", &[&event]);
    to_mend(1);
    assert_eq!(gateway.status_at("/ledger/resolving"), json!(1));
}
