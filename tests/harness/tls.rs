//! A certificate authority of the tests' own, with an intermediate one below it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) struct Authority {
    root: CertifiedIssuer<'static, KeyPair>,
    between: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let params = |name| {
            let mut params = CertificateParams::default();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(params("root"), key()).unwrap();
        let between = CertifiedIssuer::signed_by(params("between"), key(), &root).unwrap();
        Self { root, between }
    }

    /// What a gateway must be told to trust, as PEM.
    pub(crate) fn root(&self) -> String {
        pem(self.root.der())
    }

    /// What leads from a certificate to the root, as PEM.
    pub(crate) fn between(&self) -> String {
        pem(self.between.der())
    }

    /// A certificate for this name and key, as PEM.
    pub(crate) fn certificate(&self, name: &str, key: &KeyPair) -> String {
        pem(&self.sign(name, key))
    }

    /// TLS for a server of this name.
    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let chain = vec![self.sign(name, &key), self.between.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    fn sign(&self, name: &str, key: &KeyPair) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let signed = params.signed_by(key, &self.between).unwrap();
        signed.der().clone()
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}
