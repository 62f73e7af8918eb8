//! HTTPS, with a certificate authority of the tests' own.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::harness::*;
use crate::keys::{FetchKeys as _, HttpsKeys};
use crate::outbox::memory::Bounds;
use tollgate_base::secret::Secret;
use tollgate_ledger::OutboxState::{Sent, Waiting};
use tollgate_scheme::KeyRequest;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A server on loopback with a certificate for this name; it answers one request a
    /// connection with 200.
    async fn serve(&self, name: &str) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not trust the certificate ends the handshake.
                let Ok(mut tls) = acceptor.accept(stream).await else {
                    continue;
                };
                assert_eq!(tls.get_ref().1.server_name(), Some("localhost"));
                let mut head = [0; 4096];
                assert!(tls.read(&mut head).await.unwrap() > 0);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                tls.write_all(answer).await.unwrap();
                tls.shutdown().await.unwrap();
            }
        });
        address
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_must_hold_for_the_host() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let servers = [
        ours.serve("localhost").await,
        ours.serve("other.example").await,
        theirs.serve("localhost").await,
    ];
    let setup = Setup::new();
    let origins = servers.map(|address| format!("https://localhost:{}", address.port()));
    let entries = origins.iter().map(|origin| {
        let mut entry = with_secret(allow(origin), "authorization", "hush");
        entry.addresses = vec!["127.0.0.0/8".parse().unwrap()];
        entry
    });
    setup.allow("h", entries.collect());
    let _outbox = setup.start_with(trusting(ours.roots()), Bounds::default());
    for (origin, key) in origins.iter().zip(["right", "name", "issuer"]) {
        setup.queue("h", vec![post(origin, key, None)]);
    }
    setup.until_state(Sent, 1).await;
    let tried = || {
        setup
            .list(Some(Waiting))
            .iter()
            .filter(|entry| entry.request.tries == 1)
            .count()
    };
    until("the others were tried", || tried() == 2).await;
    for entry in setup.list(None) {
        match &*entry.request.request.key {
            "right" => assert_eq!(entry.status, Some(200)),
            "name" => assert!(
                entry.error.contains("certificate not valid for name"),
                "{}",
                entry.error
            ),
            _ => assert!(
                entry.error.contains("invalid peer certificate"),
                "{}",
                entry.error
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_fetched_from_whom_the_certificate_names() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let keys = HttpsKeys::new(trusting(ours.roots()));
    let request = |url: String, allow_private| KeyRequest {
        url,
        allow_private,
        body: None,
    };
    let ask = async |url: String, body: Option<&str>| {
        let body = body.map(Secret::new);
        let request = request(url, true);
        keys.fetch(KeyRequest { body, ..request }).await
    };
    let right = ours.serve("localhost").await.port();
    let got = ask(format!("https://localhost:{right}/key"), None).await;
    assert_eq!(got.unwrap(), "");
    let posted = ask(format!("https://localhost:{right}/key"), Some("{}")).await;
    assert_eq!(posted.unwrap(), "");

    let wrong = [
        (
            ours.serve("other.example").await,
            "certificate not valid for name",
        ),
        (theirs.serve("localhost").await, "invalid peer certificate"),
    ];
    for (server, says) in wrong {
        let why = ask(format!("https://localhost:{}/", server.port()), None).await;
        let why = why.unwrap_err().to_string();
        assert!(why.contains(says), "{why}");
    }
    let plain = ask(format!("http://localhost:{right}/"), None).await;
    assert!(plain.unwrap_err().to_string().contains("https only"));
    // Where the manifest does not name the server, no private address is gone to, whatever a
    // name resolves to.
    let url = format!("https://localhost:{right}/");
    let why = keys.fetch(request(url, false)).await;
    let why = why.unwrap_err().to_string();
    assert!(why.contains("not public"), "{why}");
}
