//! The answer that a provider expects.

use bytes::Bytes;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// The events of the request are durable.
    Accepted,
    /// The events of the request were recorded before.
    Duplicate,
    /// The request was refused.
    Rejected,
}

/// An answer to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: http::StatusCode,
    /// The type of the body. `None` if there is no body.
    pub content_type: Option<String>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer without a body.
    pub(super) fn empty(status: http::StatusCode) -> Self {
        Self {
            status,
            content_type: None,
            body: Bytes::new(),
        }
    }

    /// An answer of plain text.
    pub(super) fn text(status: http::StatusCode, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type: Some("text/plain".to_owned()),
            body: body.into(),
        }
    }
}
