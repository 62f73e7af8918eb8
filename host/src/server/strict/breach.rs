//! The rules that a request can break.

/// A rule that a request breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// Two ways to tell the end of the body.
    #[error("the request has `Content-Length` and `Transfer-Encoding`")]
    LengthAndEncoding,
    /// `Transfer-Encoding` is not exactly `chunked`.
    #[error("`Transfer-Encoding` is not exactly `chunked`")]
    OtherEncoding,
    /// A line of the head ends without CR.
    #[error("a line of the head ends with a bare LF")]
    BareLf,
    /// The request does not name one host, with a port or none.
    #[error("the request has no `Host`, several, or one that is no host with a port or none")]
    Host,
    /// The target names another host than `Host` does.
    #[error("the target names another host than `Host` does")]
    OtherHost,
    /// A CR within a line of the head.
    #[error("a line of the head has a CR that ends no line")]
    BareCr,
    /// A line of the head that goes on in the next one.
    #[error("a header goes on in the next line")]
    Fold,
    /// A blank between the name of a header and the colon.
    #[error("a blank stands before the colon of a header")]
    SpaceBeforeColon,
    /// `Content-Length` comes twice with different lengths, or is no length.
    #[error("`Content-Length` comes twice with different lengths, or is no length")]
    Length,
    /// `Transfer-Encoding` in HTTP/1.0, which has none.
    #[error("the request has `Transfer-Encoding` in HTTP/1.0")]
    OldEncoding,
    /// A control byte in the head.
    #[error("the head has a control byte")]
    ControlByte,
    /// Any other head that is not in the form of HTTP/1.
    #[error("the head is not in the form of HTTP/1")]
    Malformed,
}

impl Breach {
    /// The rule as a short word that never changes. Rules that can be switched off have the name of
    /// their setting.
    pub(in crate::server) fn code(self) -> &'static str {
        match self {
            Self::LengthAndEncoding => "length_and_encoding",
            Self::OtherEncoding => "other_encoding",
            Self::BareLf => "bare_lf",
            Self::Host => "host",
            Self::OtherHost => "other_host",
            Self::BareCr => "bare_cr",
            Self::Fold => "fold",
            Self::SpaceBeforeColon => "space_before_colon",
            Self::Length => "content_length",
            Self::OldEncoding => "old_encoding",
            Self::ControlByte => "control_byte",
            Self::Malformed => "malformed_head",
        }
    }
}
