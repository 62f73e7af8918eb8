//! `per_address = { connections, requests, failures }` of `[server]`: the limits of each address.

use std::net::SocketAddr;

use crate::manifest::defaults::{ADDRESS_CONNECTIONS, ADDRESS_FAILURES};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::{Network, PerAddress};

pub(super) const PER_ADDRESS: TableSchema = TableSchema {
    name: "`per_address`",
    keys: &["connections", "requests", "failures"],
    unsupported: &[],
    instead: &[],
};

/// The limits in the table, and the defaults. Warns of a limit that would count all senders as one
/// address.
pub(crate) fn per_address(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    listen: SocketAddr,
    trusted_proxies: &[Network],
) -> PerAddress {
    let fields = Fields::section(cx, node, &PER_ADDRESS);
    if let Some(node) = fields.get("connections")
        && !trusted_proxies.is_empty()
    {
        let message = "`per_address.connections` limits each proxy of `trusted_proxies`, and not \
                       the senders behind it: limit their connections in the proxy";
        cx.diagnostics.warn(&node.span, message.to_owned());
    }
    let limit = fields.get("requests").or(fields.get("connections"));
    if let Some(node) = limit
        && trusted_proxies.is_empty()
        && listen.ip().to_canonical().is_loopback()
    {
        let message = "`listen` is a loopback address, so all senders have the address of the proxy \
                       on this machine, and `per_address` limits them together: name the proxy in \
                       `trusted_proxies`";
        cx.diagnostics.warn(&node.span, message.to_owned());
    }
    PerAddress {
        connections: fields
            .get("connections")
            .is_some()
            .then(|| fields.count(cx, "connections", &ADDRESS_CONNECTIONS)),
        requests: fields.rate(cx, "requests"),
        failures: fields.rate(cx, "failures").or(Some(ADDRESS_FAILURES)),
    }
}
