//! `wasi:http` for guests that ask and wait, and the same in one call: `tollgate:ask`.
//!
//! Requests go where the handler's grants say. The gateway sends them: this package has no
//! connections. A run may also be given answers that an earlier attempt was given.

mod answers;
mod no_answer;
mod requests;

pub use answers::{Answers, RequestSender, SendFuture};
pub use no_answer::{NoAnswer, NoAnswerKind};
pub(crate) use requests::Requests;

/// Whether guests may not set a header, by the rules of `wasi:http`. The length is that of the
/// body.
pub(crate) fn is_forbidden(name: &str) -> bool {
    let forbidden = wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;
    let mut forbidden = forbidden.iter().map(http::HeaderName::as_str);
    forbidden.any(|one| one.eq_ignore_ascii_case(name))
        || name.eq_ignore_ascii_case("content-length")
}

/// The interfaces of guests that ask and wait, up to their versions.
pub(crate) const INTERFACES: &[&str] = &[
    "wasi:http/outgoing-handler@0.2.",
    "wasi:http/types@0.2.",
    "tollgate:ask/http@0.1.",
];
