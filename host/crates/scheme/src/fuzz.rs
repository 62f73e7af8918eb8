//! Entry points for fuzzing (tests/fuzz). Each takes any bytes and must not panic.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::catalog::{build, build_template};
use super::chain::Chain;
use super::declarative::signature::SignatureNames;
use super::declarative::{Layout, SignatureForm, Template};
use super::encoding::SignatureEncoding;
use super::jws::{Jws, JwsAlgorithm};
use super::pem::{self, KeyKind};
use super::providers::braintree;
use super::settings::Settings;
use super::{form, issuer, jwk, time};
use tollgate_base::quantity::parse_duration;
use tollgate_base::rfc3339;
use tollgate_base::secret::Secret;

/// Reads a header with signatures, in every layout and encoding.
pub fn signatures(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let name = HeaderName::from_static("s");
    let mut headers = HeaderMap::new();
    headers.append(name.clone(), value.clone());
    headers.append("twice", value.clone());
    headers.append("twice", value);
    let names = SignatureNames {
        signatures: &["v1", "h1", ""].map(str::to_owned),
        timestamp: Some("t"),
    };
    for layout in [Layout::Bare, Layout::Pairs, Layout::Versions] {
        for encoding in [
            SignatureEncoding::Hex,
            SignatureEncoding::Base64,
            SignatureEncoding::HexOrBase64,
            SignatureEncoding::Base64url,
        ] {
            let read = SignatureForm {
                header: "s".to_owned(),
                at: None,
                form: layout,
                name: Some("v1".to_owned()),
                separator: None,
                equals: None,
                prefix: Some("sha256=".to_owned()),
                prefix_optional: true,
                several: false,
                encoding,
            };
            _ = read.read(&headers, &name, &names);
            let several = SignatureForm {
                several: true,
                ..read
            };
            _ = several.read(&headers, &HeaderName::from_static("twice"), &names);
        }
    }
}

/// Reads a form, writes it and reads it again, with the same result.
pub fn forms(bytes: &[u8]) {
    let pairs: Vec<_> = form::pairs(bytes).collect();
    for (name, value) in &pairs {
        let Ok(name) = std::str::from_utf8(name) else {
            continue;
        };
        let times = pairs
            .iter()
            .filter(|(other, _)| **other == *name.as_bytes());
        let single = form::single(bytes, name);
        assert_eq!(single.is_some(), times.count() == 1);
        assert!(single.is_none_or(|found| found == *value));
    }
    let texts: Option<Vec<(&str, &str)>> = pairs
        .iter()
        .map(|(name, value)| {
            Some((
                std::str::from_utf8(name).ok()?,
                std::str::from_utf8(value).ok()?,
            ))
        })
        .collect();
    if let Some(texts) = texts {
        let again = form::write(&texts);
        assert!(form::pairs(again.as_bytes()).eq(pairs.clone()));
    }
}

/// Reads the XML of Braintree.
pub fn xml(bytes: &[u8]) {
    _ = braintree::Notification::read(bytes);
}

/// Reads a JSON Web Token, and JSON Web Keys.
pub fn token(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        for algorithm in JwsAlgorithm::ALL {
            _ = jwk::keys(bytes, algorithm);
            _ = Jws::detached(text, bytes, "fuzzed", algorithm);
            if let Ok(token) = Jws::read(text, "fuzzed", algorithm) {
                _ = Chain::read(token.x5c());
            }
        }
    }
}

/// Reads keys and certificates, in PEM and DER.
pub fn pem(bytes: &[u8]) {
    for kind in [KeyKind::Rsa, KeyKind::Ed25519, KeyKind::P256, KeyKind::P384] {
        _ = pem::public_key(bytes, kind);
        _ = pem::certificate_key(bytes, kind);
    }
    _ = issuer::url(bytes);
    _ = pem::serial(bytes);
    for (scheme, params) in [
        ("plaid", &[][..]),
        ("wise", &[]),
        ("paypal", &[("webhook_id", "W")]),
        ("apple", &[("bundle_id", "b"), ("app_apple_id", "1")]),
        (
            "wechat-pay",
            &[("api_v3_key", "an_api_v3_key_of_32_characters_!")],
        ),
        ("amazon-sns", &[]),
        ("google-play", &[("audience", "a"), ("email", "e")]),
    ] {
        let params = params.iter().copied();
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings {
            secrets: vec![Secret::new(bytes).into()],
            params: params.collect(),
            ..Settings::default()
        };
        _ = build(scheme, settings);
    }
}

/// Reads times as providers write them.
pub fn times(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        _ = rfc3339::parse(text);
        _ = rfc3339::digits(text);
        _ = time::created(text);
        _ = parse_duration(text);
    }
}

/// Reads a template. A template without mistakes can be built.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(template) = toml::from_str::<Template>(text) else {
        return;
    };
    let sound = template.check().is_empty();
    _ = template.warnings();
    let settings = Settings {
        secrets: vec![Secret::new(&b"00ff"[..]).into()],
        url: template
            .signed
            .contains("{url}")
            .then(|| "https://x.example".to_owned()),
        ..Settings::default()
    };
    let built = build_template("fuzzed", &template, settings);
    assert!(sound || built.is_err());
}
