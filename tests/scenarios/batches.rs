//! Requests that carry several events: the gateway records each event with its own bytes, and
//! all of them or none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::harness::{Answer, Gateway, Handler, Manifest, Site, hmac_sha256, post};

const SOURCES: &str = r#"
[sources.adyen]
path = "/webhooks/adyen"
scheme = "adyen"
secrets = ["00ff00ff"]

[sources.gocardless]
path = "/webhooks/gocardless"
scheme = "gocardless"
secrets = ["gc_secret"]
"#;

fn site() -> Site {
    let manifest = Manifest::with_one(Handler::new("guest"))
        .section(SOURCES)
        .route_of("gocardless", "payments.*", &["guest"], "");
    Site::new(&manifest)
}

/// Makes an item as Adyen writes it, signed over its eight fields.
fn item(psp: &str, value: u64) -> String {
    let signed = format!("{psp}::Shop:order-{psp}:{value}:EUR:AUTHORISATION:true");
    let signature = STANDARD.encode(hmac_sha256(&[0, 0xff, 0, 0xff], signed.as_bytes()));
    // The spaces and the order of fields are unlike those of any serialiser.
    format!(
        r#"{{ "NotificationRequestItem":{{"success":"true", "eventCode":"AUTHORISATION","pspReference":"{psp}","merchantAccountCode":"Shop","merchantReference":"order-{psp}","amount":{{"currency":"EUR", "value":{value}}},"additionalData":{{"hmacSignature":"{signature}"}} }} }}"#
    )
}

fn adyen(gateway: &Gateway, items: &[String]) -> Answer {
    let body = format!(
        "{{\"live\":\"false\",\"notificationItems\":[{}]}}",
        items.join(" , ")
    );
    post(gateway.ingress, "/webhooks/adyen", &[], body.as_bytes()).unwrap()
}

#[test]
fn adyens_items_are_events_with_their_own_bytes() {
    let site = site();
    let gateway = site.start();
    let items = [item("P1", 100), item("P2", 200), item("P3", 300)];
    let answer = adyen(&gateway, &items);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"[accepted]"[..]));
    let ids = answer.header("tollgate-event-id").unwrap();
    assert_eq!(ids.split(',').count(), 3);
    let ledger = site.ledger();
    assert_eq!(ledger.events(), 3);
    for (psp, item) in ["P1", "P2", "P3"].iter().zip(&items) {
        let id = format!("{psp}|AUTHORISATION|true");
        assert_eq!(ledger.payload(&id), item.as_bytes());
    }
    // A resend has one new item. The others are duplicates.
    let again = adyen(&gateway, &[items[1].clone(), item("P4", 400)]);
    assert_eq!(again.status, 200);
    assert_eq!(ledger.events(), 4);
    assert_eq!(gateway.status_at("/ledger/duplicates"), 1);
}

#[test]
fn one_forged_item_refuses_the_whole_request() {
    let site = site();
    let gateway = site.start();
    // A library that checks only the first item would accept two of these three.
    for at in 0..3 {
        let mut items = [item("P1", 100), item("P2", 200), item("P3", 300)];
        items[at] = items[at].replace("00},", "01},");
        let answer = adyen(&gateway, &items);
        assert_eq!((answer.status, &answer.body[..]), (400, &b""[..]), "{at}");
    }
    let unsigned = item("P2", 200).replace("hmacSignature", "hmac");
    assert_eq!(adyen(&gateway, &[item("P1", 100), unsigned]).status, 400);
    assert_eq!(site.ledger().events(), 0);
    assert_eq!(gateway.status_at("/rejections/adyen/signature_mismatch"), 3);
    assert_eq!(adyen(&gateway, &[item("P1", 100)]).status, 200);
}

#[test]
fn gocardlesss_events_are_recorded_together_or_not_at_all() {
    let site = site();
    let gateway = site.start();
    let deliver = |body: &str, signed: &str| {
        let signature = hex::encode(hmac_sha256(b"gc_secret", signed.as_bytes()));
        let headers = [("webhook-signature", signature.as_str())];
        post(
            gateway.ingress,
            "/webhooks/gocardless",
            &headers,
            body.as_bytes(),
        )
        .unwrap()
    };
    let event = |n: u32| {
        let steps = json!([{ "do": "add", "key": "paid" }]);
        format!(
            r#"{{ "id":"EV{n}", "resource_type":"payments","action":"confirmed","data":{{"object":{{"steps":{steps}}}}} }}"#
        )
    };
    let many: Vec<String> = (0..250).map(event).collect();
    let body = format!("{{\"events\":[{}]}}", many.join(",\n"));
    let forged = body.replace("EV249", "EV250");
    assert_eq!(deliver(&forged, &body).status, 498);
    let ledger = site.ledger();
    assert_eq!(ledger.events(), 0);
    // One event lacks its id, although the whole body is signed correctly. It takes no other event
    // with it.
    let headless = body.replace("\"id\":\"EV100\"", "\"no\":\"EV100\"");
    assert_eq!(deliver(&headless, &headless).status, 204);
    assert_eq!(ledger.events(), 250);
    let unreadable = ledger.count("SELECT count(*) FROM events WHERE kind = 'unreadable'", []);
    assert_eq!(unreadable, 1);
    assert_eq!(deliver(&body, &body).status, 204);
    assert_eq!(ledger.events(), 251, "the one with its id is new");
    assert_eq!(ledger.payload("EV249"), event(249).as_bytes());
    assert_eq!(deliver(&body, &body).status, 204, "all are known");
    gateway.settles();
    assert_eq!(ledger.events(), 251);
    assert_eq!(ledger.state("guest", "paid").as_deref(), Some("250"));
}
