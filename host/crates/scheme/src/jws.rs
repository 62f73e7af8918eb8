//! JSON Web Signatures (RFC 7515) in the compact form: `header.payload.signature`.
//!
//! The scheme says which algorithm its provider signs with. A token that names another algorithm is
//! refused: `none`, or an HMAC under the public key, is an attack.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;

use super::pem::KeyKind;
use super::rejection::Rejection;

/// The algorithm of a JSON Web Signature (RFC 7518, section 3.1, and RFC 8037). All of them have
/// public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JwsAlgorithm {
    /// ECDSA on the curve P-256, SHA-256.
    Es256,
    /// ECDSA on the curve P-384, SHA-384.
    Es384,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// RSA, PKCS #1 v1.5, SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// RSA, PSS, SHA-256.
    Ps256,
}

impl JwsAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 7] = [
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
    ];

    /// The name in the header of a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
        }
    }

    /// The kind of the key.
    pub(super) fn key_kind(self) -> KeyKind {
        match self {
            Self::Es256 => KeyKind::P256,
            Self::Es384 => KeyKind::P384,
            Self::EdDsa => KeyKind::Ed25519,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 => KeyKind::Rsa,
        }
    }

    /// A key in the form that ring takes, ready to verify.
    pub(super) fn key(self, bytes: Vec<u8>) -> UnparsedPublicKey<Vec<u8>> {
        let algorithm: &'static dyn VerificationAlgorithm = match self {
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::EdDsa => &signature::ED25519,
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(algorithm, bytes)
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader must understand. `b64` alone is understood here.
    crit: Option<Vec<String>>,
    /// Whether the payload is signed as base64url (RFC 7797).
    b64: Option<bool>,
    #[serde(default)]
    x5c: Vec<String>,
}

/// A token, split but not checked.
pub(super) struct Jws<'t> {
    header: Header,
    signed: Cow<'t, [u8]>,
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
        let parts = Parts::of(text, place, algorithm)?;
        if parts.header.crit.is_some() || parts.header.b64 == Some(false) {
            return Err(malformed(place, "it demands extensions"));
        }
        let signed = &text[..parts.signed];
        Ok(Self {
            payload: decoded(parts.payload, place)?,
            signature: decoded(parts.signature, place)?,
            header: parts.header,
            signed: signed.as_bytes().into(),
        })
    }

    /// Splits a token whose payload is left out, because it is the body.
    pub(super) fn detached(
        text: &str,
        body: &[u8],
        place: &str,
        algorithm: JwsAlgorithm,
    ) -> Result<Self, Rejection> {
        let parts = Parts::of(text, place, algorithm)?;
        if !parts.payload.is_empty() {
            return Err(malformed(
                place,
                "it holds a payload, which should be the body",
            ));
        }
        // RFC 7797: what is signed as it is must be named as an extension.
        let signed_as_base64 = parts.header.b64.unwrap_or(true);
        let known = match &parts.header.crit {
            None => signed_as_base64,
            Some(names) => parts.header.b64.is_some() && names.iter().all(|name| name == "b64"),
        };
        if !known {
            return Err(malformed(place, "it demands extensions"));
        }
        let payload = match signed_as_base64 {
            true => URL_SAFE_NO_PAD.encode(body).into_bytes().into(),
            false => Cow::Borrowed(body),
        };
        let header = parts.header_text.as_bytes();
        Ok(Self {
            payload: Vec::new(),
            signature: decoded(parts.signature, place)?,
            signed: [header, b".", &payload].concat().into(),
            header: parts.header,
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
        key.verify(&self.signed, &self.signature).is_ok()
    }
}

/// The parts of a token.
struct Parts<'t> {
    header: Header,
    header_text: &'t str,
    payload: &'t str,
    signature: &'t str,
    /// The length of header and payload with the dot between them.
    signed: usize,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str, place: &str, algorithm: JwsAlgorithm) -> Result<Self, Rejection> {
        let shape = || malformed(place, "it is not three parts with dots between them");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(shape)?;
        let (header_text, payload) = signed.split_once('.').ok_or_else(shape)?;
        let header: Header = serde_json::from_slice(&decoded(header_text, place)?)
            .map_err(|_| malformed(place, "its header is not readable"))?;
        if header.alg != algorithm.name() {
            return Err(Rejection::NoKnownSignature {
                place: place.to_owned(),
                wanted: algorithm.name().to_owned(),
            });
        }
        Ok(Self {
            header,
            header_text,
            payload,
            signature,
            signed: signed.len(),
        })
    }
}

fn decoded(text: &str, place: &str) -> Result<Vec<u8>, Rejection> {
    let decoded = URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|_| malformed(place, "a part of it is no base64url"))
}

fn malformed(place: &str, why: &str) -> Rejection {
    Rejection::malformed_signature(place, why)
}
