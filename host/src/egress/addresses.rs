//! Destinations: the addresses that a request to an origin may be sent to.
//!
//! A handler names hosts, and DNS maps a host to addresses. The owner of a name can point the
//! name at an address inside the network. So the resolved address decides: it must be public,
//! or the manifest must list it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::settings::{Allow, Network};
use tollgate_base::origin::Origin;

/// An origin with the networks in which its address may lie.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub(crate) origin: Origin,
    /// The networks that are admitted beside the public addresses, as (address, prefix).
    networks: Vec<(IpAddr, u8)>,
}

impl Destination {
    /// The destination that an `allow` entry describes.
    pub(crate) fn new(allow: &Allow) -> Self {
        Self {
            origin: allow.origin.clone(),
            networks: allow
                .addresses
                .iter()
                .map(|network| (network.address, network.prefix))
                .collect(),
        }
    }

    /// Whether a request to the origin may be sent to this address.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        is_public(address)
            || self.origin.address() == Some(address)
            || self.networks.iter().any(|&(network, prefix)| {
                Network {
                    address: network,
                    prefix,
                }
                .contains(address)
            })
    }
}

/// Whether the address belongs to the public internet, by the IANA special-purpose address
/// registries (RFC 6890 and its updates). An address in doubt is not public.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network; private; loopback; link-local, cloud metadata among it.
        [0 | 10 | 127, ..] | [169, 254, ..] | [192, 168, ..] => true,
        // Shared by carriers (CGNAT); private; benchmarking.
        [100, second, ..] => second & 0b1100_0000 == 64,
        [172, second, ..] => second & 0b1111_0000 == 16,
        [198, second, ..] if second & 0b1111_1110 == 18 => true,
        // Protocol assignments; documentation; 6to4 relays.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => true,
        // Multicast, reserved, broadcast.
        [first, ..] => first >= 224,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    match segments {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the embedded IPv4 address.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(embedded(high, low)),
        [0x2002, high, low, ..] => is_public_v4(embedded(high, low)),
        // Protocol assignments (Teredo among them); documentation, old and new.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        // The global unicast range. Loopback, unique-local, link-local, multicast,
        // translation and discard prefixes lie outside this range.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(origin: &str, networks: &[&str]) -> Destination {
        Destination::new(&Allow {
            origin: Origin::parse(origin).unwrap(),
            addresses: networks.iter().map(|text| text.parse().unwrap()).collect(),
            headers: vec![],
            immediate: false,
        })
    }

    #[test]
    fn only_public_addresses_are_admitted_unasked() {
        let anywhere = destination("https://example.com", &[]);
        let public = "1.1.1.1 100.63.0.1 100.128.0.1 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 \
            198.20.0.1 223.255.255.1 2606:4700::1111 ::ffff:1.1.1.1 64:ff9b::101:101 \
            2002:101:101::1 2001:4860:4860::8888 3fff:1000::1";
        let special = "0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.1 \
            169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 \
            192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 \
            240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 \
            ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 \
            2001:10::1 2001:db8::1 2002:7f00:1::1 2002:a00:1::1 3fff::1 5f00::1 fc00::1 \
            fd00:ec2::254 fe80::1 fec0::1 ff02::1";
        for text in public.split(' ') {
            assert!(anywhere.admits(text.parse().unwrap()), "{text}");
        }
        for text in special.split(' ') {
            assert!(!anywhere.admits(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn the_manifest_may_list_others() {
        let listed = destination("https://crm.internal", &["10.1.0.0/16", "fd00::/8"]);
        for (text, admitted) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.2.0.1", false),
            ("fd12::1", true),
            ("127.0.0.1", false),
        ] {
            assert_eq!(listed.admits(text.parse().unwrap()), admitted, "{text}");
        }
        let literal = destination("http://127.0.0.1:8080", &[]);
        assert!(literal.admits("127.0.0.1".parse().unwrap()));
        assert!(!literal.admits("127.0.0.2".parse().unwrap()));
    }
}
