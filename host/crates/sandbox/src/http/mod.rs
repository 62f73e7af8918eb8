//! `wasi:http` for guests that ask and wait.
//!
//! Requests go where the handler's grants say. The gateway sends them: this package has no
//! connections. A run may also be given answers that an earlier attempt was given.

mod answers;
mod no_answer;
mod requests;

pub use answers::{Answers, RequestSender, SendFuture};
pub use no_answer::{NoAnswer, NoAnswerKind};
pub(crate) use requests::Requests;

/// The interfaces of `wasi:http` that guests may import, up to their versions.
pub(crate) const INTERFACES: &[&str] = &["wasi:http/outgoing-handler@0.2.", "wasi:http/types@0.2."];
