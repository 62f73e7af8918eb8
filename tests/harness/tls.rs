//! A certificate authority for tests, with an intermediate authority below it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::Site;
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

    /// Returns the root certificate, which a gateway must trust, as PEM.
    pub(crate) fn root(&self) -> String {
        pem(self.root.der())
    }

    /// Returns the intermediate certificate as PEM.
    pub(crate) fn between(&self) -> String {
        pem(self.between.der())
    }

    /// Returns a certificate for this name and key, as PEM. It may contain the URL of its
    /// issuer's certificate.
    pub(crate) fn certificate(&self, name: &str, key: &KeyPair, issuer: Option<&str>) -> String {
        pem(&self.sign(name, key, issuer))
    }

    /// Writes a certificate for these names with a new key: `FILE.pem` with the chain, and
    /// `FILE.key`. Both are complete at every moment.
    pub(crate) fn write(&self, site: &Site, file: &str, names: &[&str]) {
        self.write_with(site, file, names, |_| {});
    }

    /// The same, with other parameters.
    pub(crate) fn write_with(
        &self,
        site: &Site,
        file: &str,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) {
        let (chain, key) = self.issue(names, change);
        let chain: String = chain.iter().map(|der| pem(der)).collect();
        for (suffix, text) in [
            ("pem", chain),
            ("key", labelled("PRIVATE KEY", &key.serialize_der())),
        ] {
            let path = site.path(format!("{file}.{suffix}"));
            std::fs::write(path.with_extension("new"), text).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        }
    }

    /// Returns a chain for these names, and its key.
    pub(crate) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (Vec<CertificateDer<'static>>, KeyPair) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.between).unwrap();
        (vec![signed.der().clone(), self.between.der().clone()], key)
    }

    /// Returns a chain for these names and this point on P-256, in force for so long, as PEM.
    pub(crate) fn certify(&self, names: &[String], point: &[u8], life: Duration) -> String {
        let mut params = CertificateParams::new(names.to_vec()).unwrap();
        params.not_before = SystemTime::now().into();
        params.not_after = (SystemTime::now() + life).into();
        let signed = params
            .signed_by(&Point(point.to_vec()), &self.between)
            .unwrap();
        pem(signed.der()) + &pem(self.between.der())
    }

    /// Returns the root certificate.
    pub(crate) fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// Returns a TLS acceptor for a server with this name.
    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let chain = vec![self.sign(name, &key, None), self.between.der().clone()];
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

    fn sign(&self, name: &str, key: &KeyPair, issuer: Option<&str>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.custom_extensions.extend(issuer.map(issuer_at));
        let signed = params.signed_by(key, &self.between).unwrap();
        signed.der().clone()
    }
}

/// Returns the extension AuthorityInfoAccess with one URL (RFC 5280, section 4.2.2.1).
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

/// A public key on P-256.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

fn pem(der: &[u8]) -> String {
    labelled("CERTIFICATE", der)
}

fn labelled(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
