//! A service: answers the requests of a listener.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;

use super::budget::Share;
use super::refusal::Refusal;
use super::secured::Secured;

/// A request as it comes from a connection.
pub type Request = hyper::Request<Incoming>;

/// The response to a request. Its body is whole, so no response needs a boxed stream.
pub type Response = hyper::Response<Full<Bytes>>;

/// The peer that sent a request, and the memory that is held for the request.
#[derive(Debug)]
pub struct Caller {
    /// The address of the peer.
    pub address: SocketAddr,
    /// What TLS found out about the peer; `None` if the request came without TLS.
    pub secured: Option<Secured>,
    /// Covers the head and the stream of the request. The body is added as it arrives.
    pub(super) share: Share,
}

/// Answers the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. The future is dropped if the peer goes away.
    fn call(&self, caller: Caller, request: Request) -> impl Future<Output = Response> + Send;

    /// Notes that the listener refused a request of a peer, or ended a connection.
    fn refused(&self, peer: SocketAddr, refusal: Refusal);
}
