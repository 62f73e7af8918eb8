//! `[outbox]`: the limits for requests in all, and for requests to each host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_base::rate::Rate;

use super::retry::RetryPolicy;

/// `[outbox]`
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxSettings {
    /// `concurrency`: how many requests are under way at the same time, at most. Default 64.
    pub concurrency: usize,
    /// `timeout` of one try, from the begin of the connection to the end of the answer. Default
    /// 30 s.
    pub timeout: Duration,
    /// `per_host` and `hosts`: the limits for requests to each host.
    pub hosts: Arc<HostLimits>,
    /// `retry`. Default: 16 attempts, first 1 s, factor 2, max 1 h, jitter 0.2.
    pub retry: RetryPolicy,
}

/// The limits for requests to each host. A limit counts the requests of all handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// `per_host`: the limit for each host and port without a limit in `named`. Default: half of
    /// the outbox's concurrency, and any rate.
    pub default: HostLimit,
    /// The limits of `hosts."HOST"` (for every port) and `hosts."HOST:PORT"`. Names are in lower
    /// case. An IPv6 address is in brackets. A key that such a table does not set has the value of
    /// `per_host`.
    pub named: BTreeMap<String, HostLimit>,
}

/// The limit for requests to one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimit {
    /// `concurrency`: how many requests are under way at the same time, at most.
    pub concurrency: usize,
    /// `rate`: how many tries may start in a time, such as `50/s`.
    pub rate: Option<Rate>,
}

impl fmt::Display for HostLimit {
    /// `4 at once, 50/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at once", self.concurrency)?;
        match self.rate {
            Some(rate) => write!(f, ", {rate}"),
            None => Ok(()),
        }
    }
}

impl HostLimits {
    /// The same limit for every host.
    pub fn all(default: HostLimit) -> Self {
        Self {
            default,
            named: BTreeMap::new(),
        }
    }

    /// The limit for a host with its port (`api.example.com:443`), and the name under which its
    /// requests count. The name is the host with its port, or the host alone if the manifest names
    /// the host without a port.
    pub fn of<'a>(&'a self, host: &'a str) -> (&'a str, &'a HostLimit) {
        [host, without_port(host)]
            .into_iter()
            .find_map(|name| Some((name, self.named.get(name)?)))
            .unwrap_or((host, &self.default))
    }
}

/// The host without its port. An IPv6 address is in brackets.
pub(crate) fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    }
}
