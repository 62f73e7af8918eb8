//! Why certificates cannot be used.

use rustls::pki_types::pem;

/// Why a chain and its key cannot be used. The message continues a sentence that names the file.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The text of the certificates is no PEM.
    #[error("is damaged PEM: {0}")]
    NotPem(pem::Error),
    /// The file has no certificate.
    #[error("has no certificate (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
    /// A certificate cannot be read.
    #[error("has a damaged certificate: number {number}")]
    Damaged {
        /// The certificate's place in the file, from 1.
        number: usize,
    },
    /// The certificate is for no host.
    #[error("is for no host: the certificate has no DNS name and no address in subjectAltName")]
    NoName,
    /// The first certificate is one of an authority.
    #[error("begins with the certificate of an authority: the server's own comes first")]
    AuthorityFirst,
    /// A certificate does not follow the one that it issued.
    #[error(
        "has its certificates out of order: number {number} did not issue the one before. The \
         server's own comes first, then the one that issued it, and so on"
    )]
    Order {
        /// The certificate's place in the file, from 1.
        number: usize,
    },
    /// The chain is longer than a message of a handshake.
    #[error(
        "is too long for a handshake: {bytes} bytes without PEM, and peers read {most} at most",
        most = Self::LONGEST
    )]
    TooLong {
        /// The bytes of the chain.
        bytes: usize,
    },
    /// The certificate has something that TLS does not know, such as a critical extension.
    #[error("has a certificate that cannot be used: {0}")]
    Unusable(rustls::Error),
    /// The key is too short.
    #[error("has a weak key: RSA of {bits} bits, and 2048 are the least")]
    WeakKey {
        /// The bits of the key.
        bits: usize,
    },
    /// The file of the key is not PEM, or has no key.
    #[error("has no private key that can be read: {0}")]
    NoKey(pem::Error),
    /// The key is encrypted.
    #[error(
        "has an encrypted key, and nobody is there to type its password: decrypt it with `openssl pkey`"
    )]
    EncryptedKey,
    /// The key is of an unknown kind.
    #[error("has a key of a kind that is not known: RSA, ECDSA on P-256 or P-384, or Ed25519")]
    KeyKind,
    /// The key belongs to another certificate.
    #[error("has a key that does not fit the certificate")]
    OtherKey,
}

impl CertificateError {
    /// The longest chain in bytes, with what a handshake adds to each certificate. Peers refuse
    /// messages of 64 KiB, of which four bytes are no chain (RFC 8446, section 4.4.2).
    pub(super) const LONGEST: usize = 0xffff - 4;

    /// Whether the trouble is in the file of the key.
    pub fn is_of_key(&self) -> bool {
        matches!(
            self,
            Self::NoKey(_) | Self::EncryptedKey | Self::KeyKind | Self::OtherKey
        )
    }
}
