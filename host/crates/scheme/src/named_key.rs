//! Public keys for JSON Web Signatures, by their names.

use ring::signature::UnparsedPublicKey;

use super::invalid_key::InvalidKey;
use super::jwk;
use super::jws::{Jws, JwsAlgorithm};
use super::pem;
use tollgate_base::secret::Secret;

/// A key. A key in PEM has no name.
pub(super) struct NamedKey {
    kid: Option<String>,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl NamedKey {
    /// The keys in a JWK set, a JWK or PEM.
    pub(super) fn read(secret: &Secret, algorithm: JwsAlgorithm) -> Result<Vec<Self>, InvalidKey> {
        let text = secret.expose().trim_ascii();
        let named = |kid, bytes| Self {
            kid,
            key: algorithm.key(bytes),
        };
        if !text.starts_with(b"{") {
            let key = pem::public_key(text, algorithm.key_kind())?;
            return Ok(vec![named(None, key)]);
        }
        let keys = jwk::keys(text, algorithm)?.into_iter();
        Ok(keys.map(|key| named(key.kid, key.key)).collect())
    }

    /// The name of the key.
    pub(super) fn name(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the token may be signed with this key: neither has a name, or both have the same.
    pub(super) fn fits(&self, token: &Jws<'_>) -> bool {
        let own = self.kid.as_deref();
        token.kid().is_empty() || own.is_none_or(|own| own == token.kid())
    }

    /// Whether the token is signed with this key.
    pub(super) fn signed(&self, token: &Jws<'_>) -> bool {
        self.fits(token) && token.is_signed_by(&self.key)
    }
}
