//! Keys that the requests of PayPal and Plaid name. The real binary fetches them from a TLS
//! server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::KeyPair;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{
    Answer, Authority, Gateway, Handler, Launch, Manifest, Receiver, Reply, SECRET, Site,
    eventually, now, post,
};

const SIGNER: &str = "messageverificationcerts.paypal.com";
const CERTIFICATE: &str = "https://api.paypal.com/v1/notifications/certs/CERT-1";
/// The number of unknown keys that one source may ask for within a minute, as the gateway
/// limits it.
const UNKNOWN_A_MINUTE: usize = 10;

/// Returns an RSA key (PKCS #8). The crate that makes the certificates cannot make RSA keys.
fn signer() -> Vec<u8> {
    let text: String = include_str!("../../host/crates/scheme/src/tests/signer.b64")
        .split_whitespace()
        .collect();
    STANDARD.decode(text).unwrap()
}

/// Returns PayPal's certificate, signed by this authority.
fn certificate(authority: &Authority, name: &str) -> String {
    authority.certificate(name, &KeyPair::try_from(signer()).unwrap(), None)
}

/// A request of PayPal's: its headers and its body.
struct Delivery {
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Delivery {
    /// Makes request number `n`, signed now with the key of the certificate at this URL.
    fn new(n: usize, certificate: &str) -> Self {
        let body = json!({ "id": format!("WH-{n}"), "event_type": "PAYMENT.CAPTURE.COMPLETED" });
        let body = body.to_string();
        let key = RsaKeyPair::from_pkcs8(&signer()).unwrap();
        let (id, sent) = (format!("T-{n}"), "2026-11-24T20:00:00Z");
        let signed = format!("{id}|{sent}|W1|{}", crc32fast::hash(body.as_bytes()));
        let mut signature = vec![0; key.public().modulus_len()];
        let random = SystemRandom::new();
        key.sign(
            &RSA_PKCS1_SHA256,
            &random,
            signed.as_bytes(),
            &mut signature,
        )
        .unwrap();
        let headers = vec![
            ("paypal-transmission-id", id),
            ("paypal-transmission-time", sent.to_owned()),
            ("paypal-auth-algo", "SHA256withRSA".to_owned()),
            ("paypal-cert-url", certificate.to_owned()),
            ("paypal-transmission-sig", STANDARD.encode(&signature)),
        ];
        Self { headers, body }
    }

    fn post(&self, gateway: &Gateway) -> Answer {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        post(gateway.ingress, "/paypal", &headers, self.body.as_bytes()).unwrap()
    }
}

/// A manifest with a PayPal source whose certificates come from this server.
fn paypal(server: SocketAddr, more: &str) -> Manifest {
    Manifest::new().section(&format!(
        "[sources.paypal]\npath = \"/paypal\"\nscheme = \"paypal\"\nwebhook_id = \"W1\"\n\
         keys_from = \"https://localhost:{}\"\n{more}",
        server.port()
    ))
}

/// Starts a gateway that trusts this authority besides the machine's own.
fn start(site: &Site, authority: &Authority) -> Gateway {
    let file = site.path("authority.pem");
    std::fs::write(&file, authority.root()).unwrap();
    Launch::new(site).env("SSL_CERT_FILE", file).start()
}

/// Starts a key server at this address, which may have port 0.
fn serve(address: SocketAddr, authority: &Authority, answer: String) -> Receiver {
    let tls = Some(authority.acceptor("localhost"));
    Receiver::at(address, tls, move |_| Reply::Body(200, answer.clone()))
}

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Waits until the gateway's log contains a text.
#[track_caller]
fn says(gateway: &Gateway, what: &str) {
    eventually(what, || gateway.stderr().contains(what));
}

/// Returns the number of a source's requests that were refused because a key was missing.
fn unavailable(gateway: &Gateway, source: &str) -> u64 {
    let count = gateway.status_at(&format!("/rejections/{source}/key_unavailable"));
    count.as_u64().unwrap_or_default()
}

#[test]
fn paypals_certificate_is_fetched_once_and_from_nobody_else() {
    let authority = Authority::new();
    let chain = certificate(&authority, SIGNER) + &authority.between();
    let server = serve(any(), &authority, chain);
    let site = Site::new(&paypal(server.address, ""));
    let gateway = start(&site, &authority);

    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for n in 0..20 {
            let (gateway, answers) = (&gateway, &answers);
            scope.spawn(move || {
                let answer = Delivery::new(n, CERTIFICATE).post(gateway);
                answers.lock().unwrap().push(answer.status);
            });
        }
    });
    assert_eq!(
        answers.into_inner().unwrap(),
        [200; 20],
        "{}",
        gateway.stderr()
    );
    let asked = server.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let path = "/v1/notifications/certs/CERT-1";
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        ("GET", path)
    );

    let mut forged = Delivery::new(20, CERTIFICATE);
    forged.body = forged.body.replace("COMPLETED", "REFUNDED");
    assert_eq!(forged.post(&gateway).status, 400);

    // For all other URLs, the gateway asks nobody.
    let decoy = TcpListener::bind(any()).unwrap();
    decoy.set_nonblocking(true).unwrap();
    let port = decoy.local_addr().unwrap().port();
    for url in [
        format!("https://127.0.0.1:{port}/cert"),
        format!("https://localhost:{port}/cert"),
        format!("https://api.paypal.com:{port}/cert"),
        format!("https://api.paypal.com@127.0.0.1:{port}/cert"),
        format!("https://127.0.0.1:{port}/.paypal.com"),
        format!("https://localhost:{}{path}", server.address.port()),
        "https://api.paypal.com.evil.example/cert".to_owned(),
        "http://api.paypal.com/cert".to_owned(),
    ] {
        let answer = Delivery::new(21, &url).post(&gateway);
        assert_eq!(answer.status, 400, "{url}");
    }
    assert_eq!(gateway.status_at("/rejections/paypal/untrusted_key"), 8);
    assert!(decoy.accept().is_err(), "nobody came");
    assert_eq!(server.requests().len(), 1);

    // A fetched key stays usable while the server is away.
    drop(server);
    assert_eq!(Delivery::new(22, CERTIFICATE).post(&gateway).status, 200);
    assert_eq!(site.ledger().events(), 21);
}

#[test]
fn without_its_key_a_request_is_asked_to_come_again() {
    let authority = Authority::new();
    let address = {
        let free = TcpListener::bind(any()).unwrap();
        free.local_addr().unwrap()
    };
    let site = Site::new(&paypal(address, ""));
    let gateway = start(&site, &authority);
    let delivery = Delivery::new(0, CERTIFICATE);
    let answer = delivery.post(&gateway);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(unavailable(&gateway, "paypal"), 1);
    assert_eq!(site.ledger().events(), 0);

    let chain = certificate(&authority, SIGNER) + &authority.between();
    let server = serve(address, &authority, chain);
    eventually("it is accepted", || delivery.post(&gateway).status == 200);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(site.ledger().events(), 1);
}

#[test]
fn a_server_that_is_not_trusted_is_asked_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let chain = certificate(&authority, SIGNER) + &authority.between();
    let server = serve(any(), &stranger, chain);
    let site = Site::new(&paypal(server.address, ""));
    let gateway = start(&site, &authority);
    assert_eq!(Delivery::new(0, CERTIFICATE).post(&gateway).status, 503);
    says(&gateway, "invalid peer certificate");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_certificate_that_comes_alone_needs_those_above_it() {
    let authority = Authority::new();
    let server = serve(any(), &authority, certificate(&authority, SIGNER));
    let site = Site::new(&paypal(server.address, ""));
    let gateway = start(&site, &authority);
    let delivery = Delivery::new(0, CERTIFICATE);
    assert_eq!(delivery.post(&gateway).status, 503);
    says(&gateway, "give them as `intermediates`");

    // The first file has the wrong certificate. The second overwrites it.
    let file = site.path("between.pem");
    std::fs::write(&file, Authority::new().between()).unwrap();
    let generation = gateway.generation();
    let more = "intermediates = { file = \"between.pem\" }\n";
    site.write_manifest(&paypal(server.address, more).text());
    eventually("it is read", || gateway.generation() > generation);
    assert_eq!(delivery.post(&gateway).status, 503);
    let generation = gateway.generation();
    std::fs::write(&file, authority.between()).unwrap();
    eventually("it is read again", || gateway.generation() > generation);
    let answer = delivery.post(&gateway);
    assert_eq!(answer.status, 200, "{}", gateway.stderr());
    assert_eq!(server.requests().len(), 3, "once under each setting");
}

#[test]
fn the_issuer_of_a_certificate_that_comes_alone_is_fetched() {
    let authority = Authority::new();
    let key = KeyPair::try_from(signer()).unwrap();
    let issuer = "http://cacerts.digicert.com/Test.crt";
    let (own, between) = (
        authority.certificate(SIGNER, &key, Some(issuer)),
        authority.between(),
    );
    let tls = Some(authority.acceptor("localhost"));
    let server = Receiver::at(any(), tls, move |asked| match asked.path.as_str() {
        "/Test.crt" => Reply::Body(200, between.clone()),
        _ => Reply::Body(200, own.clone()),
    });
    let site = Site::new(&paypal(server.address, ""));
    let gateway = start(&site, &authority);
    for n in 0..3 {
        let answer = Delivery::new(n, CERTIFICATE).post(&gateway);
        assert_eq!(answer.status, 200, "{}", gateway.stderr());
    }
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(paths, ["/v1/notifications/certs/CERT-1", "/Test.crt"]);
}

#[test]
fn a_certificate_must_be_that_of_paypals_signer() {
    let authority = Authority::new();
    let chain = certificate(&authority, "www.paypal.com") + &authority.between();
    let server = serve(any(), &authority, chain);
    let site = Site::new(&paypal(server.address, ""));
    let gateway = start(&site, &authority);
    assert_eq!(Delivery::new(0, CERTIFICATE).post(&gateway).status, 503);
    says(&gateway, "its certificate is not trusted");
    assert_eq!(site.ledger().events(), 0);
}

/// Plaid's key, and requests signed with it.
struct Plaid {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Plaid {
    fn new() -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random);
        Self {
            key: key.unwrap(),
            random,
        }
    }

    /// Returns the response of Plaid's API to the question for the key with this name.
    fn answer(&self, kid: &str) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "key": {
            "alg": "ES256", "crv": "P-256", "kty": "EC", "use": "sig", "kid": kid,
            "x": part(x), "y": part(y), "created_at": 1_700_000_000, "expired_at": null,
        }, "request_id": "r" })
    }

    /// Posts request number `n`, signed with the key of this name.
    fn post(&self, gateway: &Gateway, n: usize, kid: &str) -> Answer {
        let body = json!({
            "webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": n,
        });
        self.post_at(gateway, now(), kid, &body.to_string())
    }

    /// Posts a body, signed at this time with the key of this name.
    fn post_at(&self, gateway: &Gateway, time: u64, kid: &str, body: &str) -> Answer {
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
        let claims = json!({
            "iat": time, "request_body_sha256": hex::encode(Sha256::digest(body)),
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.key.sign(&self.random, signed.as_bytes()).unwrap();
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        let headers = [("plaid-verification", token.as_str())];
        post(gateway.ingress, "/plaid", &headers, body.as_bytes()).unwrap()
    }
}

#[test]
fn plaids_notices_with_equal_bytes_are_told_apart_by_the_time_of_their_tokens() {
    let plaid = Plaid::new();
    let section = format!(
        "[sources.plaid]\npath = \"/plaid\"\nscheme = \"plaid\"\nsecrets = [{:?}]\n",
        plaid.answer("k1").to_string()
    );
    let site = Site::new(&Manifest::with_one(Handler::new("guest")).section(&section));
    let gateway = site.start();
    let body = r#"{"environment":"production","webhook_code":"TRANSFER_EVENTS_UPDATE","webhook_type":"TRANSFER"}"#;
    let time = now();
    for ago in [200, 110, 20, 20] {
        let answer = plaid.post_at(&gateway, time - ago, "k1", body);
        assert_eq!(answer.status, 200);
    }
    assert_eq!(site.ledger().events(), 3);
    assert_eq!(gateway.status_at("/ledger/duplicates"), 1);
}

#[test]
fn plaids_keys_are_fetched_by_name_and_strange_names_ask_for_few() {
    const KID: &str = "6c5516e1-92dc-479e-a8ff-5a51992e0001";
    let authority = Authority::new();
    let plaid = Plaid::new();
    let known = plaid.answer(KID).to_string();
    let server = Receiver::at(
        any(),
        Some(authority.acceptor("localhost")),
        move |asked| match asked.body.contains(KID) {
            true => Reply::Body(200, known.clone()),
            false => Reply::Status(400),
        },
    );
    let manifest = Manifest::new().section(&format!(
        "[sources.plaid]\npath = \"/plaid\"\nscheme = \"plaid\"\nclient_id = \"client\"\n\
         secrets = [\"${{TOLLGATE_TEST_SECRET}}\"]\nkeys_from = \"https://localhost:{}\"",
        server.address.port()
    ));
    let site = Site::new(&manifest);
    let gateway = start(&site, &authority);

    for n in 0..20 {
        let answer = plaid.post(&gateway, n, KID);
        assert_eq!(answer.status, 200, "{}", gateway.stderr());
    }
    let asked = server.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let path = "/webhook_verification_key/get";
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str()),
        ("POST", path)
    );
    let sent: Value = serde_json::from_str(&asked[0].body).unwrap();
    let expected = json!({ "client_id": "client", "secret": SECRET, "key_id": KID });
    assert_eq!(sent, expected);
    // The request names the known key, but another key signed it.
    assert_eq!(Plaid::new().post(&gateway, 20, KID).status, 400);

    // First one unknown name many times, then many unknown names.
    for n in 0..30 {
        assert_eq!(plaid.post(&gateway, n, "strange").status, 503);
    }
    for n in 0..30 {
        assert_eq!(plaid.post(&gateway, n, &format!("strange-{n}")).status, 503);
    }
    assert_eq!(unavailable(&gateway, "plaid"), 60);
    let asked = server.requests().len();
    // The number doubles if a minute ended in between.
    assert!((3..=2 * UNKNOWN_A_MINUTE).contains(&asked), "{asked}");
    assert_eq!(
        plaid.post(&gateway, 99, KID).status,
        200,
        "what is known stays so"
    );
    assert_eq!(site.ledger().events(), 21);

    let log = gateway.stop();
    assert!(!log.contains(SECRET), "{log}");
    for (path, bytes) in site.data_files() {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(SECRET), "{}", path.display());
    }
}
