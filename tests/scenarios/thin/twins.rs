//! A snapshot event and the thin event that names it count once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::harness::{Answer, SECRET, eventually, post, sign};

fn site(api: &Receiver, twins: bool) -> Site {
    let dedup = format!("dedup = {{ twins = {twins} }}\n");
    let second = format!(
        "[sources.thin]\npath = \"/thin\"\nscheme = \"stripe\"\n\
         secrets = [\"${{TOLLGATE_TEST_SECRET}}\"]\n{dedup}{}\n",
        resolve(api, "")
    );
    let manifest = Manifest::new()
        .section(&dedup)
        .section(&second)
        .handler(Handler::new("guest"))
        .route("*", &["guest"])
        .route_of("thin", "*", &["guest"], "");
    Site::new(&manifest)
}

fn snapshot(n: usize) -> Event {
    let steps = json!([{ "do": "add", "key": format!("handled/{n}") }, { "do": "resolved" }]);
    Event::with_id(&format!("evt_snap_{n}"), "payment_intent.succeeded", steps)
}

fn twin(n: usize) -> Event {
    let more = json!({
        "snapshot_event": format!("evt_snap_{n}"),
        "related_object": { "url": "/v1/x" },
        "steps": [{ "do": "add", "key": format!("handled/{n}") }, { "do": "resolved" }],
    });
    thin_with(&format!("evt_thin_{n}"), more)
}

fn post_to(gateway: &Gateway, path: &str, event: &Event) -> Answer {
    let signature = sign(SECRET, now(), &event.body);
    let headers = [("stripe-signature", signature.as_str())];
    let answer = post(gateway.ingress, path, &headers, &event.body).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

#[test]
fn twins_count_once_whichever_comes_first_across_two_endpoints() {
    let api = api(json!({ "id": "x" }));
    let site = site(&api, true);
    let gateway = start(&site);
    let snapshots = crate::harness::PATH;
    let first = post_to(&gateway, snapshots, &snapshot(1));
    let second = post_to(&gateway, "/thin", &twin(1));
    let id = |answer: &Answer| answer.header("tollgate-event-id").unwrap().to_owned();
    assert_eq!(id(&first), id(&second));
    post_to(&gateway, "/thin", &twin(2));
    gateway.settles();
    post_to(&gateway, snapshots, &snapshot(2));
    // At one endpoint, too; and resends of either are duplicates.
    post_to(&gateway, "/thin", &twin(3));
    gateway.settles();
    post_to(&gateway, "/thin", &snapshot(3));
    for n in 1..=3 {
        post_to(&gateway, "/thin", &twin(n));
        post_to(&gateway, snapshots, &snapshot(n));
    }
    // Without a twin.
    let alone = json!({ "snapshot_event": null, "related_object": { "url": "/v1/x" } });
    post_to(&gateway, "/thin", &thin_with("evt_alone", alone));
    gateway.settles();
    let ledger = site.ledger();
    assert_eq!(ledger.events(), 4);
    for n in 1..=3 {
        let handled = ledger.state("guest", &format!("handled/{n}"));
        assert_eq!(handled.as_deref(), Some("1"), "{n}");
    }
    assert_eq!(gateway.status_at("/ledger/duplicates"), json!(9));
    assert_eq!(told(&site, "evt_snap_1"), json!({}));
    assert_eq!(told(&site, "evt_thin_2")["object"], r#"{"id":"x"}"#);
}

#[test]
fn twins_are_two_events_by_default() {
    let api = api(json!({ "id": "x" }));
    let site = site(&api, false);
    let gateway = start(&site);
    post_to(&gateway, crate::harness::PATH, &snapshot(1));
    post_to(&gateway, "/thin", &twin(1));
    gateway.settles();
    assert_eq!(
        site.ledger().state("guest", "handled/1").as_deref(),
        Some("2")
    );
}

/// How often the handler acted on a pair.
fn handled(site: &Site, n: usize) -> Option<String> {
    site.ledger().state("guest", &format!("handled/{n}"))
}

fn id_of(answer: &Answer) -> String {
    answer.header("tollgate-event-id").unwrap().to_owned()
}

#[test]
fn a_snapshot_goes_in_the_place_of_a_twin_that_waits() {
    let refuses = Arc::new(AtomicBool::new(true));
    let api = Receiver::with({
        let refuses = refuses.clone();
        move |_| match refuses.load(Ordering::Relaxed) {
            true => Reply::Status(403),
            false => Reply::Body(200, json!({ "id": "x" }).to_string()),
        }
    });
    let site = site(&api, true);
    let gateway = start(&site);
    let thin = id_of(&post_to(&gateway, "/thin", &twin(1)));
    eventually("the twin waits for an operator", || {
        gateway.status_at("/resolving/thin/to_mend") == json!(1)
    });
    let snapshots = crate::harness::PATH;
    let whole = id_of(&post_to(&gateway, snapshots, &snapshot(1)));
    assert_ne!(thin, whole);
    gateway.settles();
    assert_eq!(handled(&site, 1).as_deref(), Some("1"));
    let ended = shown(&site, &gateway, &thin)["history"][0].clone();
    assert_eq!(ended["state"], "ignored", "{ended:#}");
    let note = &ended["interventions"][0];
    assert_eq!(
        (&note["action"], &note["who"]),
        (&json!("replaced"), &json!("tollgate"))
    );
    assert!(note["why"].as_str().unwrap().contains(&whole), "{note}");
    assert_eq!(gateway.status_at("/ledger/resolving"), json!(0));

    // Nothing of it is asked later, and the forms are known by themselves.
    let asked = api.requests().len();
    refuses.store(false, Ordering::Relaxed);
    gateway.kill();
    let gateway = start(&site);
    assert_eq!(id_of(&post_to(&gateway, "/thin", &twin(1))), thin);
    assert_eq!(id_of(&post_to(&gateway, snapshots, &snapshot(1))), whole);
    post_to(&gateway, "/thin", &twin(2));
    gateway.settles();
    assert_eq!(handled(&site, 1).as_deref(), Some("1"));
    assert_eq!(handled(&site, 2).as_deref(), Some("1"));
    assert_eq!(api.requests().len(), asked + 1);
}

#[test]
fn a_snapshot_is_handled_beside_a_twin_whose_object_is_gone() {
    let api = Receiver::with(|_| Reply::Status(404));
    let site = site(&api, true);
    let gateway = start(&site);
    let thin = id_of(&post_to(&gateway, "/thin", &twin(1)));
    gateway.settles();
    assert_eq!(told(&site, "evt_thin_1")["object"], "gone");
    let whole = id_of(&post_to(&gateway, crate::harness::PATH, &snapshot(1)));
    assert_ne!(thin, whole);
    gateway.settles();
    assert_eq!(told(&site, "evt_snap_1"), json!({}));
    // It counts once from now on.
    assert_eq!(id_of(&post_to(&gateway, "/thin", &snapshot(1))), whole);
    gateway.settles();
    assert_eq!(handled(&site, 1).as_deref(), Some("2"), "both were handled");
}

#[test]
fn a_form_that_no_route_names_stands_for_no_twin() {
    let api = api(json!({ "id": "x" }));
    let dedup = "dedup = { twins = true }\n";
    let manifest = Manifest::new()
        .section(&format!("{dedup}{}", resolve(&api, "")))
        .handler(Handler::new("guest"))
        .route("payment_intent.succeeded", &["guest"]);
    let site = Site::new(&manifest);
    let gateway = start(&site);
    let path = crate::harness::PATH;
    // `thin = true` was forgotten on the route.
    let thin = id_of(&post_to(&gateway, path, &twin(1)));
    let whole = id_of(&post_to(&gateway, path, &snapshot(1)));
    assert_ne!(thin, whole);
    gateway.settles();
    assert_eq!(handled(&site, 1).as_deref(), Some("1"));
    assert_eq!(id_of(&post_to(&gateway, path, &twin(1))), thin);
    assert_eq!(id_of(&post_to(&gateway, path, &snapshot(1))), whole);
    assert_eq!(gateway.status_at("/ledger/unrouted"), json!(1));
}
