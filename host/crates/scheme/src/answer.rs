//! What a provider wants to read back.

use bytes::Bytes;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerTo {
    /// Its events are durable.
    Accepted,
    /// They had been recorded before.
    Duplicate,
    /// It was refused.
    Rejected,
}

/// An answer to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: http::StatusCode,
    /// The body's type; `None` where there is no body.
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
