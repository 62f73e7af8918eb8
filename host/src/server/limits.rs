//! What a listener's connections may take.

use std::time::Duration;

/// Limits on the connections of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once; further ones wait in the system's backlog.
    pub connections: usize,
    /// How long a peer may take from connecting, or from the last answer, to the end
    /// of the next request's headers. Bounds idle keep-alive of HTTP/1.1 too.
    pub header_timeout: Duration,
    /// A connection on which no request began, was under way or ended for this long is
    /// closed, whatever it does otherwise: idle HTTP/2, and peers that do not read
    /// their answers. Noticed after at most twice as long.
    pub idle_timeout: Duration,
    /// How long work in flight may take to end once the listener shuts down.
    pub shutdown_timeout: Duration,
}

impl Limits {
    /// The limits that the manifest's `[server]` sets.
    pub fn new(server: &crate::settings::Server) -> Self {
        Self {
            connections: server.connections,
            header_timeout: server.header_timeout,
            // Longer than the 60 s for which proxies commonly keep connections to
            // what is behind them, so that they close first and lose no request.
            idle_timeout: Duration::from_secs(75).max(server.header_timeout),
            shutdown_timeout: server.shutdown_timeout,
        }
    }
}
