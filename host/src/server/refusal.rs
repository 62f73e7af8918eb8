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
}

impl Refusal {
    /// The reason as a short word that never changes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Connections => "address_connections",
            Self::Flood => "flood",
            Self::Head(breach) => breach.code(),
        }
    }
}
