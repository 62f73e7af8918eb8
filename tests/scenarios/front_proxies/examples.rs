//! The configurations of examples/front-proxies, in front of a gateway.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::post;
use crate::harness::{
    Authority, Connection, Event, FrontProxy, Gateway, Handler, Load, Manifest, PATH, Reaction,
    SECRET, Site, Software, Target, TlsClient, Upstream, eventually, hmac_sha256, now, sign,
};

const URL: &str = "https://hooks.example.com/webhooks";
const TOKEN: &str = "token_of_a_test_only";
const KIB: usize = 1 << 10;

/// A gateway behind proxies on 127.0.0.1, with a source that takes requests of 127.0.0.2 alone.
fn site() -> Site {
    let source = |name: &str, more: &str| {
        format!("[sources.{name}]\npath = \"/webhooks/{name}\"\nscheme = \"{name}\"\n{more}")
    };
    let signed_url = |name: &str| {
        let keys = format!("secrets = [\"{TOKEN}\"]\nurl = \"{URL}/{name}\"\n");
        source(name, &keys)
    };
    let allowed = format!(
        "[sources.allowed]\npath = \"/webhooks/allowed\"\nscheme = \"stripe\"\n\
         secrets = [\"{SECRET}\"]\nallow_from = [\"127.0.0.2\"]\n"
    );
    let manifest = Manifest::with_one(Handler::new("guest"))
        .server("trusted_proxies = [\"127.0.0.1\"]\nstrict = true\nbody_limit = \"1900KiB\"")
        .section(&signed_url("square"))
        .section(&signed_url("twilio"))
        .section(&allowed);
    Site::new(&manifest)
}

/// Runs a test for each proxy that is there, in front of one gateway.
fn each(test: impl Fn(&FrontProxy, &Gateway, &Site)) {
    let site = site();
    let gateway = site.start();
    for software in Software::ALL {
        if software.is_there() {
            eprintln!("{software:?}");
            test(
                &FrontProxy::example(software, gateway.ingress),
                &gateway,
                &site,
            );
        }
    }
}

/// A number in the gateway's status; 0 if there is none.
fn count(gateway: &Gateway, pointer: &str) -> u64 {
    gateway.status_at(pointer).as_u64().unwrap_or(0)
}

/// An id that no other call returns.
fn fresh(prefix: &str) -> String {
    format!("{prefix}_{}", fastrand::u64(..))
}

fn stripe_signature(body: &[u8]) -> String {
    format!("stripe-signature: {}\r\n", sign(SECRET, now(), body))
}

fn square(body: &[u8]) -> String {
    let signed = [format!("{URL}/square").as_bytes(), body].concat();
    let mac = STANDARD.encode(hmac_sha256(TOKEN.as_bytes(), &signed));
    format!("x-square-hmacsha256-signature: {mac}\r\n")
}

/// The target and the headers of a request as Twilio sends it: the query is signed with the URL.
fn twilio(body: &[u8]) -> (String, String) {
    let digest = hex::encode(Sha256::digest(body));
    let query = format!("?to=%7e%2B1&from=a+b%5B~&bodySHA256={digest}");
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(format!("{URL}/twilio{query}").as_bytes());
    let mac = STANDARD.encode(mac.finalize().into_bytes());
    let headers = format!("content-type: application/json\r\nx-twilio-signature: {mac}\r\n");
    (format!("/webhooks/twilio{query}"), headers)
}

#[test]
fn signed_posts_go_through() {
    each(|proxy, gateway, _| {
        let event = Event::new("test.done", json!({ "do": "done" }));
        let signature = stripe_signature(&event.body);
        assert_eq!(proxy.posts(PATH, &signature, &event.body), 200);
        let events = count(gateway, "/ledger/events");
        let (id, created) = (fresh("sq"), "2026-11-30T00:00:00Z");
        let body = json!({ "event_id": id, "type": "payment.created", "created_at": created });
        let body = body.to_string().into_bytes();
        assert_eq!(proxy.posts("/webhooks/square", &square(&body), &body), 200);
        let body = json!({ "EventType": "onCall", "EventSid": fresh("EV") });
        let body = body.to_string().into_bytes();
        let (target, headers) = twilio(&body);
        assert_eq!(proxy.posts(&target, &headers, &body), 200);
        assert_eq!(count(gateway, "/ledger/events"), events + 2);
        assert_eq!(proxy.posts("/elsewhere", "", b"{}") / 100, 4);
        let rejections = gateway.status_at("/rejections");
        assert_eq!(rejections, json!({}), "the proxy refuses other paths");
    });
}

#[test]
fn the_senders_address_arrives_and_no_other() {
    const FORGED: &str = "forwarded: for=127.0.0.2;proto=https\r\n\
        x-forwarded-for: 127.0.0.2\r\nx-forwarded-proto: https\r\n";
    each(|proxy, gateway, _| {
        let before = count(gateway, "/rejections/allowed/address");
        for (from, forged, status) in [
            ("127.0.0.2", "", 200),
            ("127.0.0.2", FORGED, 200),
            ("127.0.0.3", "", 403),
            ("127.0.0.3", FORGED, 403),
        ] {
            let event = Event::new("test.done", json!({ "do": "done" }));
            let headers = format!("{}{forged}", stripe_signature(&event.body));
            let mut connection = Connection::open_from(from, proxy.address).unwrap();
            let request = post("/webhooks/allowed", &headers, &event.body);
            connection.write(&request).unwrap();
            let answer = connection.answer().unwrap();
            assert_eq!(answer.status, status, "{from} {forged}");
        }
        let refused = count(gateway, "/rejections/allowed/address");
        assert_eq!(refused, before + 2);
        assert_eq!(gateway.status_at("/odd"), json!({}), "{}", gateway.stderr());
    });
}

#[test]
fn senders_come_by_https_and_no_other_way() {
    const FORGED: &str = "forwarded: for=192.0.2.1;proto=https\r\nx-forwarded-proto: https\r\n";
    let manifest = Manifest::with_one(Handler::new("guest"))
        .server("trusted_proxies = [\"127.0.0.1\"]\nstrict = true\nrequire_https = true");
    let site = Site::new(&manifest);
    let authority = Authority::new();
    authority.write(&site, "hooks", &["hooks.example.com"]);
    let read = |file: &str| std::fs::read_to_string(site.path(file)).unwrap();
    let both = read("hooks.pem") + &read("hooks.key");
    std::fs::write(site.path("hooks.both"), both).unwrap();
    let gateway = site.start();
    let client = TlsClient::trusting(&authority);
    for software in Software::ALL {
        if !software.is_there() || !software.speaks_tls() {
            continue;
        }
        eprintln!("{software:?}");
        let before = count(&gateway, "/rejections/stripe/plain_http");
        let event = Event::new("test.done", json!({ "do": "done" }));
        let signature = stripe_signature(&event.body);
        let plain = FrontProxy::example(software, gateway.ingress);
        let forged = format!("{signature}{FORGED}");
        assert_eq!(plain.posts(PATH, &forged, &event.body), 403);
        let refused = count(&gateway, "/rejections/stripe/plain_http");
        assert_eq!(refused, before + 1);
        let certificate = site.path("hooks");
        let proxy = FrontProxy::example_with_tls(software, gateway.ingress, &certificate);
        let mut connection = client.connect(proxy.address, "hooks.example.com").unwrap();
        connection
            .write(&post(PATH, &signature, &event.body))
            .unwrap();
        assert_eq!(connection.answer().unwrap().status, 200);
    }
}

#[test]
fn the_gateway_decides_about_the_size_of_bodies() {
    each(|proxy, gateway, _| {
        let before = count(gateway, "/rejections/stripe/body_too_large");
        let padded = |size: usize| {
            let text = json!({
                "id": fresh("evt"), "type": "test.done", "created": now(),
                "data": { "object": { "steps": [{ "do": "done" }], "pad": "x".repeat(size) } },
            });
            serde_json::to_vec(&text).unwrap()
        };
        let fits = padded(1800 * KIB);
        assert_eq!(proxy.posts(PATH, &stripe_signature(&fits), &fits), 200);
        let large = padded(1950 * KIB);
        assert_eq!(proxy.posts(PATH, &stripe_signature(&large), &large), 413);
        let refused = count(gateway, "/rejections/stripe/body_too_large");
        assert_eq!(refused, before + 1);
    });
}

#[test]
fn a_connection_that_rested_for_a_minute_is_not_used_again() {
    // The gateway closes connections after 75 s. A proxy that used one then would lose a POST.
    const REST: Duration = Duration::from_secs(66);
    let there = Software::ALL.into_iter().filter(|one| one.is_there());
    let pairs: Vec<_> = there
        .map(|software| {
            let upstream = Upstream::start(Reaction::Answer);
            let proxy = FrontProxy::example(software, upstream.address);
            assert_eq!(proxy.posts(PATH, "", b"{}"), 200, "{software:?}");
            assert_eq!(proxy.posts(PATH, "", b"{}"), 200, "{software:?}");
            (software, proxy, upstream)
        })
        .collect();
    std::thread::sleep(REST);
    for (software, proxy, upstream) in &pairs {
        assert_eq!(proxy.posts(PATH, "", b"{}"), 200, "{software:?}");
        let requests = upstream.requests();
        let used: Vec<_> = requests.iter().map(|one| one.connection).collect();
        eprintln!("{software:?}: connections {used:?}");
        assert_ne!(used[2], used[1], "{software:?}");
    }
}

#[test]
fn a_reload_of_the_proxy_loses_nothing() {
    each(|proxy, gateway, site| {
        let target = Target::new(proxy.address);
        let event = |_| Event::new("test.done", json!({ "do": "done" }));
        let load = Load::start(&target, 4, Duration::from_millis(5), event);
        let arrive = || {
            let goal = count(gateway, "/ledger/events") + 30;
            eventually("events arrive", || count(gateway, "/ledger/events") >= goal);
        };
        for _ in 0..3 {
            arrive();
            proxy.reload();
        }
        arrive();
        let report = load.finish();
        let mut refused = BTreeMap::new();
        for status in &report.refused {
            *refused.entry(*status).or_insert(0) += 1;
        }
        eprintln!(
            "{} acknowledged, {} without an answer, refused: {refused:?}",
            report.acknowledged.len(),
            report.broken
        );
        assert!(report.open.is_empty(), "{:?}", report.open);
        assert!(refused.is_empty(), "{refused:?}");
        gateway.settles();
        let ledger = site.ledger();
        for (id, _) in &report.acknowledged {
            assert_eq!(ledger.delivery(id, "guest"), "done", "{id}");
        }
    });
}
