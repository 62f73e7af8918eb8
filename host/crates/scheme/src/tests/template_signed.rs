//! Described schemes that sign fields of a form, of the query or of JSON, in one way or another.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Method;
use md5::Md5;
use sha2::{Digest as _, Sha256, Sha512};

use super::*;
use tollgate_base::event::DedupBasis;

/// A described scheme with a source.
pub(super) fn built(template: &str, more: &[(&str, &str)]) -> Verifier {
    let template: Template = toml::from_str(template).expect("a template");
    assert_eq!(template.check(), []);
    let settings = Settings {
        secrets: vec![Secret::new("s3cret").into()],
        params: params(more),
        ..Settings::default()
    };
    build_template("acme", &template, settings).unwrap()
}

fn sent(method: Method, url: &str, headers: &[(&'static str, &str)], body: &str) -> Captured {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    Captured {
        method,
        url: url.to_owned(),
        headers: map,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

pub(super) fn posted(headers: &[(&'static str, &str)], body: &str) -> Captured {
    sent(Method::POST, "/hook", headers, body)
}

pub(super) fn code(verifier: &Verifier, captured: &Captured) -> Result<usize, &'static str> {
    let outcome = verifier.verify(&captured.request(), NOW);
    let events = outcome.map(|accepted| accepted.events.get().len());
    events.map_err(|why| why.code())
}

pub(super) fn hmac256(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn sha512(text: &str) -> String {
    hex::encode(Sha512::digest(text))
}

/// A scheme that signs values of a JSON body.
fn of_values() -> Verifier {
    built(
        r#"
        algorithm = "sha512"
        signature = { at = "/sig/value", encoding = "hex-any-case" }
        signed = "{json:/order}|{json:/amount|decimals:/currency}|{json:/note?}|{secret}"
        kind = "/status"
        dedup = ["/order", "/status"]
        "#,
        &[],
    )
}

const SIGNED_VALUES: &str = "9007199254740993|12.500||s3cret";

/// A body with these values, and with the signature of [`SIGNED_VALUES`] if there is no other.
fn values(order: &str, amount: &str, note: &str, signature: Option<&str>) -> String {
    let good = sha512(SIGNED_VALUES);
    let signature = signature.unwrap_or(&good);
    format!(
        r#"{{"status":"paid","order":{order},"currency":"KWD","amount":{amount},{note}"sig":{{"value":"{signature}"}}}}"#
    )
}

#[test]
fn a_hash_over_values_of_json_and_the_secret() {
    let verifier = of_values();
    let body = values("9007199254740993", "12.5", "", None);
    let event = events(&verifier, &posted(&[], &body)).remove(0);
    assert_eq!(event.kind, "paid");
    let expected = ["9007199254740993", "paid"].map(str::to_owned).to_vec();
    assert_eq!(event.dedup, DedupBasis::Fields(expected));
    let upper = sha512(SIGNED_VALUES).to_uppercase();
    for (order, amount, note, signature) in [
        // Strings and numbers count by their text. The case of hexadecimal does not count.
        ("\"9007199254740993\"", "\"12.50\"", "", None),
        ("9007199254740993", "12.5", "", Some(upper.as_str())),
        ("9007199254740993", "12.5", r#""note":"","#, None),
        ("9007199254740993", "12.5", r#""note":null,"#, None),
    ] {
        let body = values(order, amount, note, signature);
        assert_eq!(code(&verifier, &posted(&[], &body)), Ok(1), "{body}");
    }
    let warnings = verifier.warnings().join("\n");
    assert!(
        warnings.contains("the body is signed in parts"),
        "{warnings}"
    );
}

#[test]
fn changed_values_are_refused() {
    let refused = |body: &str| code(&of_values(), &posted(&[], body)).unwrap_err();
    for (order, amount, note, signature, expected) in [
        ("9007199254740992", "12.5", "", None, "signature_mismatch"),
        ("9007199254740993", "12.6", "", None, "signature_mismatch"),
        (
            "9007199254740993",
            "12.5",
            r#""note":"x","#,
            None,
            "signature_mismatch",
        ),
        (
            "9007199254740993",
            "12.5",
            "",
            Some(""),
            "signature_mismatch",
        ),
        (
            "9007199254740993",
            "12.5",
            "",
            Some("zz"),
            "malformed_signature",
        ),
        ("9007199254740993", "\"ten\"", "", None, "malformed_body"),
        ("null", "12.5", "", None, "missing_field"),
    ] {
        let body = values(order, amount, note, signature);
        assert_eq!(refused(&body), expected, "{body}");
    }
    assert_eq!(refused(r#"{"order":1}"#), "missing_field");
    assert_eq!(refused("order=1"), "malformed_body");
    assert_eq!(refused(""), "malformed_body");
}

#[test]
fn the_signature_stands_in_a_form_of_sorted_fields() {
    let verifier = built(
        r#"
        algorithm = "hmac-sha256"
        signature = { at = "form:sign" }
        signed = ["{sorted-form:kind}", "{sorted-form}"]
        id = "form:id"
        kind = "form:type"
        dedup = "id-or-body"
        once = ["signed"]
        "#,
        &[],
    );
    let form =
        |fields: &str, signed: &str| posted(&[], &format!("{fields}&sign={}", hmac256(signed)));
    let good = form("type=paid&id=7&kind=RSA&b=%C3%A9+1", "b=é 1&id=7&type=paid");
    let event = events(&verifier, &good).remove(0);
    assert_eq!(
        (event.kind.as_str(), event.provider_id.as_deref()),
        ("paid", Some("7"))
    );
    assert_eq!(event.dedup, DedupBasis::SignedId("7".to_owned()));
    let also = form(
        "id=7&type=paid&kind=RSA&b=%c3%a9%201",
        "b=é 1&id=7&kind=RSA&type=paid",
    );
    assert_eq!(code(&verifier, &also), Ok(1));
    let more = form("type=paid&id=7&b=%C3%A9+1&c=2", "b=é 1&id=7&type=paid");
    assert_eq!(code(&verifier, &more), Err("signature_mismatch"));
    let twice = form("type=paid&id=7&id=8", "id=7&type=paid");
    assert_eq!(code(&verifier, &twice), Err("malformed_body"));
    let unsigned = posted(&[], "type=paid&id=7");
    assert_eq!(code(&verifier, &unsigned), Err("missing_field"));
    // Cut otherwise, the fields have the same signature: the same signed text is a duplicate.
    let cut = form("type=paid&b=%C3%A9+1%26id%3D7", "b=é 1&id=7&type=paid");
    let cut = events(&verifier, &cut).remove(0);
    assert_eq!(cut.provider_id, None);
    assert_eq!(cut.more_dedup, event.more_dedup);
    let made = capture(&verifier, "type=paid&id=9");
    assert_eq!(
        events(&verifier, &made)[0].provider_id.as_deref(),
        Some("9")
    );
    assert_eq!(
        made.headers["content-type"],
        "application/x-www-form-urlencoded"
    );
}

#[test]
fn a_get_request_has_its_signed_fields_in_the_query() {
    let verifier = built(
        r#"
        algorithm = "md5"
        signature = { at = "form:hash" }
        signed = "{secret}{form:total}{form:status?}"
        kind = ["form:status", "'notice'"]
        dedup = ["signed"]
        by_get = true
        "#,
        &[],
    );
    assert_eq!(verifier.methods(), [Method::POST, Method::GET]);
    let mac = hex::encode(Md5::digest("s3cret120.50OK"));
    let fields = format!("total=120.50&status=OK&hash={mac}");
    let by_get = sent(Method::GET, &format!("/hook?{fields}"), &[], "");
    let by_post = posted(&[], &fields);
    let (got, post) = (events(&verifier, &by_get), events(&verifier, &by_post));
    assert_eq!(got[0].payload, fields);
    assert_eq!(
        (&got[0].kind, &got[0].dedup),
        (&post[0].kind, &post[0].dedup)
    );
    let other = sent(
        Method::GET,
        &format!("/hook?{}", fields.replace("120.50", "120.51")),
        &[],
        "",
    );
    assert_eq!(code(&verifier, &other), Err("signature_mismatch"));
    // The query of a POST is no form.
    let query = sent(Method::POST, &format!("/hook?{fields}"), &[], "{}");
    assert_eq!(code(&verifier, &query), Err("missing_field"));
}

#[test]
fn absent_values_take_the_text_around_them_along() {
    let verifier = built(
        r#"
        algorithm = "hmac-sha256"
        signature = { header = "x-signature", form = "pairs", name = "v1" }
        timestamp = { pair = "ts", unit = "either", tolerance = "none" }
        signed = "[id:{query:data.id|lower};][request-id:{header:x-request-id};]ts:{timestamp};"
        unsigned_body = true
        kind = "/action"
        subject = "query:data.id"
        dedup = "body"
        once = ["header:x-request-id", "signed"]
        "#,
        &[],
    );
    let ask = |query: &str, id: Option<&str>, signed: &str| {
        let header = format!("ts=1760000000, v1={}", hmac256(signed));
        let mut headers = vec![("x-signature", header.as_str())];
        headers.extend(id.map(|id| ("x-request-id", id)));
        sent(
            Method::POST,
            &format!("/hook{query}"),
            &headers,
            r#"{"action":"paid"}"#,
        )
    };
    let whole = ask(
        "?data.id=ORD1&type=p",
        Some("r"),
        "id:ord1;request-id:r;ts:1760000000;",
    );
    let found = events(&verifier, &whole).remove(0);
    assert_eq!(found.subject.as_deref(), Some("ORD1"));
    assert_eq!(found.more_dedup.len(), 1);
    let without = ask("", Some("r"), "request-id:r;ts:1760000000;");
    assert_eq!(code(&verifier, &without), Ok(1));
    let neither = ask("", None, "ts:1760000000;");
    assert_eq!(events(&verifier, &neither)[0].more_dedup, []);
    let other = ask("?data.id=2", Some("r"), "id:1;request-id:r;ts:1760000000;");
    assert_eq!(code(&verifier, &other), Err("signature_mismatch"));
    assert!(!verifier.checks_time());
    assert!(
        verifier
            .warnings()
            .join("\n")
            .contains("nothing of the body is signed")
    );
}

#[test]
fn a_tolerance_of_the_source_is_checked_in_either_unit() {
    let template: Template = toml::from_str(
        r#"
        algorithm = "hmac-sha256"
        signature = { header = "sig" }
        timestamp = { at = "/ts", unit = "either", tolerance = "none" }
        signed = "{body}"
        kind = "/kind"
        "#,
    )
    .unwrap();
    let settings = Settings {
        secrets: vec![Secret::new("s3cret").into()],
        tolerance: Some(Duration::from_secs(60)),
        ..Settings::default()
    };
    let verifier = build_template("acme", &template, settings).unwrap();
    assert!(verifier.checks_time());
    let at = |ts: &str| {
        let body = format!(r#"{{"kind":"a","ts":{ts}}}"#);
        code(&verifier, &posted(&[("sig", &hmac256(&body))], &body))
    };
    assert_eq!(at("1760000000"), Ok(1));
    assert_eq!(at("\"1759999940000\""), Ok(1));
    assert_eq!(at("1759999939"), Err("timestamp_too_old"));
    assert_eq!(at("1759999939999"), Err("timestamp_too_old"));
    assert_eq!(at("\"soon\""), Err("malformed_timestamp"));
    assert_eq!(at("null"), Err("missing_timestamp"));
}

#[test]
fn hashes_of_hashes_and_literal_braces() {
    let verifier = built(
        r#"
        algorithm = "sha256"
        signature = { at = "/sign" }
        parts = { inner = "{json:/a}+{json:/b|upper}" }
        signed = '{{"in":{part:inner|md5|json},"id":{json:/id|json},"n":{json:/n|json},[["crc":{secret|json}]]}}'
        kind = "/kind"
        dedup = "body"
        "#,
        &[],
    );
    let inner = hex::encode(Md5::digest("1+X"));
    let text = format!(r#"{{"in":"{inner}","id":"a\"/é","n":10.0,["crc":"s3cret"]}}"#);
    let sign = hex::encode(Sha256::digest(text));
    let body =
        format!(r#"{{"sign":"{sign}","kind":"k","a":1,"b":"x","id":"a\"\/\u00e9","n":10.0}}"#);
    assert_eq!(code(&verifier, &posted(&[], &body)), Ok(1));
    let other = body.replace("10.0", "10");
    assert_eq!(
        code(&verifier, &posted(&[], &other)),
        Err("signature_mismatch")
    );
}

#[test]
fn a_body_without_white_space_and_the_path_are_signed() {
    let text = r#"
        algorithm = "hmac-sha256"
        signature = { header = "sig", encoding = "percent-base64" }
        signed = "{method}:{path}:{body|minify|sha256}:{header:at}"
        kind = "/kind"
        dedup = ["signed"]
    "#;
    let minified = r#"{"kind":"a b"}"#;
    let hash = hex::encode(Sha256::digest(minified));
    let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    mac.update(format!("POST:/hook:{hash}:now").as_bytes());
    let signature = SignatureEncoding::PercentBase64.encode(&mac.finalize().into_bytes());
    assert!(!signature.contains(['+', '=', '/']));
    let headers = [("sig", signature.as_str()), ("at", "now")];
    let body = "{ \"kind\" :\n\"a b\" }";
    let at =
        |verifier: &Verifier, path: &str| code(verifier, &sent(Method::POST, path, &headers, body));
    let plain = built(text, &[]);
    assert_eq!(at(&plain, "/hook"), Ok(1));
    assert_eq!(at(&plain, "/hook?x=1"), Ok(1));
    assert_eq!(at(&plain, "/other"), Err("signature_mismatch"));
    // Behind a proxy that rewrites paths, the source has the URL as the provider knows it.
    let template: Template = toml::from_str(text).unwrap();
    let settings = Settings {
        secrets: vec![Secret::new("s3cret").into()],
        url: Some("https://pay.example.com/hook".to_owned()),
        ..Settings::default()
    };
    let verifier = build_template("acme", &template, settings).unwrap();
    assert_eq!(at(&verifier, "/other"), Ok(1));
    let key = |body: &str| events(&verifier, &posted(&headers, body)).remove(0).dedup;
    assert_eq!(key(body), key(minified), "white space makes no other event");
}

#[test]
fn an_array_of_cloud_events_is_a_batch() {
    let verifier = built(
        r#"
        algorithm = "hmac-sha256"
        signature = { header = "sig" }
        events = ""
        id = "{/source}#{/id}"
        kind = "/type"
        created = "/time"
        subject = "/subject"
        "#,
        &[],
    );
    let body = r#"[{"specversion":"1.0","source":"/a","id":"1","type":"order.paid","time":"2025-10-09T08:53:20Z","subject":"A-17","data":{"n":1}},
        {"specversion":"1.0","source":"/b","id":1,"type":"order.sent"}, {"id":"3"}]"#;
    let found = events(&verifier, &posted(&[("sig", &hmac256(body))], body));
    let shown: Vec<_> = found
        .iter()
        .map(|event| {
            (
                event.provider_id.as_deref(),
                event.kind.as_str(),
                event.subject.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            (Some("/a#1"), "order.paid", Some("A-17")),
            (Some("/b#1"), "order.sent", None),
            (None, "unreadable", None),
        ]
    );
    assert_eq!(found[0].created, Some(NOW));
    assert_eq!(
        found[1].payload,
        r#"{"specversion":"1.0","source":"/b","id":1,"type":"order.sent"}"#
    );
    let one = r#"{"specversion":"1.0","source":"/a","id":"1","type":"order.paid"}"#;
    let single = events(&verifier, &posted(&[("sig", &hmac256(one))], one));
    assert_eq!(single[0].kind, "unreadable");
}
