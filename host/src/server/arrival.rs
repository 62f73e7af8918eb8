//! What is known of a request that arrived: who sent it, and what it says.

use std::ops::Deref;
use std::sync::OnceLock;

use bytes::Bytes;
use http::request::Parts;
use parking_lot::Mutex;

use super::forwarded::Sender;
use super::tap::Verdict;

/// A request that arrived, or a connection that never came to one.
pub(super) struct Arrival<'a> {
    pub(super) sender: Sender,
    /// The head; `None` if there is no request.
    pub(super) head: Option<&'a Parts>,
    /// The body, once it was read, if somebody wants it.
    pub(super) body: OnceLock<Bytes>,
    /// What became of the request, if an operator watches.
    pub(super) verdict: Mutex<Verdict>,
}

impl<'a> Arrival<'a> {
    /// The arrival of a request.
    pub(super) fn of(sender: Sender, head: &'a Parts) -> Self {
        Self {
            sender,
            head: Some(head),
            body: OnceLock::new(),
            verdict: Mutex::default(),
        }
    }

    /// A connection that never came to a request.
    pub(super) fn without_request(sender: Sender) -> Self {
        Self {
            sender,
            head: None,
            body: OnceLock::new(),
            verdict: Mutex::default(),
        }
    }

    /// Notes the body.
    pub(super) fn has_body(&self, body: &Bytes) {
        // The body of a request is read once.
        _ = self.body.set(body.clone());
    }
}

impl Deref for Arrival<'_> {
    type Target = Sender;

    fn deref(&self) -> &Sender {
        &self.sender
    }
}
