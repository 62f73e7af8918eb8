//! Templates of manifests.

use super::*;
use tollgate_base::event::DedupBasis;

fn template(text: &str) -> Template {
    toml::from_str(text).expect("a template")
}

#[test]
fn a_provider_that_nobody_heard_of_in_ten_lines() {
    let template = template(
        r#"
        algorithm = "hmac-sha512"
        key_encoding = "hex"
        signature = { header = "Acme-Sig", form = "pairs", separator = ";", name = "s", encoding = "base64" }
        timestamp = { pair = "ms", unit = "milliseconds", tolerance = "1m", future = "2s" }
        signed = "{timestamp}|{header:acme-id}|{body}"
        events = "/batch/items"
        id = "{header:acme-id}/{/n}"
        kind = ["/meta/kind", "'unknown'"]
        record = ["acme-id"]
        answers = { accepted = { status = 202, body = "ok", content_type = "text/html" }, rejected = { status = 403 } }
        "#,
    );
    assert_eq!(template.check(), []);
    let settings = Settings {
        secrets: vec![Secret::new("0102").into()],
        ..Settings::default()
    };
    let verifier = build_template("acme", &template, settings).unwrap();
    let body = r#"{"batch":{"items":[{"n":1,"meta":{"kind":"paid"}}, {"n":2}]}}"#;
    let captured = capture_with(&verifier, body, &[("acme-id", "B7")]);
    let found = events(&verifier, &captured);
    let ids: Vec<_> = found
        .iter()
        .map(|event| (event.provider_id.as_deref().unwrap(), event.kind.as_str()))
        .collect();
    assert_eq!(ids, [("B7/1", "paid"), ("B7/2", "unknown")]);
    assert_eq!(found[1].payload, r#"{"n":2}"#);
    assert_eq!(found[0].dedup, DedupBasis::SignedId("B7/1".to_owned()));
    let at = |now| {
        verifier
            .verify(&captured.request(), now)
            .map_err(|rejection| rejection.code())
    };
    assert!(at(NOW + ms(60_000)).is_ok() && at(NOW - ms(2_000)).is_ok());
    assert_eq!(at(NOW + ms(60_001)), Err("timestamp_too_old"));
    assert_eq!(at(NOW - ms(2_001)), Err("timestamp_in_future"));
    let answer = verifier.answer(RequestOutcome::Duplicate);
    assert_eq!(
        (answer.status.as_u16(), answer.content_type.as_deref()),
        (202, Some("text/html"))
    );
    assert_eq!(
        verifier.answer(RequestOutcome::Rejected).status.as_u16(),
        403
    );
}

#[test]
fn fields_that_identify_an_event_together() {
    let template = template(
        r#"
        algorithm = "hmac-sha256"
        signature = { header = "sig" }
        kind = "/kind"
        dedup = ["/order", "/kind"]
        "#,
    );
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        ..Settings::default()
    };
    let verifier = build_template("acme", &template, settings).unwrap();
    let verify = |body: &'static str| {
        let captured = capture(&verifier, body);
        verifier
            .verify(&captured.request(), NOW)
            .map(|accepted| accepted.events.into_inner().remove(0).dedup)
    };
    let expected = DedupBasis::Fields(vec!["7".to_owned(), "paid".to_owned()]);
    assert_eq!(
        verify(r#"{"order":7,"kind":"paid","try":1}"#),
        Ok(expected.clone())
    );
    assert_eq!(verify(r#"{"order":7,"kind":"paid","try":2}"#), Ok(expected));
    let unreadable = verify(r#"{"kind":"paid"}"#).unwrap();
    assert!(matches!(unreadable, DedupBasis::Body { kind, .. } if kind == "unreadable"));
}

#[test]
fn what_differs_on_a_resend_can_be_left_out() {
    let template = template(
        r#"
        algorithm = "hmac-sha256"
        signature = { header = "sig" }
        kind = "/kind"
        dedup = { body_without = ["/sent", "/try/n"], if_there = "/at" }
        "#,
    );
    let settings = Settings {
        secrets: vec![Secret::new("s").into()],
        ..Settings::default()
    };
    let verifier = build_template("acme", &template, settings).unwrap();
    let basis = |body: &'static str| events(&verifier, &capture(&verifier, body)).remove(0).dedup;
    let first = basis(r#"{"kind":"a","at":1,"sent":1,"try":{"n":1}}"#);
    assert_eq!(
        first,
        basis(r#"{"kind":"a","at":1,"sent":"later","try":{"n":[2]}}"#)
    );
    for other in [
        r#"{"kind":"a","at":2,"sent":1,"try":{"n":1}}"#,
        r#"{"kind":"b","at":1,"sent":1,"try":{"n":1}}"#,
        r#"{"kind":"a","at":1,"sent":1,"try":{"n":1},"more":0}"#,
    ] {
        assert_ne!(first, basis(other), "{other}");
    }
    // Without what tells them apart otherwise, everything counts.
    for at in ["", r#""at":null,"#] {
        let basis = |sent: u8| {
            let body = format!(r#"{{"kind":"a",{at}"sent":{sent}}}"#);
            events(&verifier, &capture(&verifier, body)).remove(0).dedup
        };
        assert_ne!(basis(1), basis(2), "{at}");
    }
}

/// The rest of a template with a mistake, and the key of the mistake.
const MISTAKES: &[(&str, &str)] = &[
    (r#"kind = "type""#, "kind"),
    (r#"kind = []"#, "kind"),
    (r#"kind = "{/a""#, "kind"),
    (r#"kind = "/a~2""#, "kind"),
    (r#"kind = "header:no header""#, "kind"),
    ("kind = \"/a\"\nid = \"header:x\"\ndedup = \"id\"", "dedup"),
    (
        "kind = \"/a\"\nid = \"header:x\"\ndedup = \"id-or-body\"",
        "dedup",
    ),
    ("kind = \"/a\"\ndedup = [\"header:x\"]", "dedup"),
    ("kind = \"/a\"\ndedup = []", "dedup"),
    (
        "kind = \"/a\"\ndedup = { body_without = [] }",
        "dedup.body_without",
    ),
    (
        "kind = \"/a\"\ndedup = { body_without = [\"sent\"] }",
        "dedup.body_without",
    ),
    (
        "kind = \"/a\"\ndedup = { body_without = [\"/sent\"], if_there = \"header:x\" }",
        "dedup.if_there",
    ),
    (
        "kind = \"/a\"\nsigned = \"{timestamp}.{body}\"",
        "timestamp",
    ),
    ("kind = \"/a\"\nsigned = \"{body}{nonsense}\"", "signed"),
    ("kind = \"/a\"\nsigned = \"{header:x}\"", "signed"),
    ("kind = \"/a\"\ntimestamp = { header = \"x\" }", "timestamp"),
    (
        "kind = \"/a\"\nsigned = \"{timestamp}{body}\"\ntimestamp = {}",
        "timestamp",
    ),
    (
        "kind = \"/a\"\nsigned = \"{timestamp}{body}\"\ntimestamp = { pair = \"t\" }",
        "timestamp.pair",
    ),
    (
        "kind = \"/a\"\nsigned = \"{timestamp}{body}\"\ntimestamp = { header = \"t\", tolerance = \"soon\" }",
        "timestamp.tolerance",
    ),
    ("kind = \"/a\"\nrecord = [\"sig\"]", "record"),
    ("kind = \"/a\"\nrecord = [\"Authorization\"]", "record"),
    (
        "kind = \"/a\"\nanswers = { accepted = { status = 500 } }",
        "answers",
    ),
    (
        "kind = \"/a\"\nanswers = { rejected = { status = 200 } }",
        "answers.rejected",
    ),
    (
        "kind = \"/a\"\nanswers = { rejected = { status = 1 } }",
        "answers.rejected",
    ),
    ("kind = \"/a\"\nevents = \"items\"", "events"),
];

#[test]
fn every_mistake_in_a_description_is_named() {
    for (wrong, key) in MISTAKES {
        let text =
            format!("algorithm = \"hmac-sha256\"\nsignature = {{ header = \"sig\" }}\n{wrong}");
        let mistakes = template(&text).check();
        assert!(
            mistakes.iter().any(|mistake| mistake.key == *key),
            "{wrong}: {mistakes:?}"
        );
        let settings = Settings {
            secrets: vec![Secret::new("s").into()],
            ..Settings::default()
        };
        let errors = build_template("acme", &template(&text), settings).unwrap_err();
        assert!(
            errors.iter().all(|error| error.setting == Setting::Scheme),
            "{errors:?}"
        );
    }
}

/// A `signature` with a mistake.
const SIGNATURE_MISTAKES: &[&str] = &[
    r#"{ header = "sig", name = "v1" }"#,
    r#"{ header = "sig", form = "pairs" }"#,
    r#"{ header = "sig", form = "versions", name = "" }"#,
    r#"{ header = "sig", form = "pairs", name = "a", prefix = "x" }"#,
    r#"{ header = "sig", separator = ";" }"#,
    r#"{ header = "no header" }"#,
];

#[test]
fn every_mistake_in_a_signature_is_named() {
    for signature in SIGNATURE_MISTAKES {
        let text = format!("algorithm = \"hmac-sha256\"\nsignature = {signature}\nkind = \"/a\"");
        let mistakes = template(&text).check();
        assert!(
            mistakes
                .iter()
                .any(|mistake| mistake.key.starts_with("signature.")),
            "{signature}: {mistakes:?}"
        );
    }
}

#[test]
fn unknown_keys_are_mistakes() {
    for text in [
        "algorithm = \"md4\"\nsignature = { header = \"s\" }\nkind = \"/a\"",
        "algorithm = \"hmac-sha256\"\nsignature = { header = \"s\", colour = 1 }\nkind = \"/a\"",
        "algorithm = \"hmac-sha256\"\nsignature = { header = \"s\" }\nkind = \"/a\"\nmood = 1",
        "algorithm = \"hmac-sha256\"\nsignature = { header = \"s\" }",
    ] {
        assert!(toml::from_str::<Template>(text).is_err(), "{text}");
    }
}
