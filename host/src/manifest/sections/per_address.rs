//! `per_address = { connections, requests, failures }` of `[server]`: the limits of each address.

use crate::manifest::defaults::{ADDRESS_CONNECTIONS, ADDRESS_FAILURES};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::PerAddress;

const PER_ADDRESS: TableSchema = TableSchema {
    name: "`per_address`",
    keys: &["connections", "requests", "failures"],
    unsupported: &[],
    instead: &[],
};

/// The limits in the table, and the defaults.
pub(crate) fn per_address(cx: &mut Context<'_>, node: Option<&Node>) -> PerAddress {
    let fields = Fields::section(cx, node, &PER_ADDRESS);
    PerAddress {
        connections: fields
            .get("connections")
            .is_some()
            .then(|| fields.count(cx, "connections", &ADDRESS_CONNECTIONS)),
        requests: fields.rate(cx, "requests"),
        failures: fields.rate(cx, "failures").or(Some(ADDRESS_FAILURES)),
    }
}
