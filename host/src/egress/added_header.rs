//! The headers that the manifest adds to requests.

use http::{HeaderName, HeaderValue};
use tollgate_base::secret::Secret;

/// A header that the manifest adds. `None` if the name or the value cannot be one's: the manifest
/// was checked when it was read.
pub(crate) fn added_header(name: &str, secret: &Secret) -> Option<(HeaderName, HeaderValue)> {
    let name = name.parse().ok()?;
    let mut value = HeaderValue::from_bytes(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
