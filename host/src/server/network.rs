//! Networks: the addresses that one stranger can easily have together.

use std::net::IpAddr;

/// One address of IPv4, or 64 bits of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network(u64);

impl Network {
    /// The network of an address. An IPv4 address that is written as IPv6 counts as IPv4.
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}
