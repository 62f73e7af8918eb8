//! Changes of a body that a signature leaves open: they make no other event.

use super::kinds::{SENDS_SECRET, SIGNED_IN_PART};
use super::template_signed::{built, hmac256, posted};
use super::*;
use tollgate_base::event::DedupBasis;

const MINIFIED: &str = r#"
    algorithm = "hmac-sha256"
    signature = { header = "sig" }
    signed = "{header:at}:{body|minify}"
    kind = "/kind"
"#;

const SORTED: &str = r#"
    algorithm = "hmac-sha256"
    signature = { at = "form:sig" }
    signed = "{sorted-form}"
    kind = "form:kind"
"#;

/// The identities of the only event of a request whose signature holds.
fn keys(verifier: &Verifier, captured: &Captured) -> Vec<DedupBasis> {
    let event = events(verifier, captured).remove(0);
    let more = event.more_dedup.into_iter();
    std::iter::once(event.dedup).chain(more).collect()
}

#[test]
fn white_space_that_is_not_signed_makes_no_other_event() {
    let bodies = [
        r#"{"kind":"a b","id":7,"at":"x","n":1.0}"#,
        "{ \"kind\" :\n\"a b\",\t\"id\": 7, \"at\": \"x\", \"n\": 1.0 }\r\n",
    ];
    let rules = [
        r#"dedup = "body""#,
        r#"dedup = ["body"]"#,
        r#"dedup = { body_without = ["/at"] }"#,
        r#"dedup = { body_without = [], if_there = "/id" }"#,
        r#"dedup = { body_without = [], if_there = "/other" }"#,
        "id = \"header:id\"\ndedup = \"id-and-body\"",
        "id = \"header:none\"\ndedup = \"id-and-body\"",
    ];
    let signature = hmac256(&format!("now:{}", bodies[0]));
    let headers = [("sig", signature.as_str()), ("at", "now"), ("id", "e1")];
    for rule in rules {
        let verifier = built(&format!("{MINIFIED}{rule}"), &[]);
        let [first, second] = bodies.map(|body| keys(&verifier, &posted(&headers, body)));
        assert_eq!(first, second, "{rule}");
        let other = hmac256(&format!("now:{}", bodies[0].replace('7', "8")));
        let headers = [("sig", other.as_str()), ("at", "now"), ("id", "e1")];
        let other = keys(&verifier, &posted(&headers, &bodies[0].replace('7', "8")));
        assert_ne!(first, other, "{rule}");
    }
}

#[test]
fn the_order_and_the_encoding_of_fields_make_no_other_event() {
    let signature = hmac256("amount=1 0&kind=paid");
    let bodies = [
        format!("kind=paid&amount=1+0&sig={signature}"),
        format!("sig={signature}&amount=%31%200&kind=pai%64"),
    ];
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    for rule in ["", "id = \"form:id\"\ndedup = \"id-or-body\""] {
        let verifier = built(&format!("{SORTED}{rule}"), &[]);
        let [first, second] = bodies
            .each_ref()
            .map(|body| keys(&verifier, &posted(&headers, body)));
        assert_eq!(first, second, "{rule}");
    }
}

#[test]
fn what_is_signed_with_a_change_that_merges_texts_is_no_identity() {
    let text = |signed: &str| {
        format!(
            "algorithm = \"hmac-sha256\"\nsignature = {{ header = \"sig\" }}\nkind = \"/kind\"\n\
             signed = \"{{json:/kind}}{signed}\"\ndedup = [\"/id\"]"
        )
    };
    let mistakes = |signed: &str| {
        let template: Template = toml::from_str(&text(signed)).unwrap();
        template.check()
    };
    for merging in ["lower", "upper", "decimals:2"] {
        let found = mistakes(&format!("{{json:/id|{merging}}}"));
        assert_eq!(found.len(), 1, "{merging}: {found:?}");
    }
    for exact in ["{json:/id}", "{json:/id|json}", "{json:/id|sha256}"] {
        assert_eq!(mistakes(exact), [], "{exact}");
    }
}

/// The body with white space between its parts, or with its fields in the other order.
fn rewritten(captured: &Captured) -> Vec<Bytes> {
    let body = &captured.body;
    if serde_json::from_slice::<serde_json::Value>(body).is_ok() {
        let spaced = [b" ".as_slice(), body, b"\n"].concat();
        let mut wide = Vec::new();
        let mut in_text = false;
        let mut escaped = false;
        for &byte in body.iter() {
            if !in_text && b"{}[],:".contains(&byte) {
                wide.extend([b' ', byte, b'\n']);
            } else {
                wide.push(byte);
            }
            in_text ^= byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
        }
        return vec![spaced.into(), wide.into()];
    }
    if form::is_form(&captured.headers) {
        let fields: Vec<_> = body.split(|byte| *byte == b'&').rev().collect();
        return vec![fields.join(&b'&').into()];
    }
    Vec::new()
}

#[test]
fn no_provider_counts_a_body_twice_that_is_written_otherwise() {
    let mut accepted = Vec::new();
    for (scheme, vectors) in all() {
        let open = scheme == "mollie-classic" || scheme == "toss-unsigned";
        if open || SENDS_SECRET.contains(&&*scheme) || SIGNED_IN_PART.contains(&&*scheme) {
            continue;
        }
        for vector in vectors.iter().filter(|vector| vector.is_accepted()) {
            let verifier = build(&scheme, vector.settings()).unwrap();
            let identities = |captured: &Captured| {
                let accepted = verifier.verify(&captured.request(), vector.now()).ok()?;
                let events = accepted.events.into_inner().into_iter();
                let keys = events.map(|event| (event.dedup, event.more_dedup, event.equal_bytes));
                Some(keys.collect::<Vec<_>>())
            };
            let captured = vector.captured();
            let before = identities(&captured).expect("an accepted vector");
            for body in rewritten(&captured) {
                let changed = Captured {
                    body,
                    ..captured.clone()
                };
                if let Some(after) = identities(&changed) {
                    assert_eq!(before, after, "{scheme}: {}", vector.name);
                    accepted.push(scheme.clone());
                }
            }
        }
    }
    accepted.dedup();
    let expected = ["adyen", "alipay", "amazon-sns", "midtrans-snap"];
    for scheme in expected {
        assert!(accepted.iter().any(|found| found == scheme), "{accepted:?}");
    }
}
