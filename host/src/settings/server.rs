//! `[server]`: the listeners, their limits, and how much may wait.

use std::net::SocketAddr;
use std::time::Duration;

/// `[server]`: the listeners and their limits. Changing addresses needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `listen`: where providers post to. Default 0.0.0.0:8080.
    pub listen: SocketAddr,
    /// `admin`: health, status and the admin API. Default 127.0.0.1:8081; any other than
    /// a loopback address needs `admin_token`.
    pub admin: SocketAddr,
    /// `body_limit` in bytes; default 1 MiB. A source may set its own.
    pub body_limit: usize,
    /// `header_timeout`: from the connection's (or last answer's) end to the end of the headers. Default 10 s.
    pub header_timeout: Duration,
    /// `body_timeout`: from the end of the headers to the end of the body. Default 20 s.
    pub body_timeout: Duration,
    /// `connections`: how many may be open at once. Default 4096.
    pub connections: usize,
    /// `shutdown_timeout`: how long work in flight may take to end. Default 25 s.
    pub shutdown_timeout: Duration,
}

/// How much may wait before it is too much. What is not set has no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BacklogLimits {
    /// `deliveries` that are to be run, or run again.
    pub deliveries: Option<u64>,
    /// `requests` that wait in the outbox.
    pub requests: Option<u64>,
    /// `age`: how long a delivery may have been due, of a handler that is not paused.
    pub age: Option<Duration>,
    /// `refuse`: whether events are then refused (503) until it is clearly less. Default false.
    pub refuse: bool,
}
