//! The hints of `explain`.

use super::*;
use tollgate_base::time::WallTime;

/// The hints about a request that was signed with `signing` and is checked with `receiving`.
fn explained(
    scheme: &str,
    signing: &str,
    receiving: &str,
    change: impl Fn(&mut Captured),
    now: WallTime,
) -> String {
    let signer = verifier(scheme, &[signing]);
    let body = "{\n  \"id\": \"e\",\n  \"type\": \"a\",\n  \"b\": [\n    1\n  ]\n}";
    let mut captured = capture(&signer, body);
    change(&mut captured);
    let settings = Settings {
        secrets: vec![Secret::new(receiving).into()],
        ..Settings::default()
    };
    let make = |settings| build(scheme, settings).ok();
    let rejection = make(settings.clone())
        .unwrap()
        .verify(&captured.request(), now)
        .unwrap_err();
    explain(&make, &settings, &captured.request(), now, &rejection).join("\n")
}

#[test]
fn a_body_that_was_written_anew() {
    for other in [
        r#"{"id":"e","type":"a","b":[1]}"#,
        r#"{"id": "e", "type": "a", "b": [1]}"#,
    ] {
        let said = explained(
            "stripe",
            "s",
            "s",
            |captured| captured.body = other.into(),
            NOW,
        );
        assert!(said.contains("same JSON with other white space"), "{said}");
    }
}

#[test]
fn a_body_with_other_ends() {
    let longer =
        |captured: &mut Captured| captured.body = [&captured.body[..], b"\n"].concat().into();
    let said = explained("stripe", "s", "s", longer, NOW);
    assert!(said.contains("white space at the body's end"), "{said}");
    let crlf = |captured: &mut Captured| {
        let text = String::from_utf8(captured.body.to_vec()).unwrap();
        captured.body = text.replace('\n', "\r\n").into();
    };
    assert!(explained("stripe", "s", "s", crlf, NOW).contains("CR LF"));
    let marked = |captured: &mut Captured| {
        captured.body = [b"\xef\xbb\xbf", &captured.body[..]].concat().into();
    };
    assert!(explained("stripe", "s", "s", marked, NOW).contains("byte order mark"));
}

#[test]
fn a_secret_that_is_taken_otherwise() {
    // "secret" in base64 is c2VjcmV0.
    let said = explained("stripe", "secret", "whsec_c2VjcmV0", |_| {}, NOW);
    assert!(
        said.contains("secret 1 were decoded from base64, which this scheme does not do"),
        "{said}"
    );
    let said = explained("stripe", "whsec_x", "whsec_x\n", |_| {}, NOW);
    assert!(said.contains("without the white space"), "{said}");
    // A scheme that decodes, and a sender that does not.
    let said = explained("standard-webhooks", "YzJWamNtVjA=", "c2VjcmV0", |_| {}, NOW);
    assert!(
        said.contains("used without decoding, while this scheme decodes it"),
        "{said}"
    );
}

#[test]
fn nothing_that_helps_is_said_as_such() {
    let said = explained("stripe", "one", "two", |_| {}, NOW);
    assert!(said.contains("another endpoint's"), "{said}");
    assert!(!said.contains("two") && !said.contains("one,"), "{said}");
}

#[test]
fn a_request_of_another_scheme() {
    let svix = |captured: &mut Captured| {
        captured.headers.remove("stripe-signature");
        captured
            .headers
            .insert("svix-signature", "v1,x".parse().unwrap());
        captured
            .headers
            .insert("x-twilio-signature", "x".parse().unwrap());
    };
    let said = explained("stripe", "s", "s", svix, NOW);
    assert!(
        said.contains("`svix-signature`, the signature header of the scheme `svix`"),
        "{said}"
    );
    assert!(said.contains("the scheme `twilio`"), "{said}");
}

#[test]
fn a_request_from_long_ago() {
    let said = explained("stripe", "s", "s", |_| {}, NOW + ms(412_000));
    assert!(said.contains("--now 1760000000"), "{said}");
    let said = explained("stripe", "s", "s", |_| {}, NOW - ms(412_000));
    assert!(said.contains("clock is probably slow"), "{said}");
}

#[test]
fn a_url_as_it_looks_behind_a_proxy() {
    let signer = verifier("square", &["s"]);
    let (body, _) = sample("square");
    let captured = capture(&signer, body);
    let url = Some("http://pay.example.com/hook".to_owned());
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        url,
        ..Settings::default()
    };
    let make = |settings| build("square", settings).ok();
    let rejection = make(settings.clone())
        .unwrap()
        .verify(&captured.request(), NOW)
        .unwrap_err();
    let said = explain(&make, &settings, &captured.request(), NOW, &rejection).join("\n");
    assert!(
        said.contains("if `url` were `https://pay.example.com/hook`"),
        "{said}"
    );
}

/// The hints about a body that was signed as `signed` and arrives as `arrived`.
fn about_body(signed: &'static str, arrived: &[u8]) -> String {
    let verifier = verifier("github", &["s"]);
    let mut captured = capture(&verifier, signed);
    captured.body = Bytes::copy_from_slice(arrived);
    hints("github", "s", &captured)
}

fn hints(scheme: &str, secret: &str, captured: &Captured) -> String {
    let settings = Settings {
        secrets: vec![Secret::new(secret.as_bytes()).into()],
        url: ["twilio", "square"]
            .contains(&scheme)
            .then(|| "https://pay.example.com/hook".to_owned()),
        ..Settings::default()
    };
    let make = |settings| build(scheme, settings).ok();
    let verifier = make(settings.clone()).unwrap();
    let rejection = verifier.verify(&captured.request(), NOW).unwrap_err();
    explain(&make, &settings, &captured.request(), NOW, &rejection).join("\n")
}

#[test]
fn json_with_other_escapes_or_numbers() {
    let plain = r#"{"name":"Zoë","url":"https://a/b"}"#;
    for arrived in [
        r#"{"name": "Zo\u00eb", "url": "https://a/b"}"#,
        r#"{"name":"Zo\u00eb","url":"https:\/\/a\/b"}"#,
    ] {
        let said = about_body(plain, arrived.as_bytes());
        assert!(said.contains("with other escapes"), "{said}");
    }
    let said = about_body(r#"{"name": "Zo\u00eb"}"#, "{\"name\":\"Zoë\"}".as_bytes());
    assert!(said.contains("with other escapes"), "{said}");
    let said = about_body(
        r#"{"id":7,"a":10.0,"b":2.5}"#,
        br#"{"id":7,"a":10,"b":2.5}"#,
    );
    assert!(said.contains("`10.0` for `10`"), "{said}");
    let said = about_body("{\"name\":\"Zoë\"}", "{\"name\":\"ZoÃ«\"}".as_bytes());
    assert!(said.contains("Latin-1"), "{said}");
    let said = about_body("{\"name\":\"Zoë\"}", b"{\"name\":\"Zo\xeb\"}");
    assert!(said.contains("Latin-1"), "{said}");
    let said = about_body("{}", b"\x1f\x8b\x08\x00");
    assert!(said.contains("compressed"), "{said}");
}

#[test]
fn quotes_or_a_mark_around_a_secret() {
    let verifier = verifier("github", &["s3cret"]);
    let captured = capture(&verifier, "{}");
    for (secret, says) in [
        ("\"s3cret\"", "quotes"),
        ("'s3cret'", "quotes"),
        ("“s3cret”", "quotes"),
        ("\u{feff}s3cret", "byte order mark"),
        ("\u{feff}\"s3cret\"\n", "quotes"),
    ] {
        let said = hints("github", secret, &captured);
        assert!(said.contains(says), "{secret}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_signature_header_of_two_lines() {
    let verifier = verifier("stripe", &["s"]);
    let captured = capture(&verifier, r#"{"id":"e","type":"a"}"#);
    let good = captured.headers["stripe-signature"].to_str().unwrap();
    for joined in [format!("t=1,v1=00, {good}"), format!("{good},t=1,v1=00")] {
        let mut other = captured.clone();
        other
            .headers
            .insert("stripe-signature", joined.parse().unwrap());
        let said = hints("stripe", "s", &other);
        assert!(said.contains("joined two lines"), "{said}");
    }
    let mut twice = captured.clone();
    twice
        .headers
        .append("stripe-signature", "t=1,v1=00".parse().unwrap());
    let said = hints("stripe", "s", &twice);
    assert!(said.contains("several lines"), "{said}");
}

#[test]
fn a_query_that_a_proxy_rewrote() {
    let verifier = verifier("twilio", &["s"]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (signed, arrived) in [
        ("a=%7Ex&b=%5B1%5D", "a=~x&b=%5B1%5D"),
        ("a=~x", "a=%7Ex"),
        ("a=x%20y", "a=x+y"),
        ("a=[1]|2", "a=%5B1%5D%7C2"),
        ("a=%2f", "a=%2F"),
    ] {
        // The library signs the whole URL; so does the key of a source with that URL.
        let settings = Settings {
            secrets: vec![Secret::new("s").into()],
            url: Some(format!("https://pay.example.com/hook?{signed}")),
            ..Settings::default()
        };
        let signer = build("twilio", settings).unwrap();
        let mut captured = capture_with(&signer, "CallSid=CA1", &[form]);
        captured.url = format!("/hook?{signed}");
        assert!(
            verifier.verify(&captured.request(), NOW).is_ok(),
            "{signed}"
        );
        captured.url = format!("/hook?{arrived}");
        let said = hints("twilio", "s", &captured);
        assert!(said.contains("a proxy rewrote"), "{arrived}: {said}");
    }
}
