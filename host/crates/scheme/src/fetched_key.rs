//! Keys that a request names and that the gateway fetches from the provider.
//!
//! A scheme says which key it needs ([`super::Rejection::KeyNeeded`]), how to ask for the key,
//! and which key an answer holds. Nothing here knows of a network: the gateway decides who asks,
//! and how often.

use ring::signature::UnparsedPublicKey;

use super::certificates::CertificateError;
use super::invalid_key::InvalidKey;
use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// A fetched key that is trusted.
#[derive(Clone, Debug)]
pub struct FetchedKey {
    pub(super) key: UnparsedPublicKey<Vec<u8>>,
    /// The time from which the provider no longer signs with the key.
    pub(super) expired: Option<WallTime>,
}

/// How to ask a provider for a key.
#[derive(Debug)]
pub struct KeyRequest {
    /// The URL, always `https`.
    pub url: String,
    /// Whether the server may have an address that is not public, because the manifest names
    /// the server.
    pub allow_private: bool,
    /// The JSON to post. Without a body, the request is a GET.
    pub body: Option<Secret>,
}

/// A URL of a provider's that must be visited before a request is acknowledged: by the visit the
/// provider learns that the endpoint wants its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The URL, always `https`.
    pub url: String,
    /// Whether the server may have an address that is not public, because the manifest names
    /// the server.
    pub allow_private: bool,
}

impl From<Visit> for KeyRequest {
    fn from(visit: Visit) -> Self {
        Self {
            url: visit.url,
            allow_private: visit.allow_private,
            body: None,
        }
    }
}

/// Why an answer holds no key that can be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The scheme has no key to ask for.
    #[error("the scheme fetches no keys")]
    NotFetched,
    /// The answer cannot be read.
    #[error("the answer {0}")]
    Unreadable(InvalidKey),
    /// The answer holds a key with another name.
    #[error("the answer holds another key")]
    OtherKey,
    /// The key in the certificate cannot be used.
    #[error("its certificate {0}")]
    InvalidKey(InvalidKey),
    /// The certificate is not trusted.
    #[error(transparent)]
    Untrusted(CertificateError),
    /// The chain lacks the certificate of the issuer, which can be asked for: see
    /// [`with_issuer`](super::with_issuer).
    #[error("{why}")]
    IssuerNeeded {
        /// How to ask for the certificate.
        request: KeyRequest,
        /// Why the answer alone must not be used.
        why: CertificateError,
    },
}
