//! Secrets that expire.

use super::*;
use tollgate_base::time::WallTime;

/// Every scheme that is signed, with settings under which it accepts the request.
fn accepted() -> Vec<(String, Settings, Captured, WallTime)> {
    let plain = |vectors: Vec<Vector>| {
        let plain = vectors.into_iter().find(|vector| vector.is_accepted());
        plain.expect("an accepted vector")
    };
    all()
        .into_iter()
        .filter(|(scheme, _)| !["mollie-classic", "toss-unsigned"].contains(&scheme.as_str()))
        .map(|(scheme, vectors)| {
            let vector = plain(vectors);
            (scheme, vector.settings(), vector.captured(), vector.now())
        })
        .collect()
}

#[test]
fn no_scheme_accepts_what_an_expired_secret_signed() {
    let accepted = accepted();
    assert_eq!(accepted.len(), names().count() - 2);
    for (scheme, mut settings, captured, now) in accepted {
        let mut verify = |expires| {
            for secret in &mut settings.secrets {
                secret.expires = Some(expires);
            }
            let verifier = build(&scheme, settings.clone()).unwrap();
            let outcome = verifier.verify(&captured.request(), now);
            outcome.map_err(|rejection| rejection.code())
        };
        assert!(verify(now + ms(1)).is_ok(), "{scheme}");
        assert_eq!(verify(now), Err("expired_secret"), "{scheme}");
        assert_eq!(verify(WallTime::EPOCH), Err("expired_secret"), "{scheme}");
    }
}

#[test]
fn the_operator_reads_which_secret_expired_when() {
    let mut settings = Settings {
        secrets: vec![Secret::new("new").into(), Secret::new("hush").into()],
        ..Settings::default()
    };
    let old = verifier("stripe", &["hush"]);
    let captured = capture(&old, r#"{"id":"e","type":"a"}"#);
    settings.secrets[1].expires = Some(NOW - ms(90_000));
    let make = |settings| build("stripe", settings).ok();
    let verifier = make(settings.clone()).unwrap();
    let rejection = verifier.verify(&captured.request(), NOW).unwrap_err();
    assert_eq!(
        rejection.to_string(),
        "the request is signed with secret 2, which expired 90 s ago"
    );
    let said = explain(&make, &settings, &captured.request(), NOW, &rejection);
    assert!(said[0].contains("set its `expires`"), "{said:?}");
    assert!(!format!("{said:?} {rejection:?}").contains("hush"));
}

#[test]
fn a_wrong_signature_is_no_expired_one() {
    let mut settings = Settings {
        secrets: vec![Secret::new("old").into()],
        ..Settings::default()
    };
    settings.secrets[0].expires = Some(WallTime::EPOCH);
    let captured = capture(&verifier("stripe", &["other"]), r#"{"id":"e","type":"a"}"#);
    let verifier = build("stripe", settings).unwrap();
    let rejection = verifier.verify(&captured.request(), NOW).unwrap_err();
    assert_eq!(rejection.code(), "signature_mismatch");
}

#[test]
fn a_challenge_is_answered_with_a_key_that_counts() {
    let mut settings = Settings {
        secrets: vec![Secret::new("old").into(), Secret::new("new").into()],
        params: params(&[("public_key", "a,b")]),
        ..Settings::default()
    };
    settings.secrets[0].expires = Some(NOW);
    let verifier = build("braintree", settings).unwrap();
    let request = Request {
        method: &http::Method::GET,
        url: "/hook?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
        headers: &http::HeaderMap::new(),
        body: &Bytes::new(),
    };
    let answered = |now| verifier.challenge(&request, now).unwrap().body[..2].to_vec();
    assert_eq!(answered(NOW - ms(1)), b"a|");
    assert_eq!(answered(NOW), b"b|");
}
