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
    /// `addresses`: networks in which the origin's address may lie even if the address is
    /// private, loopback or link-local. If the origin's host is an address, the list contains
    /// that address.
    pub addresses: Vec<Network>,
    /// `headers`: the host adds these headers when it sends a request to this origin. No other
    /// origin gets these headers.
    pub headers: Vec<(String, Secret)>,
    /// `immediate`: whether the handler may send requests to this origin while it runs, and wait
    /// for the answers. Default false: requests go out after the commit alone.
    pub immediate: bool,
}

impl Allow {
    /// The part of this entry that the sandbox knows: the origin and the headers' names.
    pub fn grant(&self) -> Grant {
        Grant {
            origin: self.origin.clone(),
            headers: self.headers.iter().map(|(name, _)| name.clone()).collect(),
            immediate: self.immediate,
        }
    }
}
