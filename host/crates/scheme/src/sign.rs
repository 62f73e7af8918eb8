//! Signs requests as a provider would, for tests and local work. This works for every scheme whose
//! secret is shared.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// A request to sign.
#[derive(Clone, Debug, Default)]
pub struct UnsignedRequest {
    /// The body; for Braintree the XML of the notification.
    pub body: Bytes,
    /// The headers that the scheme reads or signs, such as the event's type or id. If a signed id
    /// is not among them, an id is made up.
    pub headers: HeaderMap,
}

/// A request as its provider would send it.
#[derive(Clone, Debug)]
pub struct SignedRequest {
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The query that the URL must have, if the scheme signs a query.
    pub query: Option<String>,
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The provider signs with a private key.
    #[error("requests of this scheme are signed with a private key that the provider alone has")]
    NotShared,
    /// The provider has no private key.
    #[error(
        "requests of this scheme are signed with the source's secret, and not with a private key"
    )]
    Shared,
    /// The private key is of another kind than the provider's.
    #[error("the provider signs with {0}, and the private key is of another kind")]
    OtherKey(&'static str),
    /// There is no secret with this index.
    #[error("there is no secret {}", .0 + 1)]
    NoSuchSecret(usize),
    /// The scheme cannot sign this body or header.
    #[error("{0}")]
    Unsignable(String),
}

/// Sets a header.
pub(super) fn set_header(
    headers: &mut HeaderMap,
    name: &str,
    value: &str,
) -> Result<(), SignError> {
    let unsignable = || SignError::Unsignable(format!("`{name}` cannot have this value"));
    let name = HeaderName::try_from(name).map_err(|_| unsignable())?;
    let value = HeaderValue::try_from(value).map_err(|_| unsignable())?;
    headers.insert(name, value);
    Ok(())
}
