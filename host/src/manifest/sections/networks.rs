//! Lists of networks, such as `trusted_proxies`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tollgate_base::origin::Origin;

use crate::manifest::table::{Context, Fields, plain_text};
use crate::manifest::text::tree::Node;
use crate::settings::{Network, NetworkError};

/// The networks of a key that is an array of them; none without the key.
pub(crate) fn networks(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Vec<Network> {
    let help = format!("write {key} = [\"10.0.0.0/8\"]");
    if let Some(node) = fields.get(key) {
        cx.diagnostics.allow_quote(node);
    }
    let items = fields.array(cx, key, &help).unwrap_or_default().iter();
    items.filter_map(|item| network(cx, item)).collect()
}

/// The network that a text names.
pub(crate) fn network(cx: &mut Context<'_>, node: &Node) -> Option<Network> {
    let text = plain_text(cx, node, "an address")?;
    text.parse()
        .map_err(|error: NetworkError| {
            cx.diagnostics
                .wrong_value(&node.span, format!("`{text}` {error}"), ());
        })
        .ok()
}

/// The addresses that an origin itself names: its host, if that is an address, or loopback, if the
/// host is `localhost`, a name that stands for loopback alone (RFC 6761, section 6.3).
pub(crate) fn named_by(origin: &Origin) -> Vec<Network> {
    const LOOPBACK: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let named = match origin.address() {
        Some(address) => vec![address],
        None if origin.is_localhost() => LOOPBACK.to_vec(),
        None => Vec::new(),
    };
    named.into_iter().map(Network::single).collect()
}
