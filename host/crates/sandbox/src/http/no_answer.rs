//! The reasons why an immediate request has no answer.

use wasmtime_wasi_http::Error;

/// Why an immediate request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAnswer {
    /// The kind of reason, as the guest is told.
    pub kind: NoAnswerKind,
    /// The reason in words, for the log.
    pub text: String,
}

/// The kinds of reasons, each an error code of `wasi:http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswerKind {
    /// The request is malformed.
    Invalid,
    /// The handler may not send this request, or this run sends nothing.
    Denied,
    /// The host's address is not public, and the manifest does not list it.
    Prohibited,
    /// The host's name has no address.
    Unresolved,
    /// No address of the host took the connection.
    Refused,
    /// TLS failed, such as for a certificate that nobody vouches for.
    Tls,
    /// The answer did not come in time.
    Timeout,
    /// The body of the request has more bytes than this.
    RequestTooLarge(usize),
    /// The body of the request has so many bytes, and its `content-length` is another.
    RequestOfOtherLength(usize),
    /// The answer has more bytes than this.
    AnswerTooLarge(usize),
    /// The answer broke off.
    Incomplete,
    /// Anything else.
    Failed,
}

impl NoAnswer {
    /// A reason of this kind.
    pub fn new(kind: NoAnswerKind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { kind, text }
    }

    /// The error that the guest gets.
    pub(crate) fn error(&self) -> Error {
        match self.kind {
            NoAnswerKind::Invalid => Error::HttpRequestUriInvalid,
            NoAnswerKind::Denied => Error::HttpRequestDenied,
            NoAnswerKind::Prohibited => Error::DestinationIpProhibited,
            NoAnswerKind::Unresolved => Error::DnsError {
                rcode: None,
                info_code: None,
            },
            NoAnswerKind::Refused => Error::ConnectionRefused,
            NoAnswerKind::Tls => Error::TlsProtocolError,
            NoAnswerKind::Timeout => Error::HttpResponseTimeout,
            NoAnswerKind::RequestTooLarge(bytes) | NoAnswerKind::RequestOfOtherLength(bytes) => {
                Error::HttpRequestBodySize(Some(bytes as u64))
            }
            NoAnswerKind::AnswerTooLarge(limit) => Error::HttpResponseBodySize(Some(limit as u64)),
            NoAnswerKind::Incomplete => Error::HttpResponseIncomplete,
            NoAnswerKind::Failed => Error::HttpProtocolError,
        }
    }
}
