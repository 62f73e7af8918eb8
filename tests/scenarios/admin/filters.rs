//! Lists of events by what is in them, page by page.

use serde_json::{Value, json};

use super::{ask, read, texts};
use crate::harness::{Event, Gateway, Handler, Manifest, Site};

/// An event of an account about an object, with an amount.
fn event(id: &str, account: &str, object: &str, amount: u64) -> Event {
    let mut event = Event::about(
        id,
        "charge.succeeded",
        json!({ "id": object, "object": "charge", "amount": amount, "paid": true,
                "steps": [{ "do": "done" }] }),
    );
    let mut body: Value = serde_json::from_slice(&event.body).unwrap();
    body["account"] = account.into();
    event.body = serde_json::to_vec(&body).unwrap();
    event
}

fn filled() -> (Site, Gateway) {
    let site = Site::new(&Manifest::with_one(Handler::new("guest")));
    let gateway = site.start();
    for n in 0..6 {
        let account = if n % 2 == 0 { "acct_even" } else { "acct_odd" };
        let object = format!("ch_{}", n / 2);
        gateway.accepts(&event(&format!("evt_f{n}"), account, &object, 100 * n));
    }
    gateway.settles();
    (site, gateway)
}

/// All items of a list, page by page, with one item a page.
fn walk(gateway: &Gateway, list: &str, query: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = read(
            gateway,
            &format!("/api/{list}?limit=1&order=oldest&{query}{after}"),
        );
        assert!(page["items"].as_array().unwrap().len() <= 1, "{page}");
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let id = |item: &Value| item["provider_id"].as_str().unwrap_or_default().to_owned();
    found.iter().map(id).collect()
}

#[test]
fn events_are_found_by_subject_account_and_a_value_in_the_payload() {
    let (_site, gateway) = filled();
    let events = |query: &str| walk(&gateway, "events", query);
    assert_eq!(events("subject=ch_1"), ["evt_f2", "evt_f3"]);
    assert_eq!(events("account=acct_odd"), ["evt_f1", "evt_f3", "evt_f5"]);
    assert_eq!(events("account=acct_odd&subject=ch_1"), ["evt_f3"]);
    assert_eq!(events("provider_id=evt_f4"), ["evt_f4"]);
    let at = |pointer: &str, value: &str| events(&format!("pointer={pointer}&value={value}"));
    assert_eq!(at("/data/object/id", "ch_2"), ["evt_f4", "evt_f5"]);
    assert_eq!(at("%2Fdata%2Fobject%2Famount", "300"), ["evt_f3"]);
    assert_eq!(at("/data/object/paid", "true").len(), 6);
    assert!(at("/data/object/none", "1").is_empty());
    assert!(at("/data/object", "ch_2").is_empty());
    let all = read(
        &gateway,
        "/api/events?from=0&pointer=/account&value=acct_even",
    );
    assert_eq!(texts(&all, "provider_id"), ["evt_f4", "evt_f2", "evt_f0"]);
    let before = read(
        &gateway,
        "/api/events?to=1000&pointer=/account&value=acct_even",
    );
    assert_eq!(before["items"], json!([]));
}

#[test]
fn deliveries_are_found_by_what_is_in_their_events() {
    let (_site, gateway) = filled();
    let many = |query: &str| walk(&gateway, "deliveries", query).len();
    assert_eq!(many("account=acct_even"), 3);
    assert_eq!(many("subject=ch_0&state=done"), 2);
    assert_eq!(many("pointer=/data/object/amount&value=500"), 1);
    assert_eq!(many("subject=ch_0&state=dead"), 0);
}

#[test]
fn filters_with_mistakes_are_told() {
    let (_site, gateway) = filled();
    for query in [
        "pointer=/data",
        "value=x",
        "pointer=data&value=x",
        "pointer=/~2&value=x",
        "subjekt=ch_1",
    ] {
        let answer = ask(&gateway, "", "GET", &format!("/api/events?{query}"), "");
        assert_eq!(answer.status, 400, "{query}: {answer:?}");
    }
}
