//! A service: answers the requests of a listener.

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;

/// A request as it comes from a connection.
pub type Request = hyper::Request<Incoming>;

/// The response to a request. Its body is whole, so no response needs a boxed stream.
pub type Response = hyper::Response<Full<Bytes>>;

/// Answers the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// Answers one request of `peer`. The future is dropped if the peer goes away.
    fn call(&self, peer: SocketAddr, request: Request) -> impl Future<Output = Response> + Send;
}
