//! Secrets that do not leak by accident: they are wiped from memory when dropped, never printed,
//! and compared by [`equal`] alone.

use std::fmt;

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

/// Whether two secrets, MACs, tokens or values derived from keys are the same. Takes the same time
/// wherever they differ; their lengths are no secret. Use this function for every comparison of a
/// secret with a value that a stranger sent.
pub fn equal(one: &[u8], other: &[u8]) -> bool {
    equal_to_any(one, std::iter::once(other))
}

/// Whether any of the others is the same. Compares all of them.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the function to use instead"
)]
pub fn equal_to_any<'o>(one: &[u8], others: impl Iterator<Item = &'o [u8]>) -> bool {
    others
        .fold(Choice::from(0), |any, other| any | one.ct_eq(other))
        .into()
}

/// The bytes of a secret. The type has no `==`: compare secrets inside a MAC or by [`equal`].
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// A secret with these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes of the secret. Keep their use short.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether the secret has no bytes.
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
