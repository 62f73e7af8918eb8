//! `[outbox]`: the limits on requests, and the limits of each receiver.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tollgate_base::rate::Rate;

use super::retry::RetryPolicy;

/// `[outbox]`
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxSettings {
    /// `concurrency`: requests under way at once. Default 64.
    pub concurrency: usize,
    /// `timeout` of one try, from connecting to the end of the answer. Default 30 s.
    pub timeout: Duration,
    /// `per_host` and `hosts`: what receivers bear.
    pub hosts: Arc<HostLimits>,
    /// `retry` policy. Default 16 attempts, first 1 s, factor 2, max 1 h, jitter 0.2.
    pub retry: RetryPolicy,
}

/// What receivers bear, of all handlers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// `per_host`: of each host and port that is not named. Default: half of the outbox's
    /// concurrency, any rate.
    pub default: HostLimit,
    /// `hosts."HOST"` (whatever its port) and `hosts."HOST:PORT"`, in lower case, an IPv6
    /// address in brackets. What such a table does not set is as `per_host` has it.
    pub named: BTreeMap<String, HostLimit>,
}

/// What one host bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimit {
    /// `concurrency`: requests under way at once.
    pub concurrency: usize,
    /// `rate`: tries that may start in a time, such as `50/s`.
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

    /// The limits of a host with its port (`api.example.com:443`), and the name under which
    /// its requests count: its own or, where the manifest names the host without a port, that.
    pub fn of<'a>(&'a self, host: &'a str) -> (&'a str, &'a HostLimit) {
        [host, without_port(host)]
            .into_iter()
            .find_map(|name| Some((name, self.named.get(name)?)))
            .unwrap_or((host, &self.default))
    }
}

/// The host of a host and a port. (An IPv6 address stands in brackets.)
pub(crate) fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    }
}
