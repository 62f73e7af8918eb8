//! Chooses the certificate for a handshake: by the host that the peer names, and by the kinds of
//! keys that it can check.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::certificates::Certificate;

/// The certificates of a listener, by name.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// The certificates in the order of the manifest.
    all: Vec<Arc<CertifiedKey>>,
    /// The places in `all` by DNS name. The key of `*.example.com` is `.example.com`.
    by_name: HashMap<String, Vec<usize>>,
}

impl Resolver {
    pub(super) fn new<'c>(certificates: impl IntoIterator<Item = &'c Certificate>) -> Self {
        let mut resolver = Self::default();
        for (place, certificate) in certificates.into_iter().enumerate() {
            resolver.all.push(certificate.certified().clone());
            for name in certificate.dns_names() {
                let key = name.strip_prefix('*').unwrap_or(name).to_owned();
                resolver.by_name.entry(key).or_default().push(place);
            }
        }
        resolver
    }

    /// The certificate for a host, or else the first one; of several the first whose key the peer
    /// can check.
    fn choose(&self, host: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let host = host.map(str::to_ascii_lowercase);
        let named = host.as_deref().and_then(|host| {
            let host = host.strip_suffix('.').unwrap_or(host);
            // A wildcard stands for one label.
            let wild = || {
                host.find('.')
                    .and_then(|dot| self.by_name.get(&host[dot..]))
            };
            self.by_name.get(host).or_else(wild)
        });
        let fits = |one: &&Arc<CertifiedKey>| one.key.choose_scheme(schemes).is_some();
        let named = named.into_iter().flatten().map(|place| &self.all[*place]);
        let found = named
            .clone()
            .find(fits)
            .or_else(|| self.all.iter().find(fits));
        // Without a fit, rustls says so to the peer.
        found.or(self.all.first()).cloned()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
    use rustls::SignatureScheme::{ECDSA_NISTP256_SHA256, ED25519};

    use super::*;

    fn certificate(names: &[&str], ed25519: bool) -> Certificate {
        let algorithm = if ed25519 {
            &PKCS_ED25519
        } else {
            &PKCS_ECDSA_P256_SHA256
        };
        let key = KeyPair::generate_for(algorithm).unwrap();
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let signed = CertificateParams::new(names).unwrap().self_signed(&key);
        let pem = |label: &str, der: &[u8]| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(der);
            format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
        };
        let chain = pem("CERTIFICATE", signed.unwrap().der());
        let key = pem("PRIVATE KEY", &key.serialize_der());
        Certificate::read(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    #[test]
    fn the_host_and_the_kinds_of_keys_choose() {
        let certificates = [
            certificate(&["first.example"], false),
            certificate(&["*.shop.example", "shop.example"], false),
            certificate(&["pay.shop.example"], true),
            certificate(&["pay.shop.example"], false),
        ];
        let resolver = Resolver::new(&certificates);
        let chosen = |host, schemes: &[_]| {
            let found = resolver.choose(host, schemes).unwrap();
            let mut all = certificates.iter();
            all.position(|one| Arc::ptr_eq(one.certified(), &found))
                .unwrap()
        };
        let both = [ECDSA_NISTP256_SHA256, ED25519];
        assert_eq!(chosen(None, &both), 0);
        assert_eq!(chosen(Some("other.example"), &both), 0);
        assert_eq!(chosen(Some("shop.example"), &both), 1);
        assert_eq!(chosen(Some("A.shop.example."), &both), 1);
        assert_eq!(chosen(Some("a.b.shop.example"), &both), 0, "one label");
        assert_eq!(chosen(Some("pay.shop.example"), &both), 2);
        assert_eq!(chosen(Some("pay.shop.example"), &both[..1]), 3);
        assert_eq!(chosen(Some("pay.shop.example"), &[]), 0);
        assert!(Resolver::new([]).choose(None, &both).is_none());
    }
}
