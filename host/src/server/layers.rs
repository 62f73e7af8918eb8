//! The layers between a socket and HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::settings::Network;
use crate::tls::TlsLayer;

/// Says the layers of a listener. Asked for each connection, so that a reload changes the layers
/// of new connections and leaves the open ones alone.
pub type LayersOf = Arc<dyn Fn() -> Layers + Send + Sync>;

/// The layers between a socket and HTTP. By default there is none.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// Each connection begins with a header of the PROXY protocol, from one of these proxies.
    /// `None`: no connection has such a header.
    pub proxies: Option<Arc<[Network]>>,
    /// TLS, behind the header of a proxy if there is one.
    pub tls: Option<TlsLayer>,
}

impl Layers {
    /// No layer, whatever the manifest says.
    pub fn none() -> LayersOf {
        Arc::new(Self::default)
    }
}

/// Whether one of the proxies has this address.
pub(super) fn is_of(proxies: &[Network], address: SocketAddr) -> bool {
    proxies.iter().any(|network| network.contains(address.ip()))
}
