//! `wasi:http` for guests that ask and wait, and the same in one call: `tollgate:ask`.
//!
//! Requests go where the handler's grants say. The gateway sends them: this package has no
//! connections. A run may also be given answers that an earlier attempt was given.

mod answers;
mod no_answer;
mod requests;

use ::http::Method;

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

/// Why no handler may send a request with this method, at once or later; `None` if it may.
pub fn refused_method(method: &Method) -> Option<&'static str> {
    // Receivers may read a method in any case.
    let is = |name: &Method| method.as_str().eq_ignore_ascii_case(name.as_str());
    if is(&Method::CONNECT) {
        return Some("CONNECT asks for a tunnel, which is no request");
    }
    // The answer would show the credentials that the manifest adds.
    is(&Method::TRACE)
        .then_some("TRACE asks the receiver to repeat the request, with its credentials")
}

/// The interfaces of guests that ask and wait, up to their versions.
pub(crate) const INTERFACES: &[&str] = &[
    "wasi:http/outgoing-handler@0.2.",
    "wasi:http/types@0.2.",
    "tollgate:ask/http@0.1.",
];
