//! What is rightly signed is never lost: events that cannot be read, equal bytes that are two
//! facts, rules that no provider has, and test mode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Connection, Gateway, Handler, Manifest, SECRET, Site, get, hmac_sha256, now, post,
    request, run, sign, tollgate, try_run, verify,
};

/// A site whose guest handles what its routes name. The guest runs the steps of the payload, if
/// there are any.
fn site(sections: &str, routes: &[(&str, &str)]) -> Site {
    let mut manifest = Manifest::with_one(Handler::new("guest")).section(sections);
    for (source, events) in routes {
        manifest = manifest.route_of(source, events, &["guest"], "");
    }
    Site::new(&manifest)
}

fn stripe_at(gateway: &Gateway, time: u64, body: &[u8]) -> Answer {
    gateway.post_signed(&sign(SECRET, time, body), body)
}

/// The recorded events, each as `show` gives it, in the order of arrival.
fn recorded(site: &Site, gateway: &Gateway) -> Vec<Value> {
    let list = run(site, gateway, "events list", &[]);
    let ids: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    let show = |id: &String| run(site, gateway, "events show", &[id]);
    ids.iter().map(show).collect()
}

fn metadata<'v>(event: &'v Value, name: &str) -> Option<&'v str> {
    let pairs = event["metadata"].as_array().unwrap();
    let found = pairs.iter().find(|pair| pair[0] == name)?;
    found[1].as_str()
}

#[test]
fn what_cannot_be_read_is_recorded_counted_and_routed_by_its_name() {
    let site = site("", &[("stripe", "unreadable")]);
    let gateway = site.start();
    let time = now();
    let bodies: [&[u8]; 5] = [
        b"no JSON",
        br#"{"id":"evt_1"}"#,
        br#"{"id":"evt_1","type":{"name":"x"}}"#,
        br#"{"id":"evt_1","type":"\ud800"}"#,
        br#"{"id":"\udc00","type":"a"}"#,
    ];
    for body in bodies {
        assert_eq!(stripe_at(&gateway, time, body).status, 200);
        // The same request again is a duplicate.
        assert_eq!(stripe_at(&gateway, time, body).status, 200);
    }
    gateway.settles();
    let events = recorded(&site, &gateway);
    assert_eq!(events.len(), bodies.len());
    for (event, body) in events.iter().zip(bodies) {
        assert_eq!(event["kind"], "unreadable");
        assert!(metadata(event, "unreadable").unwrap().len() > 10, "{event}");
        assert_eq!(event["deliveries"].as_array().unwrap().len(), 1, "{event}");
        let payload = site
            .ledger()
            .count("SELECT count(*) FROM bodies WHERE payload = ?1", [body]);
        assert_eq!(payload, 1);
    }
    assert_eq!(gateway.status_at("/notices/stripe/unreadable"), 5);
    assert_eq!(gateway.status_at("/rejections/stripe"), Value::Null);
    // A line a minute, whatever comes.
    let log = gateway.stderr();
    assert_eq!(
        log.matches("recorded an event that cannot be read").count(),
        1,
        "{log}"
    );
    // What is forged is refused as before.
    assert_eq!(
        gateway
            .post_signed(&format!("t={time},v1=00"), b"no JSON")
            .status,
        400
    );
}

#[test]
fn a_source_may_refuse_what_cannot_be_read() {
    let section = "[sources.strict]\npath = \"/strict\"\nscheme = \"gocardless\"\n\
                   secrets = [\"gc\"]\non_unreadable = \"refuse\"\n\
                   [sources.kept]\npath = \"/kept\"\nscheme = \"gocardless\"\nsecrets = [\"gc\"]\n";
    let site = site(section, &[]);
    let gateway = site.start();
    let body = br#"{"events":[{"id":"E1","resource_type":"a","action":"b"},{"id":"E2"}]}"#;
    let signature = hex::encode(hmac_sha256(b"gc", body));
    let headers = [("webhook-signature", signature.as_str())];
    let status = |path| post(gateway.ingress, path, &headers, body).unwrap().status;
    assert_eq!((status("/strict"), status("/kept")), (498, 204));
    let kinds: Vec<Value> = recorded(&site, &gateway)
        .into_iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds, ["a.b", "unreadable"]);
    let forged = [("webhook-signature", "00")];
    assert_eq!(
        post(gateway.ingress, "/kept", &forged, body)
            .unwrap()
            .status,
        498
    );
}

const SHOPIFY: &str =
    "[sources.shopify]\npath = \"/shopify\"\nscheme = \"shopify\"\nsecrets = [\"sh\"]\n";

fn redact(gateway: &Gateway, path: &str, id: &str) {
    let body = br#"{"shop_id":1,"shop_domain":"a.myshopify.com"}"#;
    let signature = STANDARD.encode(hmac_sha256(b"sh", body));
    let headers = [
        ("x-shopify-hmac-sha256", signature.as_str()),
        ("x-shopify-topic", "shop/redact"),
        ("x-shopify-event-id", id),
        ("x-shopify-triggered-at", "2026-11-01T00:00:00Z"),
    ];
    assert_eq!(
        post(gateway.ingress, path, &headers, body).unwrap().status,
        200
    );
}

#[test]
fn equal_bytes_under_another_id_are_another_event_and_marked() {
    let strict = SHOPIFY
        .replace("shopify]", "strict]")
        .replace("/shopify", "/strict");
    let sections = format!("{SHOPIFY}{strict}dedup = {{ by = \"bytes\" }}\n");
    let site = site(&sections, &[("shopify", "*"), ("strict", "*")]);
    let gateway = site.start();
    for path in ["/shopify", "/strict"] {
        redact(&gateway, path, "e1");
        redact(&gateway, path, "e2");
        redact(&gateway, path, "e2");
    }
    gateway.settles();
    let events = recorded(&site, &gateway);
    assert_eq!(events.len(), 4, "a resend is a duplicate");
    for (pair, routed) in events.chunks(2).zip([1, 0]) {
        assert_eq!(metadata(&pair[0], "same_bytes_as"), None);
        assert_eq!(metadata(&pair[1], "same_bytes_as"), pair[0]["id"].as_str());
        assert_eq!(pair[0]["deliveries"].as_array().unwrap().len(), 1);
        assert_eq!(pair[1]["deliveries"].as_array().unwrap().len(), routed);
    }
    assert_eq!(gateway.status_at("/notices/shopify/same_bytes"), 1);
    assert_eq!(gateway.status_at("/notices/strict/same_bytes"), 1);
    assert_eq!(gateway.status_at("/ledger/duplicates"), 2);
}

#[test]
fn events_of_test_mode_are_recorded_and_go_to_no_handler() {
    let section = "[sources.live]\npath = \"/live\"\nscheme = \"stripe\"\nsecrets = [\"whsec_x\"]\n\
                   livemode = true\n";
    let site = site(section, &[("live", "*")]);
    let gateway = site.start();
    let send = |id: &str, more: &str| {
        let body = format!(r#"{{"id":"{id}","type":"a.b"{more}}}"#);
        let signature = sign("whsec_x", now(), body.as_bytes());
        let headers = [("stripe-signature", signature.as_str())];
        let answer = post(gateway.ingress, "/live", &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200);
    };
    send("evt_test", r#","livemode":false,"account":"acct_1""#);
    send("evt_live", r#","livemode":true"#);
    send("evt_silent", "");
    gateway.settles();
    let events = recorded(&site, &gateway);
    let seen: Vec<(Option<&str>, usize)> = events
        .iter()
        .map(|event| {
            let deliveries = event["deliveries"].as_array().unwrap().len();
            (metadata(event, "livemode"), deliveries)
        })
        .collect();
    assert_eq!(seen, [(Some("false"), 0), (Some("true"), 1), (None, 1)]);
    assert_eq!(gateway.status_at("/notices/live/other_mode"), 1);
    // A replay of many leaves the event out; whoever names the event means it.
    let deliveries = || {
        let events = recorded(&site, &gateway);
        events[0]["deliveries"].as_array().unwrap().len()
    };
    let many = ["--source", "live", "--routes", "--yes"];
    let (_, told, stderr) = try_run(&site, &gateway, "replay", &many);
    assert!(told.to_string().contains("`livemode`"), "{told} {stderr}");
    assert_eq!(deliveries(), 0);
    let id = events[0]["id"].as_str().unwrap();
    run(&site, &gateway, "replay", &[id, "--routes"]);
    assert_eq!(deliveries(), 1);
}

#[test]
fn a_report_of_adyen_has_colons_in_its_reference() {
    let section =
        "[sources.adyen]\npath = \"/adyen\"\nscheme = \"adyen\"\nsecrets = [\"00ff00ff\"]\n";
    let site = site(section, &[]);
    let gateway = site.start();
    let post_item = |psp: &str, original: &str, account: &str, reference: &str, code: &str| {
        let signed = format!("{psp}:{original}:{account}:{reference}:0:EUR:{code}:true");
        let signature = STANDARD.encode(hmac_sha256(&[0, 0xff, 0, 0xff], signed.as_bytes()));
        let item = json!({"NotificationRequestItem": {
            "pspReference": psp, "originalReference": original, "merchantAccountCode": account,
            "merchantReference": reference, "amount": {"value": 0, "currency": "EUR"},
            "eventCode": code, "success": "true", "additionalData": {"hmacSignature": signature},
        }});
        let body = json!({"live": "true", "notificationItems": [item]}).to_string();
        post(gateway.ingress, "/adyen", &[], body.as_bytes())
            .unwrap()
            .status
    };
    let report = "threeds_report_2026-11-01T00:00:00_2026-11-02T23:59:59.csv";
    assert_eq!(post_item(report, "", "Acc", "", "REPORT_AVAILABLE"), 200);
    assert_eq!(site.ledger().events(), 1);
    // The same signed text, split into other fields, is the same event.
    assert_eq!(post_item("P", "", "Acc", "a:b", "AUTHORISATION"), 200);
    assert_eq!(post_item("P:", "Acc", "a", "b", "AUTHORISATION"), 200);
    assert_eq!(site.ledger().events(), 2);
    // A colon in the fields after these would let an attacker choose them.
    assert_eq!(post_item("P", "", "Acc", "r", "AUTHORISATION:x"), 400);
}

/// Twilio's signature over a URL and sorted fields.
fn twilio(text: &str) -> String {
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"tw").unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn twilios_url_is_taken_as_twilio_signs_it() {
    let section = "[sources.twilio]\npath = \"/t\"\nscheme = \"twilio\"\nsecrets = [\"tw\"]\n\
                   url = \"https://u:p@h.example/t#rc=2&rp=all\"\n";
    let site = site(section, &[]);
    let gateway = site.start();
    const URL: &str = "https://u:p@h.example/t";
    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    let signature = twilio(&format!("{URL}CallSidCA1CallStatusringing"));
    let headers = [("x-twilio-signature", signature.as_str()), FORM];
    let form = b"CallStatus=ringing&CallSid=CA1";
    assert_eq!(
        post(gateway.ingress, "/t", &headers, form).unwrap().status,
        200
    );
    // JSON: the hash of the body stands in the query, twice alike.
    let body = br#"[{"specversion":"1.0","id":"EZ1","type":"com.twilio.a","time":"2026-11-01T00:00:00Z"},{"specversion":"1.0","type":"com.twilio.b"},{"specversion":"1.0","id":2,"type":"com.twilio.c"}]"#;
    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(body));
    let query = format!("?bodySHA256={hash}&x=1&bodySHA256={hash}");
    let signature = twilio(&format!("{URL}{query}"));
    let headers = [
        ("x-twilio-signature", signature.as_str()),
        ("content-type", "application/json"),
    ];
    let target = format!("/t{query}");
    assert_eq!(
        post(gateway.ingress, &target, &headers, body)
            .unwrap()
            .status,
        200
    );
    let other = format!("/t?bodySHA256={hash}&bodySHA256=00");
    assert_eq!(
        post(gateway.ingress, &other, &headers, body)
            .unwrap()
            .status,
        400
    );
    // A callback by GET is signed over its URL.
    let target = "/t?CallSid=CA2&CallStatus=completed";
    let signature = twilio(&format!("{URL}?CallSid=CA2&CallStatus=completed"));
    let raw = request("GET", target, &[("x-twilio-signature", &signature)], b"");
    let mut connection = Connection::open(gateway.ingress).unwrap();
    connection.write(&raw).unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    let forged = get(gateway.ingress, target).unwrap();
    assert_eq!(forged.status, 400);
    let expected = [
        ("call.ringing", None),
        ("com.twilio.a", Some("EZ1")),
        ("unreadable", None),
        ("com.twilio.c", Some("2")),
        ("call.completed", None),
    ];
    assert_recorded(&recorded(&site, &gateway), &expected);
}

/// The events have these types and ids, in any order.
fn assert_recorded(events: &[Value], expected: &[(&str, Option<&str>)]) {
    let text = |event: &'_ Value, key: &str| event[key].as_str().map(str::to_owned);
    let mut seen: Vec<_> = events
        .iter()
        .map(|event| (text(event, "kind"), text(event, "provider_id")))
        .collect();
    let owned =
        |(kind, id): &(&str, Option<&str>)| (Some((*kind).to_owned()), id.map(str::to_owned));
    let mut expected: Vec<_> = expected.iter().map(owned).collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
}

#[test]
fn a_url_that_can_never_verify_is_a_mistake() {
    for (scheme, url, says) in [
        (
            "square",
            "https://h.example/s#part",
            "after `#` is never sent",
        ),
        ("square", "https://:443/s", "url"),
        ("square", "https://h.example:99999/s", "port"),
        ("twilio", "https://[::1]:0/s", "port"),
        ("twilio", "https://h.example/ü", "ASCII"),
    ] {
        let text = format!(
            "version = 1\n[server]\nlisten = \"127.0.0.1:0\"\n[sources.s]\npath = \"/s\"\n\
             scheme = \"{scheme}\"\nsecrets = [\"x\"]\nurl = \"{url}\"\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tollgate.toml");
        std::fs::write(&path, text).unwrap();
        let output = tollgate(&["check".into(), "--manifest".into(), path.into()], b"");
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_ne!(output.status.code(), Some(0), "{url}: {text}");
        assert!(text.contains(says), "{url}: {text}");
    }
}

#[test]
fn an_id_may_be_a_number() {
    let section = "[schemes.numbered]\nalgorithm = \"hmac-sha256\"\nsignature = { header = \"sig\" }\n\
                   id = \"/id\"\nkind = \"/kind\"\n\
                   [sources.numbered]\npath = \"/n\"\nscheme = \"numbered\"\nsecrets = [\"n\"]\n";
    let site = site(section, &[]);
    let gateway = site.start();
    for id in ["12345", "9007199254740993"] {
        let body = format!(r#"{{"id":{id},"kind":"a"}}"#);
        let signature = hex::encode(hmac_sha256(b"n", body.as_bytes()));
        let headers = [("sig", signature.as_str())];
        let answer = post(gateway.ingress, "/n", &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200);
    }
    let events = recorded(&site, &gateway);
    let ids: Vec<&Value> = events.iter().map(|event| &event["provider_id"]).collect();
    assert_eq!(ids, ["12345", "9007199254740993"]);
}

#[test]
fn challenges_are_answered_and_are_no_events() {
    let section = "[schemes.woo]\nalgorithm = \"hmac-sha256\"\n\
                   signature = { header = \"x-wc-webhook-signature\", encoding = \"base64\" }\n\
                   kind = \"header:x-wc-webhook-topic\"\n\
                   challenges = [{ method = \"POST\", form = \"webhook_id\" }, { method = \"HEAD\" }, \
                   { method = \"GET\", answer = '{\"Key\":\"K\"}', content_type = \"application/json\" }]\n\
                   [sources.woo]\npath = \"/woo\"\nscheme = \"woo\"\nsecrets = [\"w\"]\n";
    let site = site(section, &[]);
    let gateway = site.start();
    let ask = |method: &str, headers: &[(&str, &str)], body: &[u8]| {
        let mut connection = Connection::open(gateway.ingress).unwrap();
        let raw = request(method, "/woo", headers, body);
        connection.write(&raw).unwrap();
        connection.answer().unwrap()
    };
    assert_eq!(ask("POST", &[], b"webhook_id=12").status, 200);
    assert_eq!(ask("POST", &[], b"webhook_id=12&x=1").status, 400);
    let forged = [("x-wc-webhook-signature", "AAAA")];
    assert_eq!(ask("POST", &forged, b"webhook_id=12").status, 400);
    let key = ask("GET", &[], b"");
    assert_eq!((key.status, &key.body[..]), (200, &br#"{"Key":"K"}"#[..]));
    assert_eq!(key.header("content-type"), Some("application/json"));
    assert_eq!(ask("PUT", &[], b"").status, 405);
    assert_eq!(site.ledger().events(), 0);
    let body = br#"{"id":1}"#;
    let signature = STANDARD.encode(hmac_sha256(b"w", body));
    let headers = [
        ("x-wc-webhook-signature", signature.as_str()),
        ("x-wc-webhook-topic", "order.deleted"),
    ];
    assert_eq!(ask("POST", &headers, body).status, 200);
    assert_eq!(site.ledger().events(), 1);
}

#[test]
fn verify_names_what_changed_a_request_on_its_way() {
    let signed = r#"{"name":"Zo\u00eb","amount":10.0}"#;
    let signature = format!(
        "sha256={}",
        hex::encode(hmac_sha256(b"s3cret", signed.as_bytes()))
    );
    let said = |secret: &str, body: &[u8]| {
        let settings = ["--scheme", "github", "--secret", secret].map(Into::into);
        let header = format!("x-hub-signature-256: {signature}");
        let request = ["--header", &header, "--body", "-"].map(Into::into);
        let (code, verdict) = verify(&settings, &request, body);
        assert_eq!(code, 1, "{verdict}");
        verdict["reason"].as_str().unwrap().to_owned()
    };
    let escaped = said("s3cret", "{\"name\":\"Zoë\",\"amount\":10.0}".as_bytes());
    assert!(escaped.contains("other escapes"), "{escaped}");
    let numbers = said("s3cret", br#"{"name":"Zo\u00eb","amount":10}"#);
    assert!(numbers.contains("other zeros"), "{numbers}");
    let quoted = said("\"s3cret\"", signed.as_bytes());
    assert!(quoted.contains("quotes"), "{quoted}");
    let packed = said("s3cret", b"\x1f\x8b\x08");
    assert!(packed.contains("compressed"), "{packed}");
}

#[test]
fn fields_of_a_query_are_signed_and_recorded() {
    let section = "[sources.mp]\npath = \"/mp\"\nscheme = \"mercado-pago\"\nsecrets = [\"mp\"]\n\
                   [schemes.dmn]\nalgorithm = \"hmac-sha256\"\nsignature = { at = \"form:sign\" }\n\
                   signed = \"{sorted-form}\"\nid = \"form:id\"\nkind = \"form:type\"\nby_get = true\n\
                   [sources.dmn]\npath = \"/dmn\"\nscheme = \"dmn\"\nsecrets = [\"dmn\"]\n";
    let site = site(section, &[]);
    let gateway = site.start();
    let ask = |method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]| {
        let mut connection = Connection::open(gateway.ingress).unwrap();
        let raw = request(method, target, headers, body);
        connection.write(&raw).unwrap();
        connection.answer().unwrap().status
    };
    let mac = hex::encode(hmac_sha256(b"dmn", b"id=7&type=paid"));
    let query = format!("/dmn?type=paid&id=7&sign={mac}");
    assert_eq!(ask("GET", &query, &[], b""), 200);
    assert_eq!(ask("GET", &query.replace("id=7", "id=8"), &[], b""), 400);
    let form = format!("id=7&sign={mac}&type=paid");
    assert_eq!(ask("POST", "/dmn", &[], form.as_bytes()), 200);
    let mac = hex::encode(hmac_sha256(b"mp", b"id:9;request-id:r1;ts:1760000000;"));
    let signature = format!("ts=1760000000,v1={mac}");
    let headers = [("x-signature", signature.as_str()), ("x-request-id", "r1")];
    let body = br#"{"id":1,"action":"payment.updated"}"#;
    assert_eq!(ask("POST", "/mp?data.id=9", &headers, body), 200);
    assert_eq!(ask("POST", "/mp?data.id=8", &headers, body), 400);
    // A captured request with another body is a duplicate, and so is the form of the query.
    let other = br#"{"id":2,"action":"payment.created"}"#;
    assert_eq!(ask("POST", "/mp?data.id=9", &headers, other), 200);
    let expected = [("paid", Some("7")), ("payment.updated", Some("1"))];
    assert_recorded(&recorded(&site, &gateway), &expected);
}
