//! Mistakes in a source's settings.

use std::time::Duration;

use super::*;

fn errors(scheme: &str, settings: Settings) -> Vec<(Setting, String)> {
    let errors = build(scheme, settings).expect_err("mistakes");
    errors
        .into_iter()
        .map(|error| (error.setting, error.message))
        .collect()
}

fn secrets(secrets: &[&str]) -> Settings {
    Settings {
        secrets: secrets
            .iter()
            .map(|secret| Secret::new(secret.as_bytes()).into())
            .collect(),
        ..Settings::default()
    }
}

#[test]
fn an_unknown_scheme_fails_closed_and_the_nearest_is_named() {
    let (setting, message) = errors("strpe", secrets(&["s"])).remove(0);
    assert_eq!(setting, Setting::Scheme);
    assert!(message.contains("did you mean `stripe`?"), "{message}");
    let (_, message) = errors("completely-different", secrets(&["s"])).remove(0);
    assert!(message.contains("stripe, svix"), "{message}");
}

#[test]
fn an_empty_secret_is_a_mistake_for_every_scheme() {
    for scheme in names() {
        for empty in ["", " ", "\n", "whsec_"] {
            if empty == "whsec_" && !["standard-webhooks", "svix"].contains(&scheme) {
                continue;
            }
            let found = errors(scheme, secrets(&["", empty]));
            assert!(
                found
                    .iter()
                    .any(|(setting, _)| *setting == Setting::Secret(1)),
                "{scheme}: {found:?}"
            );
        }
        if !NO_SECRET.contains(&scheme) {
            let found = errors(scheme, Settings::default());
            assert!(
                found
                    .iter()
                    .any(|(setting, _)| *setting == Setting::Secret(0)),
                "{scheme}: {found:?}"
            );
        }
    }
}

#[test]
fn every_mistake_is_reported_at_once() {
    let settings = Settings {
        url: Some("https://x".to_owned()),
        tolerance: Some(Duration::ZERO),
        params: params(&[("colour", "red"), ("size", "1")]),
        ..secrets(&["good", "", "good", " "])
    };
    let found: Vec<Setting> = errors("stripe", settings)
        .into_iter()
        .map(|(setting, _)| setting)
        .collect();
    for setting in [
        Setting::Secret(1),
        Setting::Secret(3),
        Setting::Url,
        Setting::Tolerance,
        Setting::Param("colour".to_owned()),
        Setting::Param("size".to_owned()),
    ] {
        assert!(found.contains(&setting), "{setting:?} in {found:?}");
    }
    assert_eq!(found.len(), 6);
}

#[test]
fn keys_that_do_not_decode_are_mistakes_and_are_not_shown() {
    for (scheme, key, says) in [
        ("adyen", "nothexa", "hexadecimal"),
        ("adyen", "abc", "hexadecimal"),
        ("adyen-platform", "zz", "hexadecimal"),
        ("standard-webhooks", "whsec_%%%", "base64"),
        ("svix", "not base64!", "base64"),
        (
            "standard-webhooks",
            "whpk_YWJj",
            "Ed25519 public key has 32",
        ),
        ("wise", "no pem at all", "PEM"),
        (
            "wise",
            "-----BEGIN PRIVATE KEY-----\nYWJj\n-----END PRIVATE KEY-----",
            "PRIVATE KEY",
        ),
        (
            "wise",
            "-----BEGIN PUBLIC KEY-----\nYWJj\n-----END PUBLIC KEY-----",
            "damaged",
        ),
        (
            "wise",
            "-----BEGIN PUBLIC KEY-----\n%\n-----END PUBLIC KEY-----",
            "no base64",
        ),
        ("wise", ED25519, "another kind of key than RSA"),
        ("wise", SHORT, "less than 2048 bits"),
        ("plaid", ED25519, "another kind of key than P-256"),
        ("plaid", "{}", "no JWK"),
        (
            "plaid",
            r#"{"kty":"EC","crv":"P-384","x":"","y":""}"#,
            "ES256",
        ),
        (
            "plaid",
            r#"{"kty":"EC","crv":"P-256","x":"YQ","y":"YQ"}"#,
            "32 bytes",
        ),
        (
            "paypal",
            "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----",
            "damaged",
        ),
    ] {
        let found = errors(scheme, secrets(&[key]));
        let (_, message) = found
            .iter()
            .find(|(setting, _)| *setting == Setting::Secret(0))
            .unwrap();
        assert!(message.contains(says), "{scheme}: {message}");
        assert!(!message.contains(key), "{scheme}: {message}");
    }
}

#[test]
fn what_a_scheme_needs_must_be_there() {
    for (scheme, settings, setting) in [
        ("square", secrets(&["s"]), Setting::Url),
        ("twilio", secrets(&["s"]), Setting::Url),
        (
            "square",
            Settings {
                url: Some("pay.example.com".to_owned()),
                ..secrets(&["s"])
            },
            Setting::Url,
        ),
        (
            "braintree",
            secrets(&["s"]),
            Setting::Param("public_key".to_owned()),
        ),
        (
            "paypal",
            secrets(&["s"]),
            Setting::Param("webhook_id".to_owned()),
        ),
        (
            "paypal",
            Settings {
                params: params(&[("webhook_id", " ")]),
                ..secrets(&["s"])
            },
            Setting::Param("webhook_id".to_owned()),
        ),
        (
            "braintree",
            Settings {
                params: params(&[("public_key", "a")]),
                ..secrets(&["s", "t"])
            },
            Setting::Param("public_key".to_owned()),
        ),
        (
            "github",
            Settings {
                tolerance: Some(Duration::from_secs(5)),
                ..secrets(&["s"])
            },
            Setting::Tolerance,
        ),
        ("mollie-classic", secrets(&["s"]), Setting::Secret(0)),
    ] {
        let found = errors(scheme, settings);
        assert!(
            found.iter().any(|(found, _)| *found == setting),
            "{scheme}: {found:?}"
        );
    }
}

#[test]
fn a_tolerance_replaces_the_schemes_own() {
    let settings = Settings {
        tolerance: Some(Duration::from_secs(10)),
        ..secrets(&["s"])
    };
    let verifier = build("stripe", settings).unwrap();
    let captured = capture(&verifier, r#"{"id":"e","type":"a"}"#);
    let at = |now| {
        verifier
            .verify(&captured.request(), now)
            .map_err(|rejection| rejection.code())
    };
    assert!(at(NOW + ms(10_999)).is_ok());
    assert_eq!(at(NOW + ms(11_000)), Err("timestamp_too_old"));
    assert!(at(NOW - ms(10_000)).is_ok());
    assert_eq!(at(NOW - ms(11_000)), Err("timestamp_in_future"));
}

/// Public keys, made for these tests.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAO2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=
-----END PUBLIC KEY-----";
const SHORT: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD4XpRN1fM8m/T3yQc53U4aD0u6
yTw/nRke5JZeGDa6vBmeIT5AAHr9i6LTKztBenu9usT/8R7HhZsKl3eGWzSgX/J/
c+uKNYJdA1rtK322yN79nW4biOKSamjpBoy5rTT5fItfOsHt4hpAOFdbUum4Sdch
pT0l5Lh9Ai6GCB9h9wIDAQAB
-----END PUBLIC KEY-----";
