//! `tollgate verify` tells what happened to a request on its way, for each thing that is known to
//! happen.

use std::ffi::OsString;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit as _, Mac as _};
use serde_json::Value;

use crate::harness::{hmac_sha256, now, sign, tollgate, verify};

/// Why `verify` refuses a request, as it tells.
fn reason(settings: &[&str], headers: &[&str], body: &[u8]) -> String {
    let settings: Vec<OsString> = settings.iter().map(Into::into).collect();
    let headers = headers.iter().flat_map(|header| ["--header", header]);
    let request: Vec<OsString> = headers.chain(["--body", "-"]).map(Into::into).collect();
    let (code, verdict) = verify(&settings, &request, body);
    assert_eq!(code, 1, "{verdict}");
    verdict["reason"].as_str().unwrap().to_owned()
}

/// Why the request is refused whose body GitHub signed as `signed` and that arrives as `arrived`.
fn changed(signed: &[u8], arrived: &[u8]) -> String {
    let signature = hex::encode(hmac_sha256(b"s3cret", signed));
    let header = format!("x-hub-signature-256: sha256={signature}");
    reason(
        &["--scheme", "github", "--secret", "s3cret"],
        &[&header],
        arrived,
    )
}

#[test]
fn a_body_that_was_written_anew() {
    for (signed, arrived, says) in [
        // Python writes `\u00eb`, and PHP `\/`.
        (
            r#"{"name": "Zo\u00eb", "amount": 1}"#,
            r#"{"name": "Zoë", "amount": 1}"#,
            "other escapes",
        ),
        (
            r#"{"name":"Zoë"}"#,
            r#"{"name": "Zo\u00eb"}"#,
            "other escapes",
        ),
        (
            r#"{"url":"https:\/\/a.example\/b"}"#,
            r#"{"url":"https://a.example/b"}"#,
            "other escapes",
        ),
        (
            r#"{"url":"https://a.example/b","n":"Zo\u00eb"}"#,
            r#"{"url":"https:\/\/a.example\/b","n":"Zoë"}"#,
            "other escapes",
        ),
        (
            r#"{"amount":10.0,"rate":1.50}"#,
            r#"{"amount":10,"rate":1.5}"#,
            "other zeros",
        ),
        (r#"{"amount":10}"#, r#"{"amount":10.0}"#, "other zeros"),
        // All at once, as Node writes what Python wrote.
        (
            r#"{"name": "Zo\u00eb", "url": "https://a.example/b", "amount": 10.0, "rate": 1.50}"#,
            r#"{"name":"Zoë","url":"https://a.example/b","amount":10,"rate":1.5}"#,
            "other escapes, other white space and other zeros",
        ),
        (r#"{"a":1}"#, "{\n  \"a\": 1\n}\n", "other white space"),
    ] {
        let said = changed(signed.as_bytes(), arrived.as_bytes());
        assert!(said.contains(says), "{signed} {arrived}: {said}");
    }
}

#[test]
fn a_body_in_another_character_set_or_with_a_mark_or_compressed() {
    let signed = "{\"name\":\"Zoë\"}".as_bytes();
    for arrived in ["{\"name\":\"ZoÃ«\"}".as_bytes(), b"{\"name\":\"Zo\xeb\"}"] {
        let said = changed(signed, arrived);
        assert!(said.contains("Latin-1"), "{said}");
    }
    let marked = [b"\xef\xbb\xbf", signed].concat();
    assert!(changed(signed, &marked).contains("byte order mark before the body"));
    assert!(changed(signed, b"\x1f\x8b\x08\x00").contains("compressed"));
    assert!(changed(signed, b"\x28\xb5\x2f\xfd\x04").contains("compressed"));
    let signature = hex::encode(hmac_sha256(b"s3cret", signed));
    let header = format!("x-hub-signature-256: sha256={signature}");
    let said = reason(
        &["--scheme", "github", "--secret", "s3cret"],
        &[&header, "content-encoding: br"],
        b"\x0b\x02\x80{}",
    );
    assert!(said.contains("compressed"), "{said}");
}

#[test]
fn a_secret_with_something_around_it() {
    let body = br#"{"a":1}"#;
    let signature = hex::encode(hmac_sha256(b"s3cret", body));
    let header = format!("x-hub-signature-256: sha256={signature}");
    let folder = tempfile::tempdir().unwrap();
    for (secret, says) in [
        ("\"s3cret\"", "quotes"),
        ("'s3cret'", "quotes"),
        ("\u{201c}s3cret\u{201d}", "quotes"),
        ("\u{feff}s3cret", "byte order mark"),
        (" s3cret", "white space"),
    ] {
        let given = reason(
            &["--scheme", "github", "--secret", secret],
            &[&header],
            body,
        );
        assert!(given.contains(says), "{secret}: {given}");
        assert!(!given.contains("s3cret"), "no secret is shown: {given}");
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        let file = file.to_str().unwrap();
        let settings = ["--scheme", "github", "--secret-file", file];
        let given = reason(&settings, &[&header], body);
        assert!(given.contains(says), "{secret} in a file: {given}");
    }
}

#[test]
fn a_signature_header_that_a_proxy_joined_from_two_lines() {
    let (time, body) = (now(), br#"{"id":"evt_1","type":"a"}"#);
    let good = sign("whsec_x", time, body);
    let settings = ["--scheme", "stripe", "--secret", "whsec_x"];
    for joined in [format!("t=1,v1=00, {good}"), format!("{good}, t=1,v1=00")] {
        let said = reason(&settings, &[&format!("stripe-signature: {joined}")], body);
        assert!(said.contains("joined two lines"), "{said}");
    }
    let (first, second) = (
        format!("stripe-signature: {good}"),
        "stripe-signature: t=1,v1=00",
    );
    let said = reason(&settings, &[&first, second], body);
    assert!(said.contains("several lines"), "{said}");
}

#[test]
fn a_query_that_a_proxy_rewrote() {
    const URL: &str = "https://pay.example.com/t";
    for (sent, arrived) in [
        ("a=%7ex", "a=~x"),
        ("a=x%20y", "a=x+y"),
        ("a=[1]", "a=%5B1%5D"),
    ] {
        let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"tw").unwrap();
        mac.update(format!("{URL}?{sent}CallSidCA1").as_bytes());
        let header = format!(
            "x-twilio-signature: {}",
            STANDARD.encode(mac.finalize().into_bytes())
        );
        let url = |query: &str| format!("{URL}?{query}");
        let form = "content-type: application/x-www-form-urlencoded";
        let arrives = url(arrived);
        let settings = ["--scheme", "twilio", "--secret", "tw", "--url", &arrives];
        let said = reason(&settings, &[&header, form], b"CallSid=CA1");
        assert!(said.contains("a proxy rewrote"), "{sent} {arrived}: {said}");
        assert!(said.contains(&format!("?{sent}")), "{said}");
    }
}

/// Runs `trigger` and returns what it prints.
fn printed(arguments: &[&str]) -> String {
    let mut all: Vec<OsString> = vec!["trigger".into()];
    all.extend(arguments.iter().map(Into::into));
    let output = tollgate(&all, b"");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// PayPal's simulator signs for the webhook `WEBHOOK_ID`.
#[test]
fn a_test_of_paypals_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("paypal");
    let (key, public) = (key.to_str().unwrap(), folder.path().join("paypal.pub"));
    printed(&["--new-key", key, "--scheme", "paypal"]);
    let public = public.to_str().unwrap();
    let own = ["--scheme", "paypal", "--secret-file", public, "--param"];
    let simulated = [&own[..], &["webhook_id=WEBHOOK_ID"]].concat();
    let event = [
        "PAYMENT.CAPTURE.COMPLETED",
        "--key",
        key,
        "--print",
        "request",
    ];
    let request = printed(&[&event[..], &simulated].concat());
    let (head, body) = request.split_once("\n\n").unwrap();
    let headers: Vec<&str> = head.lines().collect();
    let settings = [&own[..], &["webhook_id=5GP028458E2496506"]].concat();
    let said = reason(&settings, &headers, body.as_bytes());
    assert!(said.contains("PayPal's simulator"), "{said}");
    let settings: Vec<OsString> = simulated.iter().map(Into::into).collect();
    let headers = headers.iter().flat_map(|header| ["--header", header]);
    let asked: Vec<OsString> = headers.chain(["--body", "-"]).map(Into::into).collect();
    let (code, verdict) = verify(&settings, &asked, body.as_bytes());
    assert_eq!(code, 0, "{verdict}");
    assert!(matches!(verdict["events"][0]["id"], Value::String(_)));
}
