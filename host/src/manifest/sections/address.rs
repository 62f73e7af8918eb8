//! Addresses that a listener binds.

use std::net::SocketAddr;

use crate::manifest::table::{Context, Fields};
use crate::manifest::text::tree::Span;

/// A socket address, with its place unless it is the default.
pub(super) fn address(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    key: &str,
    default: &str,
) -> (SocketAddr, Option<Span>) {
    let fallback = default.parse().expect("the default is an address");
    let Some((text, node)) = fields.substituted(cx, key) else {
        return (fallback, None);
    };
    match text.parse() {
        Ok(address) => (address, Some(node.span.clone())),
        Err(_) => {
            let message = format!("`{key}` is not an IP address with a port");
            let help = format!("write an address such as \"{default}\" or \"[::1]:8080\"");
            cx.diagnostics.wrong_value(&node.span, message, help);
            (fallback, None)
        }
    }
}
