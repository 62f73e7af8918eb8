//! Apple's notifications: its true certificates, and what handlers get.

use proptest::prelude::*;

use super::*;
use crate::chain::{Chain, ChainChecker, ChainRules, Root};
use crate::key_ring::KeyRing;

/// The certificates that Apple signed notifications with in 2025: its own, and its authority's.
/// Apple sends them with each notification.
const TRUE_CHAIN: &str = include_str!("apple_chain.txt");

fn true_chain() -> Chain {
    let certificates: Vec<String> = TRUE_CHAIN.lines().map(str::to_owned).collect();
    Chain::read(&certificates).unwrap()
}

/// The settings that need no secret.
fn settings() -> Settings {
    let (_, vectors) = all().into_iter().find(|(name, _)| name == "apple").unwrap();
    Settings {
        secrets: Vec::new(),
        ..vectors[0].settings()
    }
}

#[test]
fn apples_true_certificates_lead_to_the_root_that_is_built_in() {
    use crate::providers::apple::{ROOT_KEY, ROOT_NAME, rules};
    let root = Root::known(ROOT_NAME, ROOT_KEY);
    let checker = ChainChecker::new(KeyRing::new([(root, None)]), rules());
    let chain = true_chain();
    let at = |time: &str| tollgate_base::rfc3339::parse(time).unwrap();
    let check = |time: &str| checker.root(&chain, at(time), at(time));
    assert_eq!(check("2025-11-01T02:09:35Z"), Ok(0));
    assert_eq!(check("2027-10-13T17:47:23Z"), Ok(0), "the last second");
    for time in ["2025-09-19T19:44:50Z", "2027-10-13T17:47:24Z"] {
        assert_eq!(check(time).unwrap_err().code(), "untrusted_key", "{time}");
    }
    // Twice within the hour: the second time from memory, and for this chain alone.
    assert_eq!(check("2025-11-01T02:10:00Z"), Ok(0));
    let other = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::CertificateParams::default()
        .self_signed(&other)
        .unwrap();
    let other = Root::read(&Secret::new(other.der().to_vec())).unwrap();
    let checker = ChainChecker::new(KeyRing::new([(other, None)]), ChainRules::default());
    let now = at("2025-11-01T02:10:00Z");
    assert!(checker.root(&chain, now, now).is_err());
}

#[test]
fn without_a_secret_apples_own_root_counts() {
    let verifier = build("apple", settings()).unwrap();
    let (_, captured) = vector("apple", "plain");
    let refused = verifier.verify(&captured.request(), NOW).unwrap_err();
    assert_eq!(refused.code(), "untrusted_key");
}

#[test]
fn the_sandbox_is_told_from_production() {
    for (name, live) in [
        ("plain", true),
        ("an external purchase", true),
        ("a test notification of the sandbox", false),
        ("either environment: the sandbox", false),
    ] {
        let (verifier, captured) = vector("apple", name);
        assert_eq!(events(&verifier, &captured)[0].live, Some(live), "{name}");
    }
}

#[test]
fn an_event_that_cannot_be_read_keeps_the_whole_body() {
    let (_, vectors) = all().into_iter().find(|(name, _)| name == "apple").unwrap();
    let mut tried = 0;
    for vector in vectors
        .iter()
        .filter(|vector| vector.name.starts_with("a nested"))
    {
        let verifier = build("apple", vector.settings()).unwrap();
        let captured = vector.captured();
        let event = events(&verifier, &captured).remove(0);
        assert_eq!(event.payload, captured.body, "{}", vector.name);
        assert_eq!(event.subject, None, "{}", vector.name);
        tried += 1;
    }
    assert!(tried >= 3, "{tried}");
}

#[test]
fn what_the_settings_need_is_said() {
    let errors = |params: &[(&str, &str)]| {
        let settings = Settings {
            params: super::params(params),
            ..Settings::default()
        };
        let errors = build("apple", settings).err().unwrap_or_default();
        let errors = errors.into_iter().map(|error| error.message);
        errors.collect::<Vec<_>>().join("\n")
    };
    let bundle = ("bundle_id", "com.example.app");
    assert!(errors(&[]).contains("`apple` needs `bundle_id`"));
    assert!(errors(&[bundle]).contains("`apple` needs `app_apple_id`"));
    assert_eq!(errors(&[bundle, ("environment", "sandbox")]), "");
    let strange = [bundle, ("app_apple_id", "1"), ("environment", "Xcode")];
    assert!(errors(&strange).contains("`Production` and `Sandbox`"));
}

proptest! {
    #[test]
    fn no_chain_makes_the_reader_panic(
        texts in prop::collection::vec("[A-Za-z0-9+/=]{0,40}", 0..5),
        at: prop::sample::Index,
        byte: u8,
    ) {
        _ = Chain::read(&texts);
        let mut certificates: Vec<String> = TRUE_CHAIN.lines().map(str::to_owned).collect();
        let base64 = SignatureEncoding::Base64;
        let mut der = base64.decode(&certificates[0]).unwrap();
        let at = at.index(der.len());
        let changed = der[at] != byte;
        der[at] = byte;
        certificates[0] = base64.encode(&der);
        let Ok(chain) = Chain::read(&certificates) else {
            return Ok(());
        };
        let root = Root::known(crate::providers::apple::ROOT_NAME, crate::providers::apple::ROOT_KEY);
        let checker = ChainChecker::new(KeyRing::new([(root, None)]), ChainRules::default());
        let now = tollgate_base::rfc3339::parse("2025-11-01T02:09:35Z").unwrap();
        prop_assert_eq!(checker.root(&chain, now, now).is_ok(), !changed);
    }
}
