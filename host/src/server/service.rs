//! A service: answers the requests of a listener.

use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};

use super::budget::Share;
use super::idle::InFlight;
use super::refusal::Refusal;
use super::secured::Secured;

/// A request as it comes from a connection.
pub type Request = hyper::Request<Incoming>;

/// The response to a request. By default its body is whole: only the admin service streams.
pub type Response<B = Full<Bytes>> = hyper::Response<B>;

/// The peer that sent a request, and what is held for the request.
#[derive(Debug)]
pub struct Caller {
    /// The address of the peer.
    pub address: SocketAddr,
    /// What TLS found out about the peer; `None` if the request came without TLS.
    pub secured: Option<Secured>,
    /// Covers the head and the stream of the request. The body is added as it arrives.
    pub(super) share: Share,
    /// Lets the request count as under way. A service that streams its response keeps this as long
    /// as the stream: the connection would count as idle otherwise.
    pub(super) in_flight: InFlight,
}

/// Answers the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// The bodies of the responses: [`Full`] where every body is whole, which costs nothing.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>>
        + From<Bytes>
        + Send
        + 'static;

    /// Answers one request. The future is dropped if the peer goes away.
    fn call(
        &self,
        caller: Caller,
        request: Request,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Notes that the listener refused a request of a peer, or ended a connection.
    fn refused(&self, peer: SocketAddr, refusal: Refusal);
}
