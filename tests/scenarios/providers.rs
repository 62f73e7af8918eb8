//! `tollgate verify` and `tollgate sign` for every scheme, on requests that official libraries have
//! judged (tests/oracles/vectors).

mod explains;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{Vector, each, sign_vector, signed_request, tollgate, vectors, verify};

#[test]
fn verify_says_of_each_request_what_the_official_library_says() {
    let vectors = vectors();
    assert!(vectors.len() > 400, "{}", vectors.len());
    each(&vectors, |vector| {
        let (code, verdict) = verify(&vector.settings(), &vector.request(), &vector.body());
        if let Some(expected) = vector.accepted() {
            assert_eq!((code, verdict), (0, expected), "{}", vector.label());
            return;
        }
        if vector.value["unreadable"].is_string() {
            let event = &verdict["events"][0];
            assert_eq!(
                (code, &event["kind"]),
                (0, &"unreadable".into()),
                "{verdict}"
            );
            assert_eq!(event["unreadable"]["code"], vector.value["unreadable"]);
            return;
        }
        assert_eq!(code, 1, "{}: {verdict}", vector.label());
        assert_eq!(verdict["verdict"], "rejected", "{}", vector.label());
        assert_eq!(
            verdict["code"],
            vector.value["rejection"],
            "{}",
            vector.label()
        );
        assert!(
            verdict["reason"].as_str().unwrap().len() > 10,
            "{}: {verdict}",
            vector.label()
        );
        assert_eq!(verdict["secret"], Value::Null, "{}", vector.label());
        assert_eq!(verdict["events"], json!([]), "{}", vector.label());
        let shown = verdict.to_string();
        for secret in vector.value["secrets"].as_array().unwrap() {
            let secret = secret.as_str().unwrap();
            assert!(
                secret.len() < 5 || !shown.contains(secret),
                "{}: {shown}",
                vector.label()
            );
        }
    });
}

/// The schemes that sign no body, or some values of it.
const UNSIGNED: [&str; 15] = [
    "chargebee",
    "fawry",
    "flutterwave-v3",
    "iyzico",
    "mercado-pago",
    "midtrans",
    "mollie-classic",
    "nuvei",
    "phonepe",
    "przelewy24",
    "revenuecat-authorization",
    "tap",
    "toss-unsigned",
    "wompi",
    "xendit",
];

#[test]
fn what_is_signed_verifies_and_what_is_changed_does_not() {
    let mut first = Vec::new();
    for vector in vectors() {
        let known = first.iter().any(|one: &Vector| one.scheme == vector.scheme);
        if !known && vector.accepted().is_some() {
            first.push(vector);
        }
    }
    let signed = AtomicUsize::new(0);
    each(&first, |vector| {
        let Some(made) = sign_vector(vector, 1_760_000_000) else {
            return;
        };
        let (request, body) = signed_request(vector, &made);
        signed.fetch_add(1, Ordering::Relaxed);
        let (code, verdict) = verify(&vector.settings(), &request, &body);
        assert_eq!(code, 0, "{}: {verdict}", vector.label());
        assert_eq!(verdict["secret"], vector.secret(), "{}", vector.label());
        if UNSIGNED.contains(&vector.scheme.as_str()) {
            return;
        }
        let mut changed = body.clone();
        let at = changed.len() / 2;
        changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
        let (code, verdict) = verify(&vector.settings(), &request, &changed);
        assert_eq!(
            (code, &verdict["verdict"]),
            (1, &"rejected".into()),
            "{}",
            vector.label()
        );
        if vector.scheme == "braintree" {
            return;
        }
        let mut other = vector.settings();
        let secret = other
            .iter()
            .position(|argument| argument == "--secret")
            .unwrap();
        other[secret + 1] = "00ff00ff".into();
        let (code, verdict) = verify(&other, &request, &body);
        assert_eq!(
            (code, &verdict["code"]),
            (1, &"signature_mismatch".into()),
            "{}",
            vector.label()
        );
    });
    assert!(signed.into_inner() >= 22);
}

fn stripe(headers: &[&str], more: &[&str], body: &[u8]) -> (i32, Value) {
    let settings = ["--scheme", "stripe", "--secret", "whsec_abc"].map(OsString::from);
    let mut request: Vec<OsString> = ["--body", "-"].map(OsString::from).into();
    for header in headers {
        request.extend(["--header".into(), header.into()]);
    }
    request.extend(more.iter().map(OsString::from));
    verify(&settings, &request, body)
}

#[test]
fn a_header_may_hold_any_bytes() {
    let mut line = OsString::from("stripe-signature: t=1,v1=");
    line.push(OsString::from_vec(vec![0xff, 0xfe]));
    let settings = ["--scheme", "stripe", "--secret", "s"].map(OsString::from);
    let request = ["--body".into(), "-".into(), "--header".into(), line];
    let (code, verdict) = verify(&settings, &request, b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"unreadable_header".into()),
        "{verdict}"
    );
}

#[test]
fn a_request_has_a_url_and_a_method_whatever_is_signed() {
    let more = [
        "--url",
        "https://pay.example.com/hook?x=1",
        "--now",
        "1760000000",
    ];
    let (code, verdict) = stripe(&["stripe-signature: t=1760000000,v1=00"], &more, b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"signature_mismatch".into()),
        "{verdict}"
    );
    let (code, verdict) = stripe(&[], &["--method", "GET"], b"");
    assert_eq!((code, &verdict["code"]), (1, &"method".into()), "{verdict}");
    assert!(
        verdict["reason"]
            .as_str()
            .unwrap()
            .contains("`stripe` takes POST"),
        "{verdict}"
    );
    // A tolerance has no effect on a scheme without timestamps. It is no error.
    let settings = ["--scheme", "github", "--secret", "s"].map(OsString::from);
    let request = ["--tolerance", "5m", "--body", "-"].map(OsString::from);
    let (code, verdict) = verify(&settings, &request, b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"missing_header".into()),
        "{verdict}"
    );
    assert!(
        verdict["reason"]
            .as_str()
            .unwrap()
            .contains("x-hub-signature-256"),
        "{verdict}"
    );
}

#[test]
fn a_challenge_is_told_from_an_event() {
    let settings = [
        "--scheme",
        "braintree",
        "--secret",
        "integration_private_key",
        "--param",
        "public_key=pub",
    ];
    let request = [
        "--method",
        "GET",
        "--body",
        "-",
        "--url",
        "https://pay.example.com/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
    ];
    let (code, verdict) = verify(
        &settings.map(OsString::from),
        &request.map(OsString::from),
        b"",
    );
    assert_eq!(code, 0, "{verdict}");
    // The answer is from Braintree's own library, with this private key.
    let answer = "pub|d9b899556c966b3f06945ec21311865d35df3ce4";
    assert!(
        verdict["reason"].as_str().unwrap().contains(answer),
        "{verdict}"
    );
    assert_eq!(verdict["events"], json!([]));
}

#[test]
fn reasons_help() {
    let body = "{\n  \"id\": \"evt_1\",\n  \"type\": \"a\"\n}";
    let arguments = [
        "sign",
        "--scheme",
        "stripe",
        "--secret",
        "whsec_abc",
        "--now",
        "1760000000",
        "--json",
        "--body",
        "-",
    ];
    let output = tollgate(&arguments.map(OsString::from), body.as_bytes());
    let signed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let headers = signed["headers"].as_array().unwrap();
    let signature = headers
        .iter()
        .find(|header| header[0] == "stripe-signature")
        .unwrap();
    let signature = format!("Stripe-Signature: {}", signature[1].as_str().unwrap());
    let reason = |header: &[&str], more: &[&str], body: &str| {
        let (code, verdict) = stripe(header, more, body.as_bytes());
        assert_eq!(code, 1, "{verdict}");
        verdict["reason"].as_str().unwrap().to_owned()
    };
    let now = ["--now", "1760000412"];
    assert!(reason(&[&signature], &now, body).contains("the timestamp is 412 s old"));
    let now = ["--now", "1760000000"];
    assert!(reason(&[], &now, body).contains("the `stripe-signature` header is missing"));
    let compact = r#"{"id":"evt_1","type":"a"}"#;
    let said = reason(&[&signature], &now, compact);
    assert!(said.contains("same JSON with other white space"), "{said}");
    let said = reason(&["X-Hub-Signature-256: sha256=00"], &now, body);
    assert!(said.contains("the scheme `github`"), "{said}");
}

#[test]
fn secrets_may_come_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "whsec_abc\n").unwrap();
    let file = path.into_os_string();
    let vector = vectors()
        .into_iter()
        .find(|vector| vector.scheme == "wise")
        .unwrap();
    let pem = folder.path().join("pem");
    std::fs::write(&pem, vector.value["secrets"][0].as_str().unwrap()).unwrap();
    let settings = [
        "--scheme".into(),
        "wise".into(),
        "--secret-file".into(),
        pem.into_os_string(),
    ];
    let (code, verdict) = verify(&settings, &vector.request(), &vector.body());
    assert_eq!(code, 0, "{verdict}");
    let settings = [
        "--scheme".into(),
        "stripe".into(),
        "--secret-file".into(),
        file,
    ];
    let request = [
        "--body",
        "-",
        "--now",
        "1",
        "--header",
        "stripe-signature: t=1,v1=00",
    ];
    let (code, verdict) = verify(&settings, &request.map(OsString::from), b"{}");
    assert_eq!(
        (code, &verdict["code"]),
        (1, &"signature_mismatch".into()),
        "{verdict}"
    );
}
