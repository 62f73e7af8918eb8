//! One certificate of the gateway, with its chain and its key.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, SignatureAlgorithm};
use zeroize::Zeroize as _;

use super::chain::Chain;
use super::error::CertificateError;
use super::facts::Names;
use tollgate_base::time::WallTime;

/// The warning about a certificate begins this long before its end: two weeks. An authority that
/// renews at two thirds of 90 days does so a month before.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// A certificate with its chain and its key. The key is never shown.
pub struct Certificate {
    names: Names,
    not_before: WallTime,
    not_after: WallTime,
    kind: KeyKind,
    certified: Arc<CertifiedKey>,
}

/// The kind of a certificate's key. A server may have one of each for the same name, and shows
/// the one that the peer can check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA.
    Rsa,
    /// ECDSA on any curve.
    Ecdsa,
    /// Ed25519, which browsers do not know.
    Ed25519,
}

/// Whether a certificate is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateState {
    /// The certificate is in force, for more than two weeks yet.
    InForce,
    /// The certificate is in force for at most two more weeks.
    ExpiresSoon,
    /// The certificate is no longer in force.
    Expired,
    /// The certificate is not in force yet.
    NotYetValid,
}

impl CertificateState {
    /// The name in the gateway's status.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::ExpiresSoon => "expires soon",
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
        }
    }
}

impl Certificate {
    /// Reads a chain and its key, both in PEM, and checks that they can serve.
    ///
    /// # Errors
    /// A reason why peers could not use the certificate at any time.
    pub fn read(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let Chain {
            certificates,
            first,
        } = Chain::read(chain)?;
        let (kind, key) = signing_key(key)?;
        let certified = CertifiedKey::new(certificates, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(CertificateError::OtherKey),
            Err(error) => return Err(CertificateError::Unusable(error)),
        }
        Ok(Self {
            names: first.names,
            not_before: first.not_before,
            not_after: first.not_after,
            kind,
            certified: Arc::new(certified),
        })
    }

    /// The DNS names in lower case, perhaps with a wildcard such as `*.example.com`.
    pub fn dns_names(&self) -> &[String] {
        &self.names.dns
    }

    /// The addresses that the certificate is for.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.names.addresses
    }

    /// The first name, by which messages call the certificate.
    pub fn name(&self) -> String {
        let address = || self.names.addresses.first().map(IpAddr::to_string);
        let dns = self.names.dns.first().cloned();
        dns.or_else(address).unwrap_or_default()
    }

    /// From when the certificate is in force.
    pub fn not_before(&self) -> WallTime {
        self.not_before
    }

    /// Until when the certificate is in force.
    pub fn not_after(&self) -> WallTime {
        self.not_after
    }

    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The state at `now`.
    pub fn state(&self, now: WallTime) -> CertificateState {
        if now >= self.not_after {
            CertificateState::Expired
        } else if now < self.not_before {
            CertificateState::NotYetValid
        } else if self.not_after.since(now) <= SOON {
            CertificateState::ExpiresSoon
        } else {
            CertificateState::InForce
        }
    }

    /// The chain and the key, as TLS needs them.
    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Reads a private key in PEM.
fn signing_key(pem: &[u8]) -> Result<(KeyKind, Arc<dyn SigningKey>), CertificateError> {
    // PKCS #8, and the older form of OpenSSL.
    const ENCRYPTED: [&[u8]; 2] = [
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
        b"Proc-Type: 4,ENCRYPTED",
    ];
    let says = |text: &[u8]| pem.windows(text.len()).any(|part| part == text);
    if ENCRYPTED.into_iter().any(says) {
        return Err(CertificateError::EncryptedKey);
    }
    let mut der = PrivateKeyDer::from_pem_slice(pem).map_err(CertificateError::NoKey)?;
    let key = rustls::crypto::ring::sign::any_supported_type(&der);
    der.zeroize();
    let key = key.map_err(|_| CertificateError::KeyKind)?;
    let kind = match key.algorithm() {
        SignatureAlgorithm::RSA => KeyKind::Rsa,
        SignatureAlgorithm::ECDSA => KeyKind::Ecdsa,
        SignatureAlgorithm::ED25519 => KeyKind::Ed25519,
        _ => return Err(CertificateError::KeyKind),
    };
    Ok((kind, key))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use rcgen::{CertificateParams, CustomExtension, KeyPair};

    use super::*;

    /// A certificate for these names and its key, both in PEM.
    fn issue(names: Vec<String>, change: impl FnOnce(&mut CertificateParams)) -> [String; 2] {
        let pem = |label: &str, der: &[u8]| {
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
        };
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let signed = params.self_signed(&key).unwrap();
        [
            pem("CERTIFICATE", signed.der()),
            pem("PRIVATE KEY", &key.serialize_der()),
        ]
    }

    fn trouble([chain, key]: [String; 2]) -> CertificateError {
        Certificate::read(chain.as_bytes(), key.as_bytes()).unwrap_err()
    }

    #[test]
    fn what_no_handshake_can_carry_is_refused_as_what_it_is() {
        let names = |count| (0..count).map(|number| format!("host-{number:05}.example"));
        let many = trouble(issue(names(9000).collect(), |_| {}));
        assert!(
            matches!(many, CertificateError::TooLong { bytes: 180_000.. }),
            "{many}"
        );
        assert!(!many.is_of_key());
        let [one, key] = issue(names(500).collect(), |_| {});
        let of = |count| [one.repeat(count), key.clone()];
        let long = trouble(of(8));
        assert!(
            matches!(
                long,
                CertificateError::TooLong {
                    bytes: 66_000..90_000
                }
            ),
            "{long}"
        );
        let [chain, key] = of(5);
        Certificate::read(chain.as_bytes(), key.as_bytes()).unwrap();
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_no_trouble_of_its_key() {
        let odd = issue(vec!["host.example".to_owned()], |params| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        });
        let odd = trouble(odd);
        assert!(matches!(odd, CertificateError::Unusable(_)), "{odd}");
        assert!(!odd.is_of_key());
        let [chain, _] = issue(vec!["host.example".to_owned()], |_| {});
        let [_, key] = issue(vec!["host.example".to_owned()], |_| {});
        assert!(trouble([chain, key]).is_of_key());
    }
}
