//! Limits on the connections of a listener.

use std::time::Duration;

use crate::settings::Strict;

/// The memory of the admin service's peers: 4096 connections, and bodies of API calls.
const ADMIN_MEMORY: usize = 128 * 1024 * 1024;

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
    /// The most open connections of one address (IPv6: of one /64); `None` is no limit.
    pub connections_per_address: Option<usize>,
    /// The bytes that are held for all peers together: connections, heads, streams and bodies.
    pub memory: usize,
    /// The odd heads of HTTP/1.1 that are refused.
    pub strict: Strict,
}

impl Limits {
    /// The limits of the admin service. Operators are few, and may share an address.
    pub fn of_admin(server: &crate::settings::Server) -> Self {
        Self {
            connections_per_address: None,
            memory: ADMIN_MEMORY,
            strict: Strict::at(server.admin.ip()),
            ..Self::of_ingress(server)
        }
    }

    /// The limits of the listener that sends plain HTTP to HTTPS. Strangers reach it as well, and
    /// its requests have no bodies to keep.
    pub fn of_redirect(server: &crate::settings::Server) -> Self {
        Self {
            memory: ADMIN_MEMORY,
            ..Self::of_ingress(server)
        }
    }

    /// The limits of the listener that providers post to.
    pub fn of_ingress(server: &crate::settings::Server) -> Self {
        Self {
            connections: server.connections,
            header_timeout: server.header_timeout,
            idle_timeout: server.idle_timeout,
            shutdown_timeout: server.shutdown_timeout,
            connections_per_address: server.per_address.connections,
            memory: server.memory,
            strict: server.strict,
        }
    }
}
