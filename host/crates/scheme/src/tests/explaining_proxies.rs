//! The hints of `explain` about proxies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, Method};
use sha1::Sha1;
use sha2::Digest;

use super::*;

const URL: &str = "https://hooks.example.com/webhooks/twilio";

fn settings(url: &str) -> Settings {
    Settings {
        secrets: vec![Secret::new("token").into()],
        url: Some(url.to_owned()),
        ..Settings::default()
    }
}

/// The hints about a JSON request of Twilio that was sent to `sent` and arrives with this target.
fn twilio(sent: &str, url: &str, arrives: &str, more: &[(&'static str, &str)]) -> String {
    let body = Bytes::from_static(br#"{"EventSid":"EV1","EventType":"a"}"#);
    let digest = hex::encode(sha2::Sha256::digest(&body));
    let with_digest = |target: &str| {
        let joint = if target.contains('?') { '&' } else { '?' };
        format!("{target}{joint}bodySHA256={digest}")
    };
    let mut mac = Hmac::<Sha1>::new_from_slice(b"token").unwrap();
    mac.update(with_digest(sent).as_bytes());
    let mut headers = HeaderMap::new();
    let mut add = |name: &'static str, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    };
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    add("x-twilio-signature", &signature);
    add("content-type", "application/json");
    for (name, value) in more {
        add(name, value);
    }
    let request = Request {
        method: &Method::POST,
        url: &with_digest(arrives),
        headers: &headers,
        body: &body,
    };
    let make = |settings| build("twilio", settings).ok();
    let settings = settings(url);
    let rejection = make(settings.clone())
        .unwrap()
        .verify(&request, NOW)
        .unwrap_err();
    explain(&make, &settings, &request, NOW, &rejection).join("\n")
}

#[test]
fn a_query_whose_escapes_a_proxy_rewrote() {
    for (sent, arrives) in [
        ("x=%7e&y=a", "x=~&y=a"),
        ("x=%7E", "x=~"),
        ("x=%2f%3a", "x=%2F%3A"),
        ("x=[1]&y=a|b", "x=%5B1%5D&y=a%7Cb"),
        ("x=a+b", "x=a%20b"),
    ] {
        let arrives = format!("/webhooks/twilio?{arrives}");
        let said = twilio(&format!("{URL}?{sent}"), URL, &arrives, &[]);
        assert!(said.contains(&format!("?{sent}")), "{said}");
        assert!(said.contains("lighttpd"), "{said}");
    }
}

#[test]
fn a_url_of_another_host_or_path() {
    let inside = "http://127.0.0.1:8080/webhooks/twilio";
    let forwarded = [("x-forwarded-host", "hooks.example.com")];
    let sent = URL.replace("https", "http");
    let said = twilio(&sent, inside, "/webhooks/twilio", &forwarded);
    assert!(said.contains(&format!("if `url` were `{sent}`")), "{said}");
    let other = "https://hooks.example.com/hooks/twilio";
    let said = twilio(URL, other, "/webhooks/twilio", &[]);
    assert!(said.contains(&format!("if `url` were `{URL}`")), "{said}");
}

#[test]
fn a_body_of_another_length() {
    let said = twilio(
        "https://x/",
        URL,
        "/webhooks/twilio",
        &[("content-length", "99")],
    );
    assert!(
        said.contains("`content-length` is 99, and the body has 34"),
        "{said}"
    );
}

#[test]
fn headers_that_proxies_drop_or_join() {
    let mut headers = HeaderMap::new();
    headers.insert(
        "x_signature",
        HeaderValue::from_static("t=1,v1=00, t=1,v1=00"),
    );
    let request = Request {
        method: &Method::POST,
        url: "/",
        headers: &headers,
        body: &Bytes::new(),
    };
    let hints = |rejection: &Rejection| {
        explain(&|_| None, &Settings::default(), &request, NOW, rejection).join("\n")
    };
    let missing = |header: &str| Rejection::MissingHeader {
        header: header.to_owned(),
    };
    assert!(hints(&missing("x_signature")).contains("underscores_in_headers"));
    assert!(!hints(&missing("x-signature")).contains("nginx"));
    let joined = hints(&Rejection::malformed_signature("x_signature", "it is odd"));
    assert!(joined.contains("Apache and lighttpd join"), "{joined}");
}
