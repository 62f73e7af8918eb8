//! `allow_from`: the addresses that may post to a source.

use std::net::IpAddr;

use tollgate_scheme::PublishedAddresses;

use super::network::Network;

/// `allow_from`: the addresses that may post to a source.
#[derive(Debug, Default)]
pub struct AllowFrom {
    /// The networks, those of the provider's list included.
    pub networks: Vec<Network>,
    /// The provider's list, if `"provider"` is named.
    pub published: Option<&'static PublishedAddresses>,
}

impl AllowFrom {
    /// Whether this address may post.
    pub fn allows(&self, address: IpAddr) -> bool {
        let mut networks = self.networks.iter();
        networks.any(|network| network.contains(address))
    }
}
