//! `strict`: which odd requests are refused.

use std::net::IpAddr;

/// `strict`: which odd requests are refused. Each of them is read differently by different servers,
/// so a proxy in front can be led to see other requests than the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strict {
    /// `length_and_encoding`: a request with `Content-Length` and `Transfer-Encoding`.
    pub length_and_encoding: bool,
    /// `other_encoding`: a `Transfer-Encoding` that is not exactly `chunked`.
    pub other_encoding: bool,
    /// `bare_lf`: a line of the head that ends without CR.
    pub bare_lf: bool,
    /// `host`: no `Host`, several, or one that names no host.
    pub host: bool,
    /// `other_host`: a target that names another host than `Host` does.
    pub other_host: bool,
}

impl Strict {
    /// Every rule holds.
    pub const ON: Self = Self::all(true);
    /// No rule holds.
    pub const OFF: Self = Self::all(false);

    const fn all(on: bool) -> Self {
        Self {
            length_and_encoding: on,
            other_encoding: on,
            bare_lf: on,
            host: on,
            other_host: on,
        }
    }

    /// The default for a listener at this address: no rule holds on loopback, every rule beyond.
    pub fn at(address: IpAddr) -> Self {
        Self::all(!address.to_canonical().is_loopback())
    }

    /// Whether a rule holds about the bytes of a head.
    pub fn reads_heads(self) -> bool {
        self.length_and_encoding || self.other_encoding || self.bare_lf
    }
}
