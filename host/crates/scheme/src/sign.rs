//! Signs requests as a provider would, for tests and local work, with every scheme whose
//! secret is shared.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// A request to be signed.
#[derive(Clone, Debug, Default)]
pub struct Unsigned {
    /// The body; for Braintree the notification's XML.
    pub body: Bytes,
    /// Headers that the scheme reads or signs, such as an event's type or id. An id that
    /// must be signed and is not among them is made up.
    pub headers: HeaderMap,
}

/// A request as its provider would send it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// All its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// What the URL's query must be, where the scheme signs one.
    pub query: Option<String>,
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The provider signs with a private key that only it has.
    #[error("requests of this scheme are signed with a private key that the provider alone has")]
    NotShared,
    /// There are not so many secrets.
    #[error("there is no secret {}", .0 + 1)]
    NoSuchSecret(usize),
    /// The body or a header is not what the scheme can sign.
    #[error("{0}")]
    Unsignable(String),
}

/// Sets a header.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), SignError> {
    let unsignable = || SignError::Unsignable(format!("`{name}` cannot have this value"));
    let name = HeaderName::try_from(name).map_err(|_| unsignable())?;
    headers.insert(
        name,
        HeaderValue::try_from(value).map_err(|_| unsignable())?,
    );
    Ok(())
}
