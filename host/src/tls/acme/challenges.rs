//! The answers to the challenges of an authority, while an order is under way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

/// The protocol of TLS-ALPN-01 (RFC 8737, section 6.2).
const PROTOCOL: &[u8] = b"acme-tls/1";

/// The answers, by token and by domain.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    by_token: Mutex<HashMap<String, String>>,
    by_domain: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

/// The certificate of a challenge cannot be made.
#[derive(Debug, thiserror::Error)]
pub(in crate::tls) enum ChallengeError {
    #[error("the certificate of a challenge cannot be made")]
    Made(#[from] rcgen::Error),
    #[error("the certificate of a challenge cannot be used")]
    Used(#[from] rustls::Error),
}

impl Challenges {
    /// The answer of HTTP-01 to a request for this token; `None` if no order has asked for it.
    pub(crate) fn key_authorization(&self, token: &str) -> Option<String> {
        self.by_token.lock().get(token).cloned()
    }

    /// The configuration of TLS-ALPN-01, if the peer asks for nothing else.
    pub(in crate::tls) fn config(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let mut protocols = hello.alpn()?;
        if (protocols.next(), protocols.next()) != (Some(PROTOCOL), None) {
            return None;
        }
        let domain = hello.server_name()?.to_ascii_lowercase();
        self.by_domain.lock().get(&domain).cloned()
    }

    /// Answers HTTP-01.
    pub(super) fn answer_http(&self, token: &str, key_authorization: &str) {
        let mut answers = self.by_token.lock();
        answers.insert(token.to_owned(), key_authorization.to_owned());
    }

    /// Answers TLS-ALPN-01 for a domain (RFC 8737, section 3).
    pub(super) fn answer_tls(&self, domain: &str, digest: &[u8]) -> Result<(), ChallengeError> {
        let mut params = CertificateParams::new(vec![domain.to_owned()])?;
        let digest = CustomExtension::new_acme_identifier(digest);
        params.custom_extensions.push(digest);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.der().clone();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let key = ring::sign::any_supported_type(&key)?;
        // rustls checks neither key nor certificate here: the extension of the challenge is
        // critical, and rustls does not know it.
        let resolver = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let mut answers = self.by_domain.lock();
        answers.insert(domain.to_owned(), Arc::new(config));
        Ok(())
    }

    /// Forgets all answers, at the end of an order.
    pub(super) fn clear(&self) {
        self.by_token.lock().clear();
        self.by_domain.lock().clear();
    }
}
