//! HTTP requests that the gateway sends after the delivery's commit.
//!
//! The gateway sends each request at least once, until a response with a 2xx status arrives or
//! the request becomes a dead letter. Every try carries the same `Idempotency-Key` header. The
//! manifest's `allow` list names the origins that requests may go to and holds the credentials.
//! The gateway adds the credentials as it sends; a handler never sees them.

use std::fmt::Write as _;

use serde::Serialize;

use crate::error::EffectProblem;
pub use crate::values::RequestParts as Parts;
use crate::{Error, host};

/// Begins a POST request to an absolute URL.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// Begins a PUT request to an absolute URL.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// Begins a DELETE request to an absolute URL.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// Begins a request of any method to an absolute URL.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request {
        parts: Parts {
            method: method.into(),
            url: url.into(),
            ..Parts::default()
        },
        problem: None,
    }
}

/// A builder for a request. [`Request::send`] queues the request.
#[must_use = "only `send` queues the request"]
#[derive(Clone, Debug)]
pub struct Request {
    parts: Parts,
    problem: Option<String>,
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parts.headers.push((name.into(), value.into()));
        self
    }

    /// Sets a body of any bytes. The caller sets its `content-type`.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.parts.body = body.into();
        self
    }

    /// Sets a JSON body and its `content-type`.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.parts.body = body,
            Err(e) => self.problem = Some(format!("its body is no JSON: {e}")),
        }
        self.header("content-type", "application/json")
    }

    /// Sets a form body (`application/x-www-form-urlencoded`) and its `content-type`. Stripe's own
    /// API takes such bodies.
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let mut body = String::new();
        for (name, value) in pairs {
            if !body.is_empty() {
                body.push('&');
            }
            form_encode(&mut body, name);
            body.push('=');
            form_encode(&mut body, value);
        }
        self.parts.body = body.into_bytes();
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// Sets the order key. Requests of this handler with the same key go out one after another,
    /// in the order of their commits.
    pub fn order_key(mut self, key: impl Into<String>) -> Self {
        self.parts.order_key = Some(key.into());
        self
    }

    /// Asks for the response. When the request has ended (a 2xx response arrived or the request
    /// became a dead letter), this handler receives an event of type `outbox.response`, which
    /// [`Event::response`](crate::Event::response) reads. The text comes back with the response,
    /// so the handler recognises the request by it.
    pub fn respond(mut self, correlation: impl Into<String>) -> Self {
        self.parts.respond = Some(correlation.into());
        self
    }

    /// Queues the request when the delivery commits. Returns its idempotency key.
    pub fn send(self) -> Result<String, Error> {
        let Request { parts, problem } = self;
        if let Some(problem) = problem {
            return Err(Error::Outbox {
                url: parts.url,
                problem: EffectProblem::Invalid(problem),
            });
        }
        let url = parts.url.clone();
        host::outbox_send(parts).map_err(|problem| Error::Outbox { url, problem })
    }
}

fn form_encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}
