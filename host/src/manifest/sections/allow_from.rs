//! `allow_from` of a source: networks, and `"provider"` for the list that the provider publishes.

use tollgate_scheme::{PublishedAddresses, published_addresses, schemes_with_addresses};

use super::networks::network;
use crate::manifest::table::{Context, Fields, expected, listed};
use crate::manifest::text::tree::{Node, Value};
use crate::settings::{AllowFrom, Network};

/// The word for the provider's list.
const PROVIDER: &str = "provider";

/// The scheme of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SchemeName<'a> {
    /// The scheme has a mistake.
    Unknown,
    /// A scheme of `[schemes.NAME]`.
    Own,
    /// A built-in scheme.
    BuiltIn(&'a str),
}

/// The addresses that may post to a source; `None` without the key.
pub(crate) fn allow_from(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    scheme: SchemeName<'_>,
) -> Option<AllowFrom> {
    const HELP: &str = "write allow_from = [\"203.0.113.0/24\"], or allow_from = \"provider\"";
    let node = fields.get("allow_from")?;
    cx.diagnostics.allow_quote(node);
    let items = match &node.value {
        Value::String(_) => std::slice::from_ref(node),
        Value::Array(items) => items,
        _ => {
            expected(cx, node, "`allow_from`", "an array", HELP);
            return None;
        }
    };
    if items.is_empty() {
        let message = "`allow_from` has no address, so the source accepts no request";
        cx.diagnostics.wrong_value(&node.span, message, HELP);
    }
    let mut allowed = AllowFrom::default();
    for item in items {
        match &item.value {
            Value::String(text) if text == PROVIDER => {
                allowed.published = provider(cx, item, scheme);
            }
            _ => allowed.networks.extend(network(cx, item)),
        }
    }
    let published = allowed.published.iter().flat_map(|list| &list.networks);
    let published = published.map(|text| text.parse::<Network>().expect("a test reads every list"));
    allowed.networks.extend(published);
    Some(allowed)
}

/// The list of the scheme's provider.
fn provider(
    cx: &mut Context<'_>,
    node: &Node,
    scheme: SchemeName<'_>,
) -> Option<&'static PublishedAddresses> {
    let message = match scheme {
        SchemeName::Unknown => return None,
        SchemeName::Own => "an own scheme has no list of addresses".to_owned(),
        SchemeName::BuiltIn(scheme) => match published_addresses(scheme) {
            Some(list) => return Some(list),
            None => format!("there is no list of the addresses of `{scheme}`"),
        },
    };
    let known: Vec<_> = schemes_with_addresses().collect();
    let help = format!(
        "write the addresses themselves; these schemes have a list: {}",
        listed(&known)
    );
    cx.diagnostics.wrong_value(&node.span, message, help);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_of_a_list_is_one() {
        for scheme in schemes_with_addresses() {
            let list = published_addresses(scheme).expect("a list");
            for text in &list.networks {
                let network: Network = text.parse().expect(text);
                assert!(network.prefix >= 16, "{scheme}: {text}");
            }
        }
    }
}
