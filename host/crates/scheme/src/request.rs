//! What a scheme sees of a request.

use bytes::Bytes;

/// What a scheme sees of a request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// Its target as received: path and query, or an absolute URL.
    pub url: &'a str,
    /// Its headers, as received.
    pub headers: &'a http::HeaderMap,
    /// Its body, as received.
    pub body: &'a Bytes,
}
