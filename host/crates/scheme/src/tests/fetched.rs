//! Fetched certificates that PayPal's requests name.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::RootCertStore;

use super::*;

const NAME: &str = "messageverificationcerts.paypal.com";
const URL: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";
const BODY: &str = r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED"}"#;

/// An RSA key (PKCS #8), made for these tests. The library that makes certificates here makes no
/// RSA keys.
pub(super) fn signer() -> Vec<u8> {
    let text: String = include_str!("signer.b64").split_whitespace().collect();
    SignatureEncoding::Base64.decode(&text).unwrap()
}

pub(super) fn pem(der: &[u8]) -> String {
    let text = SignatureEncoding::Base64.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// A certificate authority, and an intermediate one.
pub(super) struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    pub(super) between: CertifiedIssuer<'static, KeyPair>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority_params("root"), key).unwrap();
        let key = KeyPair::generate().unwrap();
        let between = CertifiedIssuer::signed_by(authority_params("between"), key, &root).unwrap();
        Self { root, between }
    }

    pub(super) fn trust(&self) -> CertificateTrust {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        CertificateTrust::new(roots)
    }

    /// A chain in PEM for the signer's key.
    pub(super) fn chain(&self, name: &str) -> String {
        self.own(name, None) + &pem(self.between.der())
    }

    /// The certificate alone, with the URL of its issuer's certificate if `issuer` has one.
    pub(super) fn own(&self, name: &str, issuer: Option<&str>) -> String {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.custom_extensions.extend(issuer.map(issuer_at));
        params.not_before = date_time_ymd(2025, 1, 1);
        params.not_after = date_time_ymd(2026, 1, 1);
        let key = KeyPair::try_from(signer()).unwrap();
        pem(params.signed_by(&key, &self.between).unwrap().der())
    }
}

/// The extension with the URL of the issuer's certificate (RFC 5280, section 4.2.2.1).
fn issuer_at(url: &str) -> CustomExtension {
    let der = |tag: u8, contents: &[u8]| {
        let length = u8::try_from(contents.len()).unwrap();
        assert!(length < 128);
        [&[tag, length], contents].concat()
    };
    let issuers = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x02";
    let at = [&issuers[..], &der(0x86, url.as_bytes())].concat();
    let access = der(0x30, &der(0x30, &at));
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], access)
}

fn paypal() -> Verifier {
    let settings = Settings {
        params: params(&[("webhook_id", "W1")]),
        ..Settings::default()
    };
    build("paypal", settings).unwrap()
}

/// A delivery that PayPal signs with the signer's key.
fn delivery(certificate: &str) -> Captured {
    delivery_of(certificate, "W1", BODY)
}

/// A delivery of a body for a webhook.
pub(super) fn delivery_of(certificate: &str, webhook: &str, body: &str) -> Captured {
    let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let checksum = crc32fast::hash(body.as_bytes());
    let signed = format!("T-1|2025-10-09T08:53:20Z|{webhook}|{checksum}");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let mut headers = http::HeaderMap::new();
    for (name, value) in [
        ("paypal-transmission-id", "T-1"),
        ("paypal-transmission-time", "2025-10-09T08:53:20Z"),
        ("paypal-auth-algo", "SHA256withRSA"),
        ("paypal-cert-url", certificate),
        (
            "paypal-transmission-sig",
            &SignatureEncoding::Base64.encode(&signature),
        ),
    ] {
        headers.insert(
            name.parse::<http::HeaderName>().unwrap(),
            value.parse().unwrap(),
        );
    }
    Captured {
        method: http::Method::POST,
        url: "/hook".to_owned(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

#[test]
fn paypals_certificate_is_asked_for_where_none_is_given() {
    let verifier = paypal();
    let captured = delivery(URL);
    let needed = Rejection::KeyNeeded { id: URL.to_owned() };
    assert_eq!(verifier.verify(&captured.request(), NOW), Err(needed));
    let asked = verifier.key_request(URL, NOW).unwrap();
    assert_eq!((asked.url.as_str(), asked.body.is_none()), (URL, true));

    let authority = Authority::new();
    let chain = authority.chain(NAME);
    let key = verifier
        .read_key(URL, chain.as_bytes(), &authority.trust(), NOW)
        .unwrap();
    let accepted = verifier
        .verify_with(&captured.request(), NOW, URL, &key)
        .unwrap();
    assert_eq!(accepted.secret, None);
    assert_eq!(
        accepted.events.get()[0].provider_id.as_deref(),
        Some("WH-1")
    );
    let mut forged = captured.clone();
    forged.body = Bytes::from(BODY.replace("WH-1", "WH-2"));
    let code = |captured: &Captured, id| {
        let outcome = verifier.verify_with(&captured.request(), NOW, id, &key);
        outcome.map_err(|rejection| rejection.code())
    };
    assert_eq!(code(&forged, URL), Err("signature_mismatch"));
    assert_eq!(
        code(&captured, "https://api.paypal.com/other"),
        Err("signature_mismatch"),
        "a key is for the request that names it"
    );
}

#[test]
fn nobody_but_paypal_is_asked_for_paypals_certificate() {
    let verifier = paypal();
    let long = format!("https://api.paypal.com/{}", "x".repeat(300));
    for url in [
        "http://api.paypal.com/x",
        "https://paypal.com.evil.example/x",
        "https://api.paypal.com@evil.example/x",
        "https://api.paypal.com:8443/x",
        &long,
    ] {
        let rejection = verifier.verify(&delivery(url).request(), NOW).unwrap_err();
        assert_eq!(rejection.code(), "untrusted_key", "{url}");
        assert!(verifier.key_request(url, NOW).is_none(), "{url}");
    }
}

#[test]
fn a_certificate_must_be_paypals_and_lead_to_a_root() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let verifier = paypal();
    let read = |pem: &str, trust: &CertificateTrust, now| {
        let outcome = verifier.read_key(URL, pem.as_bytes(), trust, now);
        outcome.unwrap_err().to_string()
    };
    let good = ours.chain(NAME);
    assert!(
        verifier
            .read_key(URL, good.as_bytes(), &ours.trust(), NOW)
            .is_ok()
    );
    let sandbox = ours.chain("messageverificationcerts.sandbox.paypal.com");
    assert!(
        verifier
            .read_key(URL, sandbox.as_bytes(), &ours.trust(), NOW)
            .is_ok()
    );

    let trust = ours.trust();
    assert!(read(&ours.chain("www.evil.example"), &trust, NOW).contains("not trusted"));
    assert!(read(&theirs.chain(NAME), &trust, NOW).contains("not trusted"));
    let year = Duration::from_secs(366 * 86_400);
    assert!(
        read(&good, &trust, NOW + year).contains("not trusted"),
        "it has ended"
    );
    assert!(
        read(&good, &trust, NOW - year).contains("not trusted"),
        "it has not begun"
    );
    let (own, _) = good.split_at(good.find("-----END CERTIFICATE-----").unwrap() + 26);
    let why = read(own, &trust, NOW);
    assert!(why.contains("give them as `intermediates`"), "{why}");
    let none = CertificateTrust::new(RootCertStore::empty());
    assert!(read(&good, &none, NOW).contains("no root certificates"));
    for text in [
        "",
        "<html>",
        "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----",
    ] {
        read(text, &trust, NOW);
    }
}

#[test]
fn the_key_is_that_of_the_certificate_that_was_checked() {
    let authority = Authority::new();
    let verifier = paypal();
    let trust = authority.trust();
    // PayPal's certificate over some key, and before it the key of the attacker who wrote the
    // answer.
    let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    let own = params
        .signed_by(&KeyPair::generate().unwrap(), &authority.between)
        .unwrap();
    let chain = format!("{}{}", pem(own.der()), pem(authority.between.der()));
    let theirs = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let theirs = SignatureEncoding::Base64.encode(theirs.public().as_ref());
    for label in ["RSA PUBLIC KEY", "X"] {
        let before = format!("-----BEGIN {label}-----\n{theirs}\n-----END {label}-----\n");
        let read = verifier.read_key(URL, (before + &chain).as_bytes(), &trust, NOW);
        let why = read.unwrap_err().to_string();
        assert!(why.contains("another kind of key"), "{label}: {why}");
    }
    // A text before the certificate does no harm.
    let good = format!("subject=PayPal\n{}", authority.chain(NAME));
    let key = verifier
        .read_key(URL, good.as_bytes(), &trust, NOW)
        .unwrap();
    let captured = delivery(URL);
    let accepted = verifier.verify_with(&captured.request(), NOW, URL, &key);
    assert!(accepted.is_ok());
}

fn paypal_with(more: &[(&str, &str)]) -> Result<Verifier, Vec<BuildError>> {
    let settings = Settings {
        params: params(&[&[("webhook_id", "W1")], more].concat()),
        ..Settings::default()
    };
    build("paypal", settings)
}

#[test]
fn a_certificate_that_comes_alone_is_completed_by_the_manifest() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let good = ours.chain(NAME);
    let (own, between) = good.split_at(good.find("-----END CERTIFICATE-----").unwrap() + 26);
    let verifier = paypal_with(&[("intermediates", between)]).unwrap();
    let read = |pem: &str, trust: &CertificateTrust, now| {
        verifier.read_key(URL, pem.as_bytes(), trust, now)
    };
    let trust = ours.trust();
    assert!(read(own, &trust, NOW).is_ok());
    assert!(read(&good, &trust, NOW).is_ok(), "or comes twice");
    // An intermediate certificate helps to find a root, and is no root.
    assert!(read(own, &theirs.trust(), NOW).is_err());
    assert!(read(&theirs.chain(NAME), &trust, NOW).is_err());
    assert!(read(between, &trust, NOW).is_err(), "it is nobody's own");
    let other = ours.chain("www.evil.example");
    let (other, _) = other.split_at(other.find("-----END CERTIFICATE-----").unwrap() + 26);
    assert!(read(other, &trust, NOW).is_err());

    let long = between.repeat(9);
    for (text, says) in [
        ("", "1 to 8 certificates"),
        (long.as_str(), "holds 9"),
        (
            "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----",
            "damaged",
        ),
        ("-----BEGIN CERTIFICATE-----\n", "damaged"),
    ] {
        let errors = paypal_with(&[("intermediates", text)]).unwrap_err();
        assert!(errors[0].to_string().contains(says), "{errors:?}");
    }
}

#[test]
fn the_issuer_of_a_certificate_that_comes_alone_is_asked_for() {
    const ISSUER: &str = "http://cacerts.digicert.com/Test.crt";
    let authority = Authority::new();
    let trust = authority.trust();
    let asked = |verifier: &Verifier, own: &str, now| match verifier.read_key(
        URL,
        own.as_bytes(),
        &trust,
        now,
    ) {
        Err(KeyError::IssuerNeeded { request, why }) => {
            let why = why.to_string();
            assert!(why.contains("no chain leads from it to a root"), "{why}");
            assert!(request.body.is_none());
            Some((request.url, request.allow_private))
        }
        Err(KeyError::Untrusted(_)) => None,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it must not be trusted"),
    };
    let own = authority.own(NAME, Some(ISSUER));
    let verifier = paypal();
    let url = "https://cacerts.digicert.com/Test.crt".to_owned();
    assert_eq!(asked(&verifier, &own, NOW), Some((url, false)));
    let mirror = paypal_with(&[("keys_from", "https://keys.internal")]).unwrap();
    let url = "https://keys.internal/Test.crt".to_owned();
    assert_eq!(asked(&mirror, &own, NOW), Some((url, true)));

    // With it, as DER or PEM, the certificate is judged as ever.
    let between = authority.between.der();
    for issuer in [between.to_vec(), pem(between).into_bytes()] {
        let read = |own: &str, now| {
            let whole = with_issuer(own.trim_end().as_bytes(), &issuer);
            verifier.read_key(URL, &whole, &trust, now)
        };
        assert!(read(&own, NOW).is_ok());
        let other = authority.own("www.evil.example", Some(ISSUER));
        assert!(matches!(read(&other, NOW), Err(KeyError::Untrusted(_))));
        let year = Duration::from_secs(366 * 86_400);
        assert!(matches!(
            read(&own, NOW + year),
            Err(KeyError::Untrusted(_))
        ));
    }
    // Where another's is there, or nonsense, it is still not trusted.
    for issuer in [Authority::new().between.der().as_ref(), b"<html>", b""] {
        let whole = with_issuer(own.as_bytes(), issuer);
        assert!(verifier.read_key(URL, &whole, &trust, NOW).is_err());
    }

    // Nobody but PayPal's authority is asked, whatever a certificate says.
    for elsewhere in [
        "http://ca.evil.example/a.crt",
        "http://digicert.com.evil.example/a.crt",
        "http://cacerts.digicert.com@evil.example/a.crt",
        "http://cacerts.digicert.com:8080/a.crt",
        "http://127.0.0.1/a.crt",
        "ldap://cacerts.digicert.com/a.crt",
        "http://http://cacerts.digicert.com/a.crt",
        "",
    ] {
        let own = authority.own(NAME, Some(elsewhere));
        assert_eq!(asked(&verifier, &own, NOW), None, "{elsewhere}");
    }
    assert_eq!(asked(&verifier, &authority.own(NAME, None), NOW), None);
}

#[test]
fn keys_may_be_fetched_from_a_server_that_the_manifest_names() {
    let verifier = paypal_with(&[("keys_from", "https://keys.internal:8443")]).unwrap();
    let asked = verifier.key_request(URL, NOW).unwrap();
    assert_eq!(
        asked.url,
        "https://keys.internal:8443/v1/notifications/certs/CERT-1"
    );
    assert!(asked.allow_private);
    assert!(!paypal().key_request(URL, NOW).unwrap().allow_private);
    // Which certificate it is stays PayPal's to say.
    for url in ["https://evil.example/x", "https://keys.internal:8443/x"] {
        assert!(verifier.key_request(url, NOW).is_none());
        let rejection = verifier.verify(&delivery(url).request(), NOW).unwrap_err();
        assert_eq!(rejection.code(), "untrusted_key");
    }
    for url in [
        "https://api.paypal.com",
        "https://api.paypal.com?x",
        "https://api.paypal.com#x",
    ] {
        let asked = verifier.key_request(url, NOW).unwrap();
        assert!(
            asked.url.starts_with("https://keys.internal:8443"),
            "{}",
            asked.url
        );
        assert!(!asked.url.contains("paypal"), "{}", asked.url);
    }

    for wrong in [
        "http://keys.internal",
        "keys.internal",
        "https://",
        "https://keys.internal/",
        "https://keys.internal/path",
        "https://keys.internal?x",
        "https://keys.internal#x",
        "https://user@keys.internal",
        "",
    ] {
        let errors = paypal_with(&[("keys_from", wrong)]).unwrap_err();
        assert_eq!(
            errors[0].setting,
            Setting::Param("keys_from".to_owned()),
            "{wrong}"
        );
    }
}
