//! Limits on the connections of a listener.

use std::time::Duration;

/// Limits on the connections of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most open connections. Further connections wait in the backlog of the system.
    pub connections: usize,
    /// How long a peer may take from the connect to the first byte, and from the first byte of a
    /// request to the end of its headers (HTTP/1.1).
    pub header_timeout: Duration,
    /// How long a connection may stay open while no request begins, is under way or ends. Closes
    /// idle connections, and peers that do not read their responses. An HTTP/1.1 connection is
    /// closed after this time, an HTTP/2 connection after at most twice this time.
    pub idle_timeout: Duration,
    /// How long the requests under way may take to end once the listener shuts down.
    pub shutdown_timeout: Duration,
}

impl Limits {
    /// The limits of the manifest's `[server]`.
    pub fn new(server: &crate::settings::Server) -> Self {
        Self {
            connections: server.connections,
            header_timeout: server.header_timeout,
            idle_timeout: server.idle_timeout,
            shutdown_timeout: server.shutdown_timeout,
        }
    }
}
