//! Requests of providers that sign with their own key, signed here with the key of the tests.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::*;

/// The base64 of an RSA signature over these bytes, by the tests' own key.
fn sign(message: &[u8]) -> String {
    let key = key();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
        .unwrap();
    SignatureEncoding::Base64.encode(&signature)
}

fn key() -> RsaKeyPair {
    let text: String = include_str!("signer.b64").split_whitespace().collect();
    let der = SignatureEncoding::Base64.decode(&text).unwrap();
    RsaKeyPair::from_pkcs8(&der).unwrap()
}

/// The public half of the key, as a secret.
fn public() -> Secret {
    let text = SignatureEncoding::Base64.encode(key().public().as_ref());
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{text}\n-----END RSA PUBLIC KEY-----\n");
    Secret::new(pem)
}

fn with_headers(body: &[u8], headers: &[(&'static str, &str)]) -> Captured {
    let headers = headers.iter();
    let named = headers.map(|(name, value)| {
        let name = http::HeaderName::from_static(name);
        (name, value.parse().unwrap())
    });
    Captured {
        method: http::Method::POST,
        url: "/hook".to_owned(),
        headers: named.collect(),
        body: Bytes::copy_from_slice(body),
    }
}

/// A body as Wise would send it.
fn wise(body: &[u8]) -> (Verifier, Captured) {
    let verifier = build(
        "wise",
        Settings {
            secrets: vec![public().into()],
            ..Settings::default()
        },
    );
    let signature = sign(body);
    let captured = with_headers(body, &[("x-signature-sha256", &signature)]);
    (verifier.unwrap(), captured)
}

/// A body as PayPal would send it.
fn paypal(body: &[u8]) -> (Verifier, Captured) {
    let verifier = build(
        "paypal",
        Settings {
            secrets: vec![public().into()],
            params: params(&[("webhook_id", "W1")]),
            ..Settings::default()
        },
    );
    let time = "2025-10-09T08:53:20Z";
    let signature = sign(format!("T-1|{time}|W1|{}", crc32fast::hash(body)).as_bytes());
    let headers = [
        ("paypal-transmission-id", "T-1"),
        ("paypal-transmission-time", time),
        ("paypal-auth-algo", "SHA256withRSA"),
        (
            "paypal-cert-url",
            "https://api.paypal.com/v1/notifications/certs/CERT-1",
        ),
        ("paypal-transmission-sig", &signature),
    ];
    (verifier.unwrap(), with_headers(body, &headers))
}

#[test]
fn a_resend_of_wises_with_another_stamp_is_a_duplicate() {
    let basis = |data: &str, sent: &str| {
        let body = format!(
            r#"{{"data":{data},"event_type":"transfers#state-change","sent_at":"{sent}"}}"#
        );
        let (verifier, captured) = wise(body.as_bytes());
        events(&verifier, &captured).remove(0).dedup
    };
    let at = |time: &str| {
        format!(r#"{{"resource":{{"id":1}},"current_state":"sent","occurred_at":"{time}"}}"#)
    };
    let (noon, later) = ("2025-10-09T12:00:00Z", "2025-10-09T12:01:00Z");
    assert_eq!(basis(&at(noon), noon), basis(&at(noon), later));
    assert_ne!(basis(&at(noon), noon), basis(&at(later), noon));
    // An event that does not say when it happened may equal an earlier one, and is a new event.
    let cases = r#"{"resource":{"id":1},"active_cases":[]}"#;
    assert_ne!(basis(cases, noon), basis(cases, later));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rightly_signed_nonsense_makes_no_scheme_panic(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "\\{(\"(id|event_type|data|sent_at|create_time|resource)\":(1e99|null|\"[ -~]{0,9}\"|\\[\\{\\}\\]|\\{\"(id|occurred_at)\":[0-9]{1,30}\\}),?){0,5}\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        for (verifier, captured) in [wise(&text), paypal(&text)] {
            match verifier.verify(&captured.request(), NOW) {
                Ok(accepted) => {
                    let mut events = accepted.events.get().iter();
                    prop_assert!(events.all(|event| !event.kind.is_empty()));
                }
                // The signature holds, so the reason is the body.
                Err(rejection) => {
                    let of_body = ["malformed_body", "missing_field"].contains(&rejection.code());
                    prop_assert!(of_body, "{}: {:?}", verifier.scheme(), rejection);
                }
            }
        }
    }
}

#[test]
fn the_time_of_a_token_may_have_a_fraction() {
    let template: Template = toml::from_str(
        "jws = { header = \"x-jws\", algorithm = \"RS256\", time = \"/iat\" }\nkind = \"/type\"",
    )
    .unwrap();
    let settings = Settings {
        secrets: vec![public().into()],
        ..Settings::default()
    };
    let verifier = build_template("own", &template, settings).unwrap();
    let outcome = |payload: &str| {
        let url = |bytes: &[u8]| SignatureEncoding::Base64url.encode(bytes);
        let url = |bytes: &[u8]| url(bytes).trim_end_matches('=').to_owned();
        let signed = format!("{}.{}", url(br#"{"alg":"RS256"}"#), url(payload.as_bytes()));
        let signature = SignatureEncoding::Base64.decode(&sign(signed.as_bytes()));
        let token = format!("{signed}.{}", url(&signature.unwrap()));
        let captured = with_headers(b"", &[("x-jws", &token)]);
        let outcome = verifier.verify(&captured.request(), NOW);
        outcome.map(|_| ()).map_err(|why| why.code())
    };
    let at = |iat: &str| outcome(&format!(r#"{{"type":"paid","iat":{iat}}}"#));
    for good in [
        "1760000000",
        "1760000000.5",
        "1759999700.999",
        "1760000000000.25",
    ] {
        assert_eq!(at(good), Ok(()), "{good}");
    }
    assert_eq!(at("1759999699.999"), Err("timestamp_too_old"));
    for wrong in [
        "null",
        "\"1760000000.\"",
        "\"1760000000.5x\"",
        "-1760000000.5",
        "\".5\"",
    ] {
        assert_eq!(at(wrong), Err("malformed_timestamp"), "{wrong}");
    }
    // A payload without a time cannot be told from an old copy.
    assert_eq!(outcome("[]"), Err("malformed_timestamp"));
    assert_eq!(outcome("hello"), Err("malformed_timestamp"));
}
