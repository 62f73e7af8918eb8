//! The gateway's two listening sides: ingress, where providers post to, and admin.
//!
//! [`serve`] runs any [`Service`] on a bound listener and owns all that is about
//! connections: caps, timeouts, HTTP/1.1 and HTTP/2, the graceful end. The services
//! own all that is about requests.

mod access;
mod admin;
mod api;
mod body;
mod idle;
mod ingress;
mod limits;
mod listener;
mod rejections;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;

pub use admin::{Admin, Readiness, Status};
pub use api::{Api, ApiAnswer, ApiRequest};
pub use ingress::{Gateway, Ingress};
pub use limits::Limits;
pub use listener::serve;
pub use rejections::{Rejected, Rejections};

/// A request as it comes from a connection.
pub type Request = hyper::Request<Incoming>;

/// An answer; its body is whole, so no answer costs a boxed stream.
pub type Response = hyper::Response<Full<Bytes>>;

/// What answers the requests of a listener.
pub trait Service: Send + Sync + 'static {
    /// Answers one request of `peer`. Dropped when the peer goes away meanwhile.
    fn call(&self, peer: SocketAddr, request: Request) -> impl Future<Output = Response> + Send;
}

/// An answer of plain text, or of nothing.
fn text(status: http::StatusCode, body: &'static str) -> Response {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    if !body.is_empty() {
        response.headers_mut().insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/plain; charset=utf-8"),
        );
    }
    response
}
