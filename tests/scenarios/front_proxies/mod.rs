//! The real proxies in front of a gateway: what they do to webhooks by default, and the
//! configurations of examples/front-proxies.

mod examples;
mod facts;

use std::net::SocketAddr;

use crate::harness::{Answer, Connection, FrontProxy};

/// Sends bytes on a new connection to a proxy and reads one answer.
#[track_caller]
fn exchange(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut connection = Connection::open(address).unwrap();
    connection.write(bytes).unwrap();
    connection.answer().unwrap()
}

impl FrontProxy {
    /// Posts a body with these header lines. Returns the status.
    #[track_caller]
    fn posts(&self, target: &str, headers: &str, body: &[u8]) -> u16 {
        exchange(self.address, &post(target, headers, body)).status
    }
}

/// The bytes of a POST with these header lines.
fn post(target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: hooks.example.com\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    [head.as_bytes(), body].concat()
}
