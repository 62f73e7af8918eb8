//! Certificates that the messages of Amazon SNS name, and subscriptions that are confirmed.

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::RootCertStore;

use super::fetched::{Authority, pem, signer};
use super::*;

const URL: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b.pem";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:payments";
const SUBSCRIBE: &str =
    "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=a&Token=t";

fn sns(more: &[(&str, &str)]) -> Verifier {
    let settings = Settings {
        params: params(more),
        ..Settings::default()
    };
    build("amazon-sns", settings).unwrap()
}

/// A message that SNS signs with the signer's key.
fn message(kind: &str, certificate: &str, subscribe: &str) -> Captured {
    let mut fields = vec![("Message", "hello"), ("MessageId", "m-1")];
    let about = kind != "Notification";
    fields.extend(about.then_some(("SubscribeURL", subscribe)));
    fields.push(("Timestamp", "2025-10-09T08:53:20.000Z"));
    fields.extend(about.then_some(("Token", "t")));
    fields.extend([("TopicArn", TOPIC), ("Type", kind)]);
    let signed: String = fields
        .iter()
        .map(|(name, value)| format!("{name}\n{value}\n"))
        .collect();
    let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(
        &RSA_PKCS1_SHA256,
        &random,
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let signature = SignatureEncoding::Base64.encode(&signature);
    fields.extend([
        ("SignatureVersion", "2"),
        ("SigningCertURL", certificate),
        ("Signature", &signature),
    ]);
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    let body = serde_json::Value::Object(fields.collect());
    Captured {
        method: http::Method::POST,
        url: "/hook".to_owned(),
        headers: http::HeaderMap::new(),
        body: body.to_string().into(),
    }
}

#[test]
fn the_certificate_is_asked_for_and_must_be_that_of_sns() {
    let (verifier, authority) = (sns(&[]), Authority::new());
    let captured = message("Notification", URL, "");
    let needed = Rejection::KeyNeeded { id: URL.to_owned() };
    assert_eq!(verifier.verify(&captured.request(), NOW), Err(needed));
    let asked = verifier.key_request(URL, NOW).unwrap();
    assert_eq!((asked.url.as_str(), asked.allow_private), (URL, false));

    let trust = authority.trust();
    let read = |chain: String| verifier.read_key(URL, chain.as_bytes(), &trust, NOW);
    for name in ["sns.amazonaws.com", "sns.us-east-1.amazonaws.com"] {
        let key = read(authority.chain(name)).unwrap();
        let accepted = verifier.verify_with(&captured.request(), NOW, URL, &key);
        assert_eq!(accepted.unwrap().events.get().len(), 1, "{name}");
        let other = "https://sns.us-east-1.amazonaws.com/other.pem";
        let refused = verifier.verify_with(&captured.request(), NOW, other, &key);
        assert_eq!(refused.unwrap_err().code(), "signature_mismatch");
    }
    for name in [
        "s3.amazonaws.com",
        "sns.eu-west-1.amazonaws.com",
        "evil.example",
    ] {
        assert!(read(authority.chain(name)).is_err(), "{name}");
    }
    assert!(read(Authority::new().chain("sns.amazonaws.com")).is_err());
    let year = Duration::from_secs(366 * 86_400);
    let chain = authority.chain("sns.amazonaws.com");
    for then in [NOW + year, NOW - year] {
        let read = verifier.read_key(URL, chain.as_bytes(), &trust, then);
        assert!(read.is_err(), "the certificate holds for 2025");
    }
    let none = CertificateTrust::new(RootCertStore::empty());
    assert!(
        verifier
            .read_key(URL, chain.as_bytes(), &none, NOW)
            .is_err()
    );
}

#[test]
fn the_issuer_of_a_certificate_that_comes_alone_is_asked_of_amazon() {
    let (verifier, authority) = (sns(&[]), Authority::new());
    let asked = |issuer: &str| {
        let own = authority.own("sns.amazonaws.com", Some(issuer));
        match verifier.read_key(URL, own.as_bytes(), &authority.trust(), NOW) {
            Err(KeyError::IssuerNeeded { request, .. }) => Some(request.url),
            Err(_) => None,
            Ok(_) => panic!("it must not be trusted"),
        }
    };
    let wanted = "https://crt.r2m01.amazontrust.com/r2m01.cer".to_owned();
    assert_eq!(
        asked("http://crt.r2m01.amazontrust.com/r2m01.cer"),
        Some(wanted)
    );
    assert_eq!(asked("http://cacerts.digicert.com/a.crt"), None);
    assert_eq!(asked("http://ca.evil.example/a.crt"), None);
    let between = pem(authority.between.der());
    let given = sns(&[("intermediates", &between)]);
    let own = authority.own("sns.amazonaws.com", None);
    let read = given.read_key(URL, own.as_bytes(), &authority.trust(), NOW);
    assert!(read.is_ok());
}

#[test]
fn a_subscription_to_a_wanted_topic_is_confirmed() {
    let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let key = SignatureEncoding::Base64.encode(key.public().as_ref());
    let key = format!("-----BEGIN RSA PUBLIC KEY-----\n{key}\n-----END RSA PUBLIC KEY-----\n");
    let visit = |params: &[(&str, &str)], captured: &Captured| {
        let settings = Settings {
            secrets: vec![Secret::new(key.as_bytes()).into()],
            params: super::params(params),
            ..Settings::default()
        };
        let verifier = build("amazon-sns", settings).unwrap();
        let accepted = verifier.verify(&captured.request(), NOW);
        accepted.map(|accepted| accepted.visit.map(|visit| visit.url))
    };
    let wanted = [("topic_arn", TOPIC)];
    let confirmation = |url: &str| message("SubscriptionConfirmation", URL, url);
    let good = confirmation(SUBSCRIBE);
    assert_eq!(visit(&wanted, &good), Ok(Some(SUBSCRIBE.to_owned())));
    assert_eq!(visit(&[], &good), Ok(None), "anybody could have the topic");
    let other = visit(&[("topic_arn", "arn:aws:sns:us-east-1:1:other")], &good);
    assert_eq!(other.unwrap_err().code(), "other_recipient");
    let cancelled = message("UnsubscribeConfirmation", URL, SUBSCRIBE);
    assert_eq!(
        visit(&wanted, &cancelled),
        Ok(None),
        "it would subscribe anew"
    );
    assert_eq!(visit(&wanted, &message("Notification", URL, "")), Ok(None));
    for url in [
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://evil.example/?Action=ConfirmSubscription",
        "https://169.254.169.254/latest",
        "https://sns.us-east-1.amazonaws.com@evil.example/",
        "https://sns.us-east-1.amazonaws.com:8443/",
    ] {
        assert_eq!(visit(&wanted, &confirmation(url)), Ok(None), "{url}");
    }
    // A message that is not signed asks for no visit.
    let mut forged = good.clone();
    forged.body = String::from_utf8(good.body.to_vec())
        .unwrap()
        .replace("hello", "other")
        .into();
    assert_eq!(
        visit(&wanted, &forged).unwrap_err().code(),
        "signature_mismatch"
    );
}

#[test]
fn what_is_fetched_and_visited_may_come_from_a_server_that_the_manifest_names() {
    let settings = Settings {
        params: params(&[
            ("keys_from", "https://keys.internal:8443"),
            ("topic_arn", TOPIC),
        ]),
        ..Settings::default()
    };
    let verifier = build("amazon-sns", settings).unwrap();
    let asked = verifier.key_request(URL, NOW).unwrap();
    let wanted = "https://keys.internal:8443/SimpleNotificationService-0a1b.pem";
    assert_eq!((asked.url.as_str(), asked.allow_private), (wanted, true));
    let authority = Authority::new();
    let chain = authority.chain("sns.amazonaws.com");
    let key = verifier.read_key(URL, chain.as_bytes(), &authority.trust(), NOW);
    let captured = message("SubscriptionConfirmation", URL, SUBSCRIBE);
    let accepted = verifier.verify_with(&captured.request(), NOW, URL, &key.unwrap());
    let visit = accepted.unwrap().visit.unwrap();
    let wanted = "https://keys.internal:8443/?Action=ConfirmSubscription&TopicArn=a&Token=t";
    assert_eq!((visit.url.as_str(), visit.allow_private), (wanted, true));
}

#[test]
fn mistakes_in_the_settings_are_said() {
    for (name, value) in [("topic_arn", "payments"), ("message_type", "type")] {
        let settings = Settings {
            params: params(&[(name, value)]),
            ..Settings::default()
        };
        let errors = build("amazon-sns", settings).unwrap_err();
        assert_eq!(errors[0].setting, Setting::Param(name.to_owned()));
    }
}

#[test]
fn the_type_may_be_pointed_to() {
    let (_, captured) = vector("amazon-sns", "the type of another service");
    let (_, vectors) = all()
        .into_iter()
        .find(|(name, _)| name == "amazon-sns")
        .unwrap();
    let mut settings = vectors[0].settings();
    let pointer = "/Records/0/eventName".to_owned();
    settings.params.insert("message_type".to_owned(), pointer);
    let verifier = build("amazon-sns", settings).unwrap();
    assert_eq!(events(&verifier, &captured)[0].kind, "Notification");
}
