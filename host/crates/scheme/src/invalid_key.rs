//! Why a text is not a key.

/// Why a text is not a key. The message continues a sentence about the text, such as
/// "secret 1 of `stripe` …". It never holds the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// The text is white space.
    #[error("is empty: an empty secret would let anybody in")]
    Blank,
    /// The decoded text has no bytes.
    #[error("is empty after decoding")]
    Empty,
    /// The scheme wants hexadecimal.
    #[error("must be hexadecimal: an even number of the digits 0-9 and a-f")]
    NotHex,
    /// The scheme wants base64.
    #[error("must be base64")]
    NotBase64,
    /// The scheme's secret is shared.
    #[error("cannot be PEM: the scheme's algorithm takes a shared secret")]
    NotShared,
    /// The scheme wants PEM.
    #[error("must be PEM: `-----BEGIN PUBLIC KEY-----` and so on")]
    NotPem,
    /// The scheme wants a certificate.
    #[error("must be a certificate in PEM: `-----BEGIN CERTIFICATE-----` and so on")]
    NotCertificate,
    /// The PEM section is not base64.
    #[error("holds PEM that is no base64")]
    DamagedPem,
    /// The section with this label is not DER of the right form.
    #[error("holds a damaged `{0}`")]
    Damaged(String),
    /// The certificate is not DER of the right form.
    #[error("is damaged")]
    DamagedCertificate,
    /// The section with this label is no public key.
    #[error("holds a `{0}`; wanted is a `PUBLIC KEY`")]
    NotPublic(String),
    /// The section with this label is no private key.
    #[error("holds a `{0}`; wanted is a `PRIVATE KEY`")]
    NotPrivate(String),
    /// The key is not of this kind.
    #[error("holds another kind of key than {0}")]
    OtherKind(&'static str),
    /// The RSA key is too short.
    #[error("holds an RSA key of less than 2048 bits, which is too weak")]
    TooWeak,
    /// The Ed25519 key has this number of bytes.
    #[error("is {0} bytes long; an Ed25519 public key has 32")]
    Length(usize),
    /// The JSON Web Key lacks a member.
    #[error("is no JWK: it needs `kty`, `crv`, `x` and `y`")]
    NotJwk,
    /// The JSON Web Key lacks a member of an RSA key.
    #[error("is no JWK: it needs `kty`, `n` and `e`")]
    NotRsaJwk,
    /// The JSON Web Key is for another algorithm than this.
    #[error("is a JWK for another algorithm than {0}")]
    JwkAlgorithm(&'static str),
    /// A coordinate of the JSON Web Key is not one.
    #[error("is a JWK whose `x` or `y` is not {0} bytes in base64url")]
    JwkCoordinate(usize),
    /// The bytes are no point on the curve.
    #[error("is not a public key on P-256")]
    NotOnCurve,
}
