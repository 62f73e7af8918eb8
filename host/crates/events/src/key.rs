//! Key pairs that stand in for a provider's, made on the fly.
//!
//! Some providers sign with a private key of their own. A source for tests takes the public part of
//! a key pair that is made here. No key is part of the program: whoever knows the private part of a
//! key that a source trusts can forge events for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, IsCa, KeyPair,
    PublicKeyData as _, date_time_ymd,
};
use serde::Deserialize;

use crate::rsa;

/// Which key pair a provider signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyKind {
    /// RSA of 2048 bits; the source takes the public key in PEM.
    Rsa,
    /// RSA of 2048 bits; the source takes the public key as base64 of DER.
    RsaDer,
    /// An elliptic curve key on P-256; the source takes the public key in PEM.
    P256,
    /// A P-256 key with certificates that have Apple's marks; the source takes the root.
    Apple,
}

/// A key pair that stands in for a provider's.
#[derive(Clone)]
pub struct LocalKey {
    /// The private key in PEM, with its certificates, for
    /// [`StandInKey::read`](tollgate_scheme::StandInKey::read).
    pub private: String,
    /// What the source takes as its secret: the public key, or the root certificate.
    pub secret: String,
}

/// Why no key pair was made.
#[derive(Debug, thiserror::Error)]
#[error("no key pair could be made")]
pub struct KeyError(#[from] rcgen::Error);

impl LocalKey {
    pub(crate) fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        Ok(match kind {
            KeyKind::Rsa | KeyKind::RsaDer => {
                let key = rsa::generate();
                let secret = match kind {
                    KeyKind::RsaDer => STANDARD.encode(&key.public),
                    _ => pem("PUBLIC KEY", &key.public),
                };
                Self {
                    private: pem("PRIVATE KEY", &key.private),
                    secret,
                }
            }
            KeyKind::P256 => {
                let key = KeyPair::generate()?;
                Self {
                    private: pem("PRIVATE KEY", &key.serialize_der()),
                    secret: pem("PUBLIC KEY", &key.subject_public_key_info()),
                }
            }
            KeyKind::Apple => apple()?,
        })
    }
}

/// A signer's certificate, its authority and a root, with the extensions that Apple's have.
fn apple() -> Result<LocalKey, KeyError> {
    const SIGNER: &[u64] = &[1, 2, 840, 113_635, 100, 6, 11, 1];
    const AUTHORITY: &[u64] = &[1, 2, 840, 113_635, 100, 6, 2, 1];
    let root = CertifiedIssuer::self_signed(authority("Local Root", &[]), KeyPair::generate()?)?;
    let between = authority("Local Authority", AUTHORITY);
    let between = CertifiedIssuer::signed_by(between, KeyPair::generate()?, &root)?;
    let key = KeyPair::generate()?;
    let signer = params("Local Signer", SIGNER).signed_by(&key, &between)?;
    let certificates = [
        signer.der().as_ref(),
        between.der().as_ref(),
        root.der().as_ref(),
    ];
    let chain: String = certificates.map(|der| pem("CERTIFICATE", der)).concat();
    Ok(LocalKey {
        private: pem("PRIVATE KEY", &key.serialize_der()) + &chain,
        secret: pem("CERTIFICATE", root.der()),
    })
}

fn authority(name: &str, extension: &[u64]) -> CertificateParams {
    let mut params = params(name, extension);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// A certificate with this name and this extension. Its dates hold for every test.
fn params(name: &str, extension: &[u64]) -> CertificateParams {
    const NULL: &[u8] = &[5, 0];
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    if !extension.is_empty() {
        let marked = CustomExtension::from_oid_content(extension, NULL.to_vec());
        params.custom_extensions.push(marked);
    }
    params
}

/// DER as PEM, in lines of 64 characters.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        lines.push_str(&String::from_utf8_lossy(line));
        lines.push('\n');
    }
    lines + &format!("-----END {label}-----\n")
}
