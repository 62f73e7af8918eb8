//! Secrets, held so that they do not leak by accident: wiped from memory when dropped,
//! never printed, and compared by [`equal`] alone.

use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// Whether two secrets, MACs, tokens or values derived from keys are the same. Takes the
/// same time wherever they differ; only their lengths are no secret. Whatever is compared
/// with something that a stranger sent is compared by this.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    equal_to_any(one, std::iter::once(other))
}

/// Whether any of the others is the same; looks at all of them.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what others are to use instead"
)]
pub fn equal_to_any<'o>(one: &[u8], others: impl Iterator<Item = &'o [u8]>) -> bool {
    others
        .fold(Choice::from(0), |any, other| any | one.ct_eq(other))
        .into()
}

/// A secret's bytes. It has no `==`: compare secrets inside a MAC or by [`equal`].
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
