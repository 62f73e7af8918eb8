//! Networks of addresses in CIDR form.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network in CIDR form: an address and the number of leading bits that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address of the network.
    pub address: std::net::IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

/// The reason why a text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The part before the slash is no IP address. Without a slash, the whole text is none.
    #[error("is not an IP address or a network such as 10.0.0.0/8")]
    Address,
    /// The part after the slash is not a number that fits the address.
    #[error("has a prefix that is not between 0 and {most}")]
    Prefix {
        /// 32 or 128.
        most: u8,
    },
}

impl Network {
    /// The network that contains only this address.
    pub fn single(address: IpAddr) -> Self {
        Self {
            address,
            prefix: bits(address),
        }
    }

    /// Whether the address is in this network. An IPv4 address and the same address mapped into
    /// IPv6 (`::ffff:10.0.0.1`) are equal, in the network and in `address`.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (network, prefix) = self.canonical();
        match (network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same(
                network.to_bits().into(),
                address.to_bits().into(),
                32,
                prefix,
            ),
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same(network.to_bits(), address.to_bits(), 128, prefix)
            }
            _ => false,
        }
    }

    /// A network of IPv4-mapped addresses as an IPv4 network. A network that is wider than the
    /// mapped range does not change.
    fn canonical(&self) -> (IpAddr, u8) {
        match (self.address, self.address.to_canonical()) {
            (IpAddr::V6(_), mapped @ IpAddr::V4(_)) if self.prefix >= 96 => {
                (mapped, self.prefix - 96)
            }
            (address, _) => (address, self.prefix),
        }
    }
}

/// Whether the first `prefix` of `width` bits are equal.
fn same(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let rest = width.saturating_sub(prefix.into());
    a.checked_shr(rest) == b.checked_shr(rest)
}

fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// Reads `10.0.0.0/8`, `fd00::/8`, or an address without a prefix.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let most = bits(address);
        let prefix = match prefix {
            None => most,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= most && digits.bytes().all(|b| b.is_ascii_digit()))
                .ok_or(NetworkError::Prefix { most })?,
        };
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "11.1.1.1", false),
            ("::/0", "2001:db8::1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::1", "::1", true),
            ("::1/128", "::2", false),
        ] {
            let network: Network = network.parse().expect(network);
            let address: IpAddr = address.parse().expect(address);
            assert_eq!(network.contains(address), inside, "{network} and {address}");
        }
    }

    #[test]
    fn other_networks_are_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "::/129",
            "10.0.0",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
