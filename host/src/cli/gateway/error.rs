//! Why a call of the admin API has no result.

use std::time::Duration;

use serde_json::Value;

/// The reason why a call has no result.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ClientError {
    /// Nothing listens at the address.
    #[error("no gateway answers at {address}")]
    Unreachable {
        address: String,
        #[source]
        source: std::io::Error,
    },
    /// The answer is not an answer of a gateway.
    #[error("the answer of {address} cannot be read")]
    InvalidAnswer {
        address: String,
        #[source]
        source: AnswerError,
    },
    /// The gateway refuses the call.
    #[error("the gateway answers {status}: {message}")]
    Refused { status: u16, message: String },
}

/// The reason why an answer cannot be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum AnswerError {
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The answer ends before its body.
    #[error("the headers have no end")]
    NoEndOfHeaders,
    /// The answer is of another protocol.
    #[error("the answer is not HTTP/1.1")]
    NotHttp,
    /// The body is not the expected JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The connection broke within a stream.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// A stream was silent for longer than any gateway is.
    #[error("nothing came for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// A line has no end.
    #[error("a line is longer than any gateway sends")]
    TooLong,
}

/// The refusal that an answer tells.
pub(super) fn refused(status: u16, body: &[u8]) -> ClientError {
    let message = match serde_json::from_slice::<Value>(body) {
        Ok(value) => value["error"].as_str().unwrap_or_default().to_owned(),
        Err(_) => String::from_utf8_lossy(body).trim().to_owned(),
    };
    ClientError::Refused { status, message }
}
