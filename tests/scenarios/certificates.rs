//! Providers that sign with certificates, encrypt, or want a subscription confirmed: through the
//! real binary.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::KeyPair;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use crate::harness::{
    Answer, Authority, Gateway, Launch, Manifest, Receiver, Reply, Site, now, post, vectors,
};

const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:payments";
const CERTIFICATE: &str = "/SimpleNotificationService-0a1b.pem";
const API_V3_KEY: &str = "an_api_v3_key_of_32_characters_!";

/// Returns an RSA key (PKCS #8).
fn signer() -> Vec<u8> {
    let text: String = include_str!("../../host/crates/scheme/src/tests/signer.b64")
        .split_whitespace()
        .collect();
    STANDARD.decode(text).unwrap()
}

/// Returns the base64 of an RSA signature over a text.
fn signature(text: &str) -> String {
    let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
        .unwrap();
    STANDARD.encode(signature)
}

/// Returns a message of SNS.
fn message(kind: &str, id: &str, topic: &str) -> String {
    let sns = "https://sns.us-east-1.amazonaws.com";
    let subscribe = format!("{sns}/?Action=ConfirmSubscription&TopicArn={topic}&Token=t");
    let text = json!({ "type": "charge.paid" }).to_string();
    let mut fields = vec![("Message", text.as_str()), ("MessageId", id)];
    let about = kind != "Notification";
    fields.extend(about.then_some(("SubscribeURL", subscribe.as_str())));
    fields.push(("Timestamp", "2026-11-24T20:00:00.000Z"));
    fields.extend(about.then_some(("Token", "t")));
    fields.extend([("TopicArn", topic), ("Type", kind)]);
    let signed = fields
        .iter()
        .map(|(name, value)| format!("{name}\n{value}\n"));
    let signature = signature(&signed.collect::<String>());
    let certificate = format!("{sns}{CERTIFICATE}");
    fields.extend([
        ("SignatureVersion", "2"),
        ("SigningCertURL", certificate.as_str()),
        ("Signature", signature.as_str()),
    ]);
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::from(value)));
    Value::Object(fields.collect()).to_string()
}

fn post_sns(gateway: &Gateway, body: &str) -> Answer {
    let headers = [("content-type", "text/plain; charset=UTF-8")];
    post(gateway.ingress, "/sns", &headers, body.as_bytes()).unwrap()
}

/// Starts a server with the certificate of SNS. The first visit of a subscription's URL fails.
fn sns(authority: &Authority) -> Receiver {
    let key = KeyPair::try_from(signer()).unwrap();
    let chain = authority.certificate("sns.amazonaws.com", &key, None) + &authority.between();
    let tls = Some(authority.acceptor("localhost"));
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let failed = AtomicBool::new(false);
    Receiver::at(any, tls, move |asked| match asked.path.as_str() {
        CERTIFICATE => Reply::Body(200, chain.clone()),
        _ if !failed.swap(true, Ordering::SeqCst) => Reply::Status(500),
        _ => Reply::Body(200, "<ConfirmSubscriptionResponse/>".to_owned()),
    })
}

#[test]
fn a_subscription_is_confirmed_before_it_is_acknowledged() {
    let authority = Authority::new();
    let server = sns(&authority);
    let site = Site::new(&Manifest::new().section(&format!(
        "[sources.sns]\npath = \"/sns\"\nscheme = \"amazon-sns\"\ntopic_arn = \"{TOPIC}\"\n\
         keys_from = \"https://localhost:{}\"",
        server.address.port()
    )));
    let file = site.path("authority.pem");
    std::fs::write(&file, authority.root()).unwrap();
    let gateway = Launch::new(&site).env("SSL_CERT_FILE", file).start();
    let visits = || {
        let asked = server.requests().into_iter();
        asked.filter(|asked| asked.path != CERTIFICATE).count()
    };

    let other = message("SubscriptionConfirmation", "m-0", "arn:aws:sns:us:1:other");
    assert_eq!(post_sns(&gateway, &other).status, 400);
    assert_eq!(gateway.status_at("/rejections/sns/other_recipient"), 1);
    assert_eq!(
        visits(),
        0,
        "nobody subscribes this gateway to another topic"
    );

    let confirmation = message("SubscriptionConfirmation", "m-1", TOPIC);
    let answer = post_sns(&gateway, &confirmation);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(gateway.status_at("/rejections/sns/visit_failed"), 1);
    assert_eq!(site.ledger().events(), 0);
    assert_eq!(post_sns(&gateway, &confirmation).status, 200);
    assert_eq!(visits(), 2);
    let forged = confirmation.replace("charge.paid", "charge.lost");
    assert_eq!(post_sns(&gateway, &forged).status, 400);
    assert_eq!(visits(), 2);

    for id in ["m-2", "m-2", "m-3"] {
        let answer = post_sns(&gateway, &message("Notification", id, TOPIC));
        assert_eq!(answer.status, 200, "{}", gateway.stderr());
    }
    assert_eq!(
        server.requests().len(),
        3,
        "the certificate once, and two visits"
    );
    let kinds = site
        .ledger()
        .texts("SELECT kind FROM v_events ORDER BY seq", []);
    assert_eq!(
        kinds,
        ["SubscriptionConfirmation", "charge.paid", "charge.paid"]
    );
}

#[test]
fn apples_notification_reaches_the_ledger_with_its_checked_transaction() {
    let of_apple = |name: &str| {
        let mut all = vectors().into_iter();
        let found = all.find(|vector| vector.scheme == "apple" && vector.value["name"] == name);
        found.unwrap()
    };
    let vector = of_apple("plain");
    let site = Site::new(&Manifest::new().section(
        "[sources.apple]\npath = \"/apple\"\nscheme = \"apple\"\nbundle_id = \"com.example.app\"\n\
         app_apple_id = \"1234567890\"\nsecrets = [{ file = \"root.pem\" }]",
    ));
    std::fs::write(
        site.path("root.pem"),
        vector.value["secrets"][0].as_str().unwrap(),
    )
    .unwrap();
    let gateway = site.start();
    let posted = |name: &str| {
        let body = of_apple(name).body();
        let json = [("content-type", "application/json")];
        post(gateway.ingress, "/apple", &json, &body)
            .unwrap()
            .status
    };
    assert_eq!(posted("plain"), 200, "{}", gateway.stderr());
    let event = &vector.value["events"][0];
    let payload = site.ledger().payload(event["id"].as_str().unwrap());
    let wanted = event["payload"].as_str().unwrap();
    assert_eq!(String::from_utf8(payload).unwrap(), wanted);
    assert!(wanted.contains(",\"transactionInfo\":{\"transactionId\":\"20\""));
    assert_eq!(posted("another payload"), 400);
    assert_eq!(posted("another app"), 400);
    assert_eq!(posted("a nested transaction of somebody else"), 200);
    let kinds = site
        .ledger()
        .texts("SELECT kind FROM v_events ORDER BY seq", []);
    assert_eq!(kinds, ["SUBSCRIBED.INITIAL_BUY", "unreadable"]);
}

/// Returns a token of Google's for an account, signed now with the key of this name.
fn token(kid: &str, email: &str) -> String {
    let header = json!({ "alg": "RS256", "kid": kid, "typ": "JWT" });
    let claims = json!({
        "iss": "https://accounts.google.com", "aud": "a", "email": email, "email_verified": true,
        "iat": now(), "exp": now() + 3600,
    });
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = STANDARD.decode(signature(&signed)).unwrap();
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn googles_key_set_is_fetched_once_and_a_token_of_another_account_is_refused() {
    let authority = Authority::new();
    let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let public: PublicKeyComponents<Vec<u8>> = key.public().into();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let set = json!({ "keys": [{
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1",
        "n": number(&public.n), "e": number(&public.e),
    }] });
    let tls = Some(authority.acceptor("localhost"));
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let server = Receiver::at(any, tls, move |_| Reply::Body(200, set.to_string()));
    let site = Site::new(&Manifest::new().section(&format!(
        "[sources.google]\npath = \"/google\"\nscheme = \"google-play\"\naudience = \"a\"\n\
         email = \"push@example.com\"\nkeys_from = \"https://localhost:{}\"",
        server.address.port()
    )));
    let file = site.path("authority.pem");
    std::fs::write(&file, authority.root()).unwrap();
    let gateway = Launch::new(&site).env("SSL_CERT_FILE", file).start();
    let posted = |id: usize, token: String| {
        let data = json!({
            "packageName": "com.example.app", "eventTimeMillis": "1760000000123",
            "subscriptionNotification": { "notificationType": 4, "purchaseToken": "PT" },
        });
        let data = STANDARD.encode(data.to_string());
        let body = json!({ "message": { "messageId": id.to_string(), "data": data } });
        let headers = [("authorization", token.as_str())];
        let answer = post(
            gateway.ingress,
            "/google",
            &headers,
            body.to_string().as_bytes(),
        );
        answer.unwrap().status
    };
    for id in [1, 2, 2] {
        let status = posted(id, token("k1", "push@example.com"));
        assert_eq!(status, 200, "{}", gateway.stderr());
    }
    assert_eq!(posted(3, token("k1", "eve@evil.example")), 400);
    assert_eq!(gateway.status_at("/rejections/google/other_recipient"), 1);
    assert_eq!(
        posted(4, token("k2", "push@example.com")),
        503,
        "an unknown key"
    );
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(
        paths,
        ["/oauth2/v3/certs", "/oauth2/v3/certs"],
        "once for each name"
    );
    let kinds = site
        .ledger()
        .texts("SELECT kind FROM v_events ORDER BY seq", []);
    assert_eq!(
        kinds,
        ["subscriptionNotification.4", "subscriptionNotification.4"]
    );
}

#[test]
fn a_described_scheme_takes_a_token_whose_certificates_lead_to_the_configured_root() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/oracles/jws.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let named = |name: &str| {
        let mut all = file["vectors"].as_array().unwrap().iter();
        all.find(|vector| vector["name"] == name).unwrap().clone()
    };
    let good = named("a chain to the root");
    let site = Site::new(&Manifest::new().section(&format!(
        "[schemes.acme]\n{}\n[sources.acme]\npath = \"/acme\"\nscheme = \"acme\"\n\
         secrets = [{{ file = \"root.pem\" }}]",
        good["scheme"].as_str().unwrap()
    )));
    std::fs::write(site.path("root.pem"), good["secret"].as_str().unwrap()).unwrap();
    let gateway = site.start();
    let posted = |name: &str| {
        let token = named(name)["headers"][0][1].as_str().unwrap().to_owned();
        let headers = [("x-jws", token.as_str())];
        post(gateway.ingress, "/acme", &headers, b"{}")
            .unwrap()
            .status
    };
    assert_eq!(posted("a chain to the root"), 200, "{}", gateway.stderr());
    let payload: Value = serde_json::from_slice(&site.ledger().payload("e1")).unwrap();
    assert_eq!(payload["type"], "paid", "the payload of the token");
    for name in [
        "a chain of another key",
        "no chain",
        "a certificate that has ended",
    ] {
        assert_eq!(posted(name), 400, "{name}");
    }
    assert_eq!(site.ledger().events(), 1);
}

/// Returns a body of WeChat Pay's, encrypted under a key.
fn wechat(id: &str, key: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).unwrap());
    let nonce = "0123456789ab";
    let mut sealed = json!({ "out_trade_no": "A-17", "mchid": "1230000109" })
        .to_string()
        .into_bytes();
    let unique = Nonce::try_assume_unique_for_key(nonce.as_bytes()).unwrap();
    key.seal_in_place_append_tag(unique, Aad::from(b"transaction"), &mut sealed)
        .unwrap();
    json!({
        "id": id, "event_type": "TRANSACTION.SUCCESS", "create_time": "2026-11-24T20:00:00+08:00",
        "resource": {
            "algorithm": "AEAD_AES_256_GCM", "ciphertext": STANDARD.encode(sealed),
            "associated_data": "transaction", "nonce": nonce,
        },
    })
    .to_string()
}

#[test]
fn wechats_resource_reaches_the_ledger_in_the_clear_and_its_key_does_not() {
    let site = Site::new(&Manifest::new().section(
        "[sources.wechat]\npath = \"/wechat\"\nscheme = \"wechat-pay\"\nserial = \"PUB_KEY_ID_1\"\n\
         secrets = [{ file = \"key.pem\" }]\napi_v3_key = \"${TEST_API_V3_KEY}\"",
    ));
    let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
    let key = STANDARD.encode(key.public().as_ref());
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{key}\n-----END RSA PUBLIC KEY-----\n");
    std::fs::write(site.path("key.pem"), pem).unwrap();
    let gateway = Launch::new(&site)
        .env("TEST_API_V3_KEY", API_V3_KEY)
        .start();
    let posted = |body: &str| {
        let time = now().to_string();
        let signature = signature(&format!("{time}\nn\n{body}\n"));
        let headers = [
            ("wechatpay-timestamp", time.as_str()),
            ("wechatpay-nonce", "n"),
            ("wechatpay-serial", "PUB_KEY_ID_1"),
            ("wechatpay-signature", signature.as_str()),
        ];
        post(gateway.ingress, "/wechat", &headers, body.as_bytes()).unwrap()
    };
    for _ in 0..2 {
        let answer = posted(&wechat("EV-1", API_V3_KEY));
        assert_eq!(answer.status, 200, "{}", gateway.stderr());
    }
    let payload: Value = serde_json::from_slice(&site.ledger().payload("EV-1")).unwrap();
    assert_eq!(payload["resource"]["out_trade_no"], "A-17");
    // Under another key it cannot be read, and is recorded as it came.
    assert_eq!(
        posted(&wechat("EV-2", &API_V3_KEY.replace("an", "no"))).status,
        200
    );
    let kinds = site
        .ledger()
        .texts("SELECT kind FROM v_events ORDER BY seq", []);
    assert_eq!(kinds, ["TRANSACTION.SUCCESS", "unreadable"]);

    let log = gateway.stop();
    assert!(!log.contains(API_V3_KEY), "{log}");
    for (path, bytes) in site.data_files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(API_V3_KEY), "{}", path.display());
    }
}
