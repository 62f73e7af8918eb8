//! Responses of plain text and of JSON.

use std::ops::RangeInclusive;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::service::Response;

/// A response of plain text, or without a body.
pub(super) fn text<B: From<Bytes>>(status: StatusCode, body: impl Into<Bytes>) -> Response<B> {
    let body = body.into();
    let is_empty = body.is_empty();
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    if !is_empty {
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
    }
    response
}

/// The response to a request that cannot be served now.
pub(super) fn try_later<B: From<Bytes>>() -> Response<B> {
    try_after(StatusCode::SERVICE_UNAVAILABLE, 1..=5)
}

/// The same, with a status, and a random time to wait within these seconds.
pub(super) fn try_after<B: From<Bytes>>(
    status: StatusCode,
    seconds: RangeInclusive<u32>,
) -> Response<B> {
    let mut response = text(status, "try again later\n");
    // Random, so that not all senders return in the same second.
    let seconds = HeaderValue::from(fastrand::u32(seconds));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// A response of JSON.
pub(super) fn json<B: From<Bytes>>(status: StatusCode, value: &Value) -> Response<B> {
    let mut body = value.to_string();
    body.push('\n');
    let mut response = Response::new(Bytes::from(body).into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
