//! Why a listener refuses a peer before any service sees a request.

use super::strict::Breach;

/// Why a listener ends a connection, or refuses a request, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Peers hold all memory that they may hold.
    #[error("peers hold too much memory")]
    Memory,
    /// The address has all connections that one address may have.
    #[error("the address has too many connections")]
    Connections,
    /// The peer sent too many frames of HTTP/2 that carry no request.
    #[error("too many frames without a request")]
    Flood,
    /// The peer sent a head that is not served.
    #[error(transparent)]
    Head(#[from] Breach),
    /// The listener wants a header of the PROXY protocol, and the peer is none of its proxies.
    #[error("the listener takes connections of `trusted_proxies` alone")]
    ProxyUntrusted,
    /// The peer is a proxy of the listener, and sends no header of the PROXY protocol.
    #[error("the proxy sends no header of the PROXY protocol: {0}")]
    ProxyHeader(ProxyHeaderFault),
    /// The handshake of TLS failed.
    #[error("the TLS handshake failed: {0}")]
    TlsHandshake(HandshakeFault),
}

/// What is wrong with a header of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderFault {
    /// The bytes are no header, or a damaged one.
    #[error("its bytes are something else, or damaged")]
    Damaged,
    /// The proxy closed the connection in the middle of the header.
    #[error("it broke the header off")]
    BrokenOff,
    /// The header was not complete before the header timeout.
    #[error("the header was not complete before the header timeout")]
    Late,
}

/// What is wrong with a handshake of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeFault {
    /// The peer sends something else, such as HTTP without TLS.
    #[error("the peer speaks no TLS")]
    NoTls,
    /// The two sides have no version, cipher, kind of key or protocol in common.
    #[error("the peer knows no version, cipher, kind of key or protocol that this side knows")]
    NothingShared,
    /// The peer's certificate is not one of `client_ca`, or not in force.
    #[error("the certificate of the peer does not count")]
    Certificate,
    /// The peer ended the handshake, for example because it does not trust the certificate here.
    #[error("the peer refused it; it may not trust the certificate of this side")]
    Peer,
    /// The peer closed the connection meanwhile.
    #[error("the peer broke it off")]
    BrokenOff,
    /// The handshake took longer than the header timeout.
    #[error("it was not complete before the header timeout")]
    Late,
    /// A message is damaged or out of place.
    #[error("the peer sent a damaged message")]
    Damaged,
}

impl Refusal {
    /// The reason as a short word that never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Connections => "address_connections",
            Self::Flood => "flood",
            Self::Head(breach) => breach.code(),
            Self::ProxyUntrusted => "proxy_untrusted",
            Self::ProxyHeader(_) => "proxy_header",
            Self::TlsHandshake(_) => "tls_handshake",
        }
    }
}
