//! Limits on the connections of a listener.

use std::time::Duration;

/// Limits on the connections of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most open connections. Further connections wait in the backlog of the system.
    pub connections: usize,
    /// How long a peer may take from the connect, or from the last response, to the end of the
    /// next request's headers. Bounds idle keep-alive of HTTP/1.1 too.
    pub header_timeout: Duration,
    /// How long a connection may stay open while no request begins, is under way or ends. Closes
    /// idle HTTP/2 connections, and peers that do not read their responses. The close comes after
    /// at most twice this time.
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
            // Longer than the 60 s for which proxies commonly keep idle connections to a
            // server. So the proxy closes first and loses no request.
            idle_timeout: Duration::from_secs(75).max(server.header_timeout),
            shutdown_timeout: server.shutdown_timeout,
        }
    }
}
