//! Lists of networks, such as `trusted_proxies`.

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
