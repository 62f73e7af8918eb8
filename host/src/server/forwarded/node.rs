//! One hop of a request's way, and the text that names it.

use std::net::{IpAddr, Ipv6Addr};

/// A hop: where a proxy received the request from, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) node: Node,
    /// Whether the request came to the proxy by HTTPS, if the hop tells it.
    pub(super) https: Option<bool>,
}

impl Hop {
    /// A hop that cannot be read.
    pub(super) const UNREADABLE: Self = Self {
        node: Node::Unreadable,
        https: None,
    };
}

/// The name of a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    /// An address. An IPv4 address that is written as IPv6 is an IPv4 address.
    Address(IpAddr),
    /// `unknown`, or a name that a proxy made up (`_name`).
    Hidden,
    /// Not a name of a hop.
    Unreadable,
}

/// The node in an item of `X-Forwarded-For`. The header has no standard: proxies write addresses of
/// IPv6 with and without brackets, and some add ports.
pub(super) fn listed_node(item: &str) -> Node {
    let item = item.trim_matches([' ', '\t']);
    match item.parse::<Ipv6Addr>() {
        Ok(address) => Node::Address(IpAddr::V6(address).to_canonical()),
        Err(_) => node(item),
    }
}

/// The node of RFC 7239, section 6: an address of IPv4, an address of IPv6 in brackets, `unknown`,
/// or a name that begins with `_`. A port may follow.
pub(super) fn node(text: &str) -> Node {
    match name_of(text) {
        Some(name) if name.eq_ignore_ascii_case("unknown") || name.starts_with('_') => Node::Hidden,
        Some(name) => match address(name) {
            Some(address) => Node::Address(address.to_canonical()),
            None => Node::Unreadable,
        },
        None => Node::Unreadable,
    }
}

/// The text without its port; `None` if what follows the name is no port.
fn name_of(text: &str) -> Option<&str> {
    let end = match text.find(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, port) = text.split_at(end);
    match port.strip_prefix(':') {
        None => port.is_empty().then_some(name),
        Some(port) => is_port(port).then_some(name),
    }
}

fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            !name.is_empty() && name.bytes().all(allowed)
        }
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn address(name: &str) -> Option<IpAddr> {
    let bracketed = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match bracketed {
        Some(address) => address.parse().ok().map(IpAddr::V6),
        None => name.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(node: Node) -> String {
        match node {
            Node::Address(address) => address.to_string(),
            Node::Hidden => "hidden".to_owned(),
            Node::Unreadable => "unreadable".to_owned(),
        }
    }

    #[test]
    fn nodes_are_read_as_their_standard_says() {
        for (text, expected) in [
            ("192.0.2.43", "192.0.2.43"),
            ("192.0.2.43:47011", "192.0.2.43"),
            ("192.0.2.43:_port", "192.0.2.43"),
            ("[2001:db8:cafe::17]", "2001:db8:cafe::17"),
            ("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17"),
            ("[::ffff:192.0.2.43]", "192.0.2.43"),
            ("Unknown", "hidden"),
            ("unknown:80", "hidden"),
            ("_SEVKISEK", "hidden"),
            ("2001:db8:cafe::17", "unreadable"),
            ("[192.0.2.43]", "unreadable"),
            ("[2001:db8::17", "unreadable"),
            ("2001:db8::17]", "unreadable"),
            ("[fe80::1%eth0]", "unreadable"),
            ("192.0.2.43:", "unreadable"),
            ("192.0.2.43:123456", "unreadable"),
            ("192.0.2.43:8o", "unreadable"),
            ("192.0.2.043", "unreadable"),
            ("example.com", "unreadable"),
            ("", "unreadable"),
        ] {
            assert_eq!(shown(node(text)), expected, "{text}");
        }
        for (text, expected) in [
            (" 2001:db8:cafe::17\t", "2001:db8:cafe::17"),
            ("::ffff:192.0.2.43", "192.0.2.43"),
            ("[2001:db8::17]:80", "2001:db8::17"),
            ("192.0.2.43 192.0.2.44", "unreadable"),
        ] {
            assert_eq!(shown(listed_node(text)), expected, "{text}");
        }
    }
}
