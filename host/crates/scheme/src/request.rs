//! A request as a scheme sees it.

use bytes::Bytes;

/// A request as a scheme sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// The target as received: path and query, or an absolute URL.
    pub url: &'a str,
    /// The headers as received.
    pub headers: &'a http::HeaderMap,
    /// The body as received.
    pub body: &'a Bytes,
}
