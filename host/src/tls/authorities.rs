//! The authorities of peers' certificates, as a handshake uses them.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::settings::ClientAuthorities;

/// The most bytes of authorities' names that a handshake tells. A message of a handshake ends at
/// 64 KiB (RFC 8446, section 4.3.2, has two bytes for the length of the names), and some peers read
/// 32 KiB at most, with other extensions in the same message.
const NAMES: usize = 16 * 1024;

/// The authorities of peers' certificates.
#[derive(Debug)]
pub(super) struct Authorities {
    /// The SHA-256 of their file.
    pub(super) digest: [u8; 32],
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Authorities {
    pub(super) fn new(settings: &ClientAuthorities) -> Self {
        Self {
            digest: settings.digest,
            verifier: verifier(settings),
        }
    }

    /// The check for a handshake.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.verifier.clone()
    }

    /// Whether the chain of a peer leads to one of the authorities, at `now`.
    pub(super) fn vouch_for(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> bool {
        let Some((own, others)) = chain.split_first() else {
            return false;
        };
        self.verifier.verify_client_cert(own, others, now).is_ok()
    }
}

/// The check of peers' certificates against these authorities. A peer may show none: a source says
/// whether it needs one.
///
/// A handshake tells the names of the authorities, by which a peer with several certificates
/// chooses. If the names are too long together, none is told, and a peer shows what it has.
fn verifier(authorities: &ClientAuthorities) -> Arc<dyn ClientCertVerifier> {
    let roots = &authorities.roots;
    let provider = Arc::new(ring::default_provider());
    let mut builder = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider)
        .allow_unauthenticated();
    // Two bytes before each name tell its length.
    let names = roots
        .subjects()
        .into_iter()
        .map(|name| 2 + name.as_ref().len());
    if names.sum::<usize>() > NAMES {
        builder = builder.clear_root_hint_subjects();
    }
    builder
        .build()
        .expect("the manifest has at least one authority, and no revocation list")
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
    use rustls::RootCertStore;

    use super::*;

    /// Authorities with one key and names of 60 letters, and the verifier for them.
    fn authorities(
        count: usize,
    ) -> (
        CertifiedIssuer<'static, KeyPair>,
        Arc<dyn ClientCertVerifier>,
    ) {
        let key = KeyPair::generate().unwrap().serialize_der();
        let authority = |number: usize| {
            let mut params = CertificateParams::default();
            let name = format!("{number:060}");
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::try_from(key.clone()).unwrap();
            CertifiedIssuer::self_signed(params, key).unwrap()
        };
        let mut roots = RootCertStore::empty();
        for number in 1..count {
            roots.add(authority(number).der().clone()).unwrap();
        }
        let last = authority(count);
        roots.add(last.der().clone()).unwrap();
        let authorities = ClientAuthorities {
            roots: Arc::new(roots),
            digest: [0; 32],
        };
        (last, verifier(&authorities))
    }

    #[test]
    fn the_names_of_authorities_are_told_unless_they_are_too_long() {
        for (count, told) in [(1, 1), (150, 150), (250, 0)] {
            let (last, verifier) = authorities(count);
            assert_eq!(verifier.root_hint_subjects().len(), told, "{count}");
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["psp.example".to_owned()]).unwrap();
            let shown = params.signed_by(&key, &last).unwrap();
            let counts = verifier.verify_client_cert(shown.der(), &[], UnixTime::now());
            assert!(counts.is_ok(), "{counts:?}");
        }
    }
}
