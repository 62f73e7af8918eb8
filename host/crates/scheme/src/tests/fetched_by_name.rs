//! Fetched keys that Plaid's requests name, and the settings for fetching.

use rustls::RootCertStore;

use super::*;

/// A Plaid source that fetches its keys, with a request and the key that the request names.
fn plaid() -> (Verifier, Captured, String, String) {
    let (_, vectors) = all()
        .into_iter()
        .find(|(scheme, _)| scheme == "plaid")
        .unwrap();
    let vector = vectors
        .into_iter()
        .find(|vector| vector.name == "plain")
        .unwrap();
    let jwk = vector.settings().secrets.remove(0).secret;
    let jwk = String::from_utf8(jwk.expose().to_vec()).unwrap();
    let settings = Settings {
        secrets: vec![Secret::new("hush").into()],
        params: params(&[("client_id", "c1"), ("environment", "sandbox")]),
        ..Settings::default()
    };
    let verifier = build("plaid", settings).unwrap();
    let captured = vector.captured();
    let needed = verifier.verify(&captured.request(), NOW);
    let Err(Rejection::KeyNeeded { id }) = needed else {
        panic!("{needed:?}");
    };
    (verifier, captured, id, jwk)
}

#[test]
fn plaids_keys_are_asked_for_by_name() {
    let (verifier, captured, id, jwk) = plaid();
    let asked = verifier.key_request(&id, NOW).unwrap();
    assert_eq!(
        asked.url,
        "https://sandbox.plaid.com/webhook_verification_key/get"
    );
    assert!(!format!("{asked:?} {verifier:?}").contains("hush"));
    let body: serde_json::Value = serde_json::from_slice(asked.body.unwrap().expose()).unwrap();
    let expected = serde_json::json!({ "client_id": "c1", "secret": "hush", "key_id": id });
    assert_eq!(body, expected);

    let trust = CertificateTrust::new(RootCertStore::empty());
    let read = |id: &str, answer: &str| verifier.read_key(id, answer.as_bytes(), &trust, NOW);
    let key = read(&id, &jwk).unwrap();
    let accepted = verifier
        .verify_with(&captured.request(), NOW, &id, &key)
        .unwrap();
    assert_eq!((accepted.secret, accepted.events.get().len()), (None, 1));
    let code = |captured: &Captured, now| {
        let outcome = verifier.verify_with(&captured.request(), now, &id, &key);
        outcome.map_err(|rejection| rejection.code())
    };
    assert_eq!(
        code(&captured, NOW + ms(10_000_000)),
        Err("timestamp_too_old")
    );
    let mut forged = captured.clone();
    forged.body = [&captured.body[..], b" "].concat().into();
    assert_eq!(code(&forged, NOW), Err("signature_mismatch"));

    let why = |id: &str, answer: &str| read(id, answer).unwrap_err().to_string();
    assert!(why("another", &jwk).contains("another key"));
    assert!(why(&id, "{}").contains("no JWK"));
    let mut ended: serde_json::Value = serde_json::from_str(&jwk).unwrap();
    match ended.get_mut("key") {
        Some(key) => key["expired_at"] = serde_json::json!(NOW.as_secs()),
        None => ended["expired_at"] = serde_json::json!(NOW.as_secs()),
    }
    let ended = read(&id, &ended.to_string()).unwrap();
    let outcome = verifier.verify_with(&captured.request(), NOW, &id, &ended);
    assert_eq!(outcome.unwrap_err().code(), "untrusted_key");
}

#[test]
fn what_is_no_name_of_a_key_is_asked_of_nobody() {
    let (verifier, mut captured, ..) = plaid();
    for kid in ["", "a b", "../x", "é", &"k".repeat(65)] {
        let header = serde_json::json!({ "alg": "ES256", "kid": kid }).to_string();
        let part = |bytes: &[u8]| SignatureEncoding::Base64url.encode(bytes);
        let token = format!("{}.{}.{}", part(header.as_bytes()), part(b"{}"), part(b"s"));
        captured
            .headers
            .insert("plaid-verification", token.parse().unwrap());
        let rejection = verifier.verify(&captured.request(), NOW).unwrap_err();
        assert_eq!(rejection.code(), "malformed_signature", "{kid}");
    }
}

#[test]
fn plaids_keys_may_come_from_a_server_that_the_manifest_names() {
    let settings = Settings {
        secrets: vec![Secret::new("hush").into()],
        params: params(&[("client_id", "c1"), ("keys_from", "https://127.0.0.1:8443")]),
        ..Settings::default()
    };
    let asked = build("plaid", settings).unwrap().key_request("k", NOW);
    let asked = asked.unwrap();
    assert_eq!(
        asked.url,
        "https://127.0.0.1:8443/webhook_verification_key/get"
    );
    assert!(asked.allow_private);
}

#[test]
fn settings_for_fetching_are_refused_where_nothing_is_fetched() {
    for (scheme, more) in [
        ("paypal", &["keys_from", "intermediates"]),
        ("plaid", &["keys_from", "environment"]),
    ] {
        let (_, vectors) = all().into_iter().find(|(name, _)| name == scheme).unwrap();
        for name in more {
            let mut settings = vectors[0].settings();
            settings.params.insert((*name).to_owned(), "x".to_owned());
            let errors = build(scheme, settings).unwrap_err();
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(errors[0].setting, Setting::Param((*name).to_owned()));
            assert!(errors[0].to_string().contains("keys that are fetched"));
        }
    }
}

#[test]
fn settings_for_fetching_are_checked() {
    let settings = Settings {
        secrets: vec![Secret::new("hush").into()],
        params: params(&[("client_id", "c1"), ("environment", "staging")]),
        ..Settings::default()
    };
    let errors = build("plaid", settings).unwrap_err();
    assert_eq!(errors[0].setting, Setting::Param("environment".to_owned()));
    let settings = Settings {
        params: params(&[("client_id", "c1")]),
        ..Settings::default()
    };
    let errors = build("plaid", settings).unwrap_err();
    assert_eq!(errors[0].setting, Setting::Secret(0), "the API's secret");
}
