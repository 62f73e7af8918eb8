//! Refused requests: what is kept of them, and how much.

use serde_json::{Value, json};

use super::read;
use crate::harness::{Gateway, Manifest, PATH, SECRET, Site, eventually, post};

/// Posts a request whose signature does not hold.
fn refused(gateway: &Gateway, body: &[u8]) {
    let signature = ("stripe-signature", "t=1,v1=00");
    let secret = ("x-shop-token", SECRET);
    let agent = ("user-agent", "<script>alert(1)</script>");
    let answer = post(gateway.ingress, PATH, &[signature, secret, agent], body).unwrap();
    // An address that fails often is told to come later, which is a refusal as well.
    assert!(matches!(answer.status, 400 | 429), "{answer:?}");
}

fn listed(gateway: &Gateway, query: &str) -> Vec<Value> {
    let list = read(gateway, &format!("/api/rejections?limit=500&{query}"));
    list["items"].as_array().unwrap().clone()
}

fn started(rejections: &str) -> (Site, Gateway) {
    let ledger = "url = \"sqlite:data/tollgate.db\"\n";
    let text = Manifest::new().text();
    let text = text.replace(ledger, &format!("{ledger}{rejections}\n"));
    let site = Site::new(&Manifest::new());
    site.write_manifest(&text);
    let gateway = site.start();
    (site, gateway)
}

#[test]
fn a_refused_request_is_kept_without_secrets() {
    let (site, gateway) = started("");
    refused(&gateway, b"a body that nobody signed");
    let lost = post(gateway.ingress, "/lost?key=hush", &[], b"x").unwrap();
    assert_eq!(lost.status, 404);
    eventually("both are kept", || listed(&gateway, "").len() == 2);
    let of_source = listed(&gateway, "source=stripe");
    let [kept] = &of_source[..] else {
        panic!("{of_source:?}");
    };
    assert_eq!(kept["method"], "POST");
    assert_eq!(kept["path"], PATH);
    assert_eq!(kept["more"], 0);
    assert_eq!(kept["body"], Value::Null);
    assert!(kept["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    let headers = kept["headers"].as_array().unwrap();
    let has = |name: &str, value: &str| headers.contains(&json!([name, value]));
    assert!(has("user-agent", "<script>alert(1)</script>"), "{kept:#}");
    assert!(has("stripe-signature", "(9 bytes)"), "{kept:#}");
    assert!(!kept.to_string().contains(SECRET), "{kept:#}");
    let of_none = listed(&gateway, "source=-&code=unknown_path");
    assert_eq!(of_none[0]["path"], "/lost", "{of_none:?}");
    assert!(!of_none[0].to_string().contains("hush"), "{of_none:?}");
    assert!(listed(&gateway, "code=none").is_empty());
    assert!(listed(&gateway, "to=1000").is_empty());
    // They outlive the process.
    let before = listed(&gateway, "");
    gateway.stop();
    let again = site.start();
    assert_eq!(listed(&again, ""), before);
}

#[test]
fn the_first_bytes_of_a_body_are_kept_where_the_manifest_says_so() {
    let (_site, gateway) = started("rejections = { body = 6 }");
    eventually("bytes are kept", || {
        refused(&gateway, b"a body that nobody signed");
        let kept = listed(&gateway, "limit=1");
        kept.first()
            .is_some_and(|kept| kept["body"] == json!({ "text": "a body" }))
    });
}

#[test]
fn a_flood_of_refused_requests_is_kept_in_part_and_counted_whole() {
    let (site, gateway) = started("rejections = { keep = 4 }");
    for _ in 0..300 {
        refused(&gateway, b"{}");
    }
    let counted = gateway.status_at("/rejections/stripe");
    let counted = counted.as_object().unwrap().values();
    assert_eq!(counted.filter_map(Value::as_u64).sum::<u64>(), 300);
    let ledger = site.ledger();
    let rows = || ledger.count("SELECT count(*) FROM rejections", []);
    eventually("some are kept", || rows() > 0);
    // Later ones make the table no longer.
    eventually("old ones go", || {
        refused(&gateway, b"{}");
        rows() == 4
    });
    let kept = listed(&gateway, "");
    assert!(kept.len() <= 4, "{kept:?}");
    let newest = kept[0]["seq"].as_i64().unwrap();
    assert!(newest < 100, "most of them were not kept: {newest}");
}
