//! JSON Web Signatures (RFC 7515) in the compact form: `header.payload.signature`.
//!
//! The scheme says which algorithm its provider signs with. A token that names another algorithm is
//! refused: `none`, or an HMAC under the public key, is an attack.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;

use super::pem::KeyKind;
use super::rejection::Rejection;

/// The algorithm of a signature (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JwsAlgorithm {
    /// ECDSA on the curve P-256, SHA-256.
    Es256,
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
}

impl JwsAlgorithm {
    /// The name in the header of a token.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The kind of the key.
    pub(super) fn key_kind(self) -> KeyKind {
        match self {
            Self::Es256 => KeyKind::P256,
            Self::Rs256 => KeyKind::Rsa,
        }
    }

    /// A key in the form that ring takes, ready to verify.
    pub(super) fn key(self, bytes: Vec<u8>) -> UnparsedPublicKey<Vec<u8>> {
        let algorithm: &'static dyn VerificationAlgorithm = match self {
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(algorithm, bytes)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader must understand. None is understood here.
    crit: Option<serde_json::Value>,
    #[serde(default)]
    x5c: Vec<String>,
}

/// A token, split but not checked.
pub(super) struct Jws<'t> {
    header: Header,
    signed: &'t str,
    /// The payload, decoded. It counts only if the signature holds.
    pub(super) payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Splits a token. `place` names its place in a rejection.
    pub(super) fn read(
        text: &'t str,
        place: &str,
        algorithm: JwsAlgorithm,
    ) -> Result<Self, Rejection> {
        let malformed = |why| Rejection::malformed_signature(place, why);
        let shape = || malformed("it is not three parts with dots between them");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(shape)?;
        let (header, payload) = signed.split_once('.').ok_or_else(shape)?;
        let part = |text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| malformed("a part of it is no base64url"))
        };
        let header: Header = serde_json::from_slice(&part(header)?)
            .map_err(|_| malformed("its header is not readable"))?;
        if header.alg != algorithm.name() {
            return Err(Rejection::NoKnownSignature {
                place: place.to_owned(),
                wanted: algorithm.name().to_owned(),
            });
        }
        if header.crit.is_some() {
            return Err(malformed("it demands extensions"));
        }
        Ok(Self {
            header,
            signed,
            payload: part(payload)?,
            signature: part(signature)?,
        })
    }

    /// The name of the key. Empty if the token names none.
    pub(super) fn kid(&self) -> &str {
        self.header.kid.as_deref().unwrap_or_default()
    }

    /// The certificates of the signer, in base64, the signer's own first.
    pub(super) fn x5c(&self) -> &[String] {
        &self.header.x5c
    }

    /// Whether this key made the signature.
    pub(super) fn is_signed_by(&self, key: &UnparsedPublicKey<Vec<u8>>) -> bool {
        key.verify(self.signed.as_bytes(), &self.signature).is_ok()
    }
}
