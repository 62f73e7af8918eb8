//! Google's key set, and tokens that name a key of it.

use rustls::RootCertStore;

use super::*;

/// A source that fetches its keys, with a request, the name of its key, and Google's key set.
fn google(more: &[(&str, &str)]) -> (Verifier, Captured, String) {
    let (_, vectors) = all()
        .into_iter()
        .find(|(scheme, _)| scheme == "google-play")
        .unwrap();
    let vector = &vectors[0];
    let mut settings = vector.settings();
    let set = settings.secrets.remove(0).secret;
    let set = String::from_utf8(set.expose().to_vec()).unwrap();
    settings.params.extend(params(more));
    let verifier = build("google-play", settings).unwrap();
    (verifier, vector.captured(), set)
}

#[test]
fn googles_key_set_is_asked_for_and_the_named_key_counts() {
    let (verifier, captured, set) = google(&[]);
    let needed = Rejection::KeyNeeded {
        id: "kid-1".to_owned(),
    };
    assert_eq!(verifier.verify(&captured.request(), NOW), Err(needed));
    let asked = verifier.key_request("kid-1", NOW).unwrap();
    let wanted = "https://www.googleapis.com/oauth2/v3/certs";
    assert_eq!((asked.url.as_str(), asked.allow_private), (wanted, false));

    let trust = CertificateTrust::new(RootCertStore::empty());
    let read = |id: &str, answer: &str| verifier.read_key(id, answer.as_bytes(), &trust, NOW);
    let verified = |id: &str, key: &FetchedKey, now| {
        let outcome = verifier.verify_with(&captured.request(), now, id, key);
        outcome.map(|_| ()).map_err(|rejection| rejection.code())
    };
    let key = read("kid-1", &set).unwrap();
    assert_eq!(verified("kid-1", &key, NOW), Ok(()));
    assert_eq!(verified("kid-0", &key, NOW), Err("signature_mismatch"));
    let other = read("kid-0", &set).unwrap();
    assert_eq!(verified("kid-1", &other, NOW), Err("signature_mismatch"));
    let hour = Duration::from_secs(3600);
    assert_eq!(
        verified("kid-1", &key, NOW + hour),
        Err("timestamp_too_old")
    );
    assert_eq!(
        verified("kid-1", &key, NOW - hour),
        Err("timestamp_in_future")
    );

    let why = |id: &str, answer: &str| read(id, answer).unwrap_err().to_string();
    assert!(why("kid-2", &set).contains("another key"));
    for nothing in [
        "",
        "{}",
        "<html>",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"EC"}]}"#,
    ] {
        assert!(why("kid-1", nothing).contains("no JWK"), "{nothing}");
    }
    // A key that cannot be read takes no other with it.
    let odd = set.replacen("[", r#"[{"kty":"RSA","kid":7},{"kty":"oct","k":"x"},"#, 1);
    assert!(read("kid-1", &odd).is_ok());
}

#[test]
fn keys_may_come_from_a_server_that_the_manifest_names() {
    let (verifier, ..) = google(&[("keys_from", "https://keys.internal:8443")]);
    let asked = verifier.key_request("kid-1", NOW).unwrap();
    let wanted = "https://keys.internal:8443/oauth2/v3/certs";
    assert_eq!((asked.url.as_str(), asked.allow_private), (wanted, true));
}

#[test]
fn what_is_no_name_of_a_key_is_asked_of_nobody() {
    let (verifier, mut captured, _) = google(&[]);
    for kid in ["", "a b", "../x", "é", &"k".repeat(65)] {
        let header = serde_json::json!({ "alg": "RS256", "kid": kid }).to_string();
        let part = |bytes: &[u8]| SignatureEncoding::Base64url.encode(bytes);
        let token = format!("{}.{}.{}", part(header.as_bytes()), part(b"{}"), part(b"s"));
        let value = format!("Bearer {token}").parse().unwrap();
        captured.headers.insert("authorization", value);
        let rejection = verifier.verify(&captured.request(), NOW).unwrap_err();
        assert_eq!(rejection.code(), "malformed_signature", "{kid}");
    }
}

#[test]
fn the_account_must_be_named() {
    let settings = Settings {
        params: params(&[("audience", "https://pay.example.com")]),
        ..Settings::default()
    };
    let errors = build("google-play", settings).unwrap_err();
    assert_eq!(errors[0].setting, Setting::Param("email".to_owned()));
    let (_, vectors) = all()
        .into_iter()
        .find(|(name, _)| name == "google-play")
        .unwrap();
    let mut settings = vectors[0].settings();
    let server = "https://keys.internal".to_owned();
    settings.params.insert("keys_from".to_owned(), server);
    let errors = build("google-play", settings).unwrap_err();
    assert!(errors[0].to_string().contains("keys that are fetched"));
}

#[test]
fn keys_that_are_weak_or_of_another_kind_are_refused() {
    let of = |secret: &str| {
        let settings = Settings {
            secrets: vec![Secret::new(secret.as_bytes()).into()],
            params: params(&[("audience", "a"), ("email", "e")]),
            ..Settings::default()
        };
        build("google-play", settings).unwrap_err()[0].to_string()
    };
    let short = SignatureEncoding::Base64url.encode(&[0x81; 128]);
    let weak = format!(r#"{{"kty":"RSA","n":"{short}","e":"AQAB"}}"#);
    assert!(of(&weak).contains("less than 2048 bits"), "{}", of(&weak));
    let other = r#"{"kty":"EC","crv":"P-256","x":"","y":""}"#;
    assert!(
        of(other).contains("another algorithm than RS256"),
        "{}",
        of(other)
    );
    let signs = format!(r#"{{"kty":"RSA","alg":"RS512","n":"{short}","e":"AQAB"}}"#);
    assert!(of(&signs).contains("another algorithm than RS256"));
}
