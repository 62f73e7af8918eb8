//! `[[handlers.NAME.allow]]`: an origin that a handler's requests may go to.

use tollgate_base::origin::Origin;
use tollgate_base::secret::Secret;
use tollgate_sandbox::Grant;

use super::network::Network;

/// An origin that a handler's requests may go to.
#[derive(Debug, Clone)]
pub struct Allow {
    /// `origin`: `http` or `https` scheme, host, port; no path.
    pub origin: Origin,
    /// `addresses`: networks in which the origin's address may lie although it is private,
    /// loopback or link-local. An origin whose host is an address lists that address itself.
    pub addresses: Vec<Network>,
    /// `headers`: added by the host as it sends, to this origin alone.
    pub headers: Vec<(String, Secret)>,
}

impl Allow {
    /// What the sandbox knows of this entry: the origin and the names of its headers.
    pub fn grant(&self) -> Grant {
        Grant {
            origin: self.origin.clone(),
            headers: self.headers.iter().map(|(name, _)| name.clone()).collect(),
        }
    }
}
