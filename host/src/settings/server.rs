//! `[server]`: the listeners, their limits, and how much may wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_base::rate::Rate;

use super::network::Network;
use super::strict::Strict;

/// `[server]`: the listeners and their limits. A change of an address needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `listen`: the address that providers post to. Default 0.0.0.0:8080.
    pub listen: SocketAddr,
    /// `admin`: the address of health, status and the admin API. Default 127.0.0.1:8081. An address
    /// that is not loopback needs a token.
    pub admin: SocketAddr,
    /// `body_limit` in bytes. Default 1 MiB. A source may set another limit.
    pub body_limit: usize,
    /// `header_timeout`: the longest time from the connect to the first byte, and from the first
    /// byte of a request to the end of its headers. Default 10 s.
    pub header_timeout: Duration,
    /// `body_timeout`: the longest time from the end of the headers to the end of the body. Default
    /// 20 s.
    pub body_timeout: Duration,
    /// `idle_timeout`: how long a connection is kept open without a request. Default 75 s.
    pub idle_timeout: Duration,
    /// `connections`: how many connections may be open at the same time. Default 4096.
    pub connections: usize,
    /// `shutdown_timeout`: how long a shutdown waits for work in flight. Default 25 s.
    pub shutdown_timeout: Duration,
    /// `memory`: the bytes that are held for all peers of `listen` together before their events are
    /// recorded. Default 256 MiB.
    pub memory: usize,
    /// `per_address`: the limits of each address.
    pub per_address: PerAddress,
    /// `trusted_proxies`: the proxies whose headers name the sender of a request. Default: none.
    pub trusted_proxies: Arc<[Network]>,
    /// `require_https`: whether requests that came by plain HTTP are refused. Default false.
    pub require_https: bool,
    /// `redirect`: a listener that sends plain HTTP to HTTPS. Default: none.
    pub redirect: Option<Redirect>,
    /// `strict`: which odd requests are refused at `listen`. Default: all beyond loopback.
    pub strict: Strict,
    /// `proxy_protocol`: whether each connection begins with a header of the PROXY protocol.
    /// Default false.
    pub proxy_protocol: bool,
}

/// `redirect` of `[server]`: a listener that sends plain HTTP to HTTPS, and answers HTTP-01.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `listen`: its address.
    pub listen: SocketAddr,
    /// `port`: the port of HTTPS as peers see it. Default: that of the ingress.
    pub port: Option<u16>,
}

/// The limits of each address of a peer: one address of IPv4, 64 bits of IPv6. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerAddress {
    /// `connections`: how many connections may be open at the same time. Default: no limit.
    pub connections: Option<usize>,
    /// `requests`: how many requests may come. Default: no limit.
    pub requests: Option<Rate>,
    /// `failures`: how many requests may come whose signature does not hold, from an address from
    /// which no event was accepted. Default 100 a second.
    pub failures: Option<Rate>,
}

/// How much may wait before the gateway counts as overloaded. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BacklogLimits {
    /// `deliveries`: how many deliveries may wait for their next run.
    pub deliveries: Option<u64>,
    /// `requests`: how many requests may wait in the outbox.
    pub requests: Option<u64>,
    /// `age`: how long a delivery may be due. Deliveries of paused handlers do not count.
    pub age: Option<Duration>,
    /// `refuse`: whether an overloaded gateway refuses events (503) until clearly less waits.
    /// Default false.
    pub refuse: bool,
}
