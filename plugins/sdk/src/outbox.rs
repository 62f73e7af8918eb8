//! HTTP requests that go out after the delivery's commit.
//!
//! Each is sent at least once, until it is answered 2xx or given up, with an
//! `Idempotency-Key` header that is the same on every try. The manifest's `allow`
//! list says where requests may go and adds the credentials: no handler holds these.

use std::fmt::Write as _;

use serde::Serialize;

use crate::error::EffectProblem;
use crate::{Error, host};

/// A POST request to an absolute URL.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A PUT request to an absolute URL.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A DELETE request to an absolute URL.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

/// A request of any method to an absolute URL.
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

/// What a request consists of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parts {
    /// The method.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Requests with the same key go out one after another.
    pub order_key: Option<String>,
    /// Whether the answer is to come as an event, and what it is recognised by.
    pub respond: Option<String>,
}

/// A request that is being put together; nothing is queued before [`Request::send`].
#[must_use = "nothing is queued before `send`"]
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

    /// A body of bytes; its `content-type` is for the caller to set.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.parts.body = body.into();
        self
    }

    /// A JSON body, with its `content-type`.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.parts.body = body,
            Err(e) => self.problem = Some(format!("its body is no JSON: {e}")),
        }
        self.header("content-type", "application/json")
    }

    /// A form body (`application/x-www-form-urlencoded`), as Stripe's own API takes it.
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

    /// Requests of this handler with the same key go out one after another, in the
    /// order of their commits.
    pub fn order_key(mut self, key: impl Into<String>) -> Self {
        self.parts.order_key = Some(key.into());
        self
    }

    /// Asks for the answer: once the request has been answered 2xx or given up, an event
    /// of type `outbox.response` tells this handler of it. The text is to recognise
    /// it by; [`Event::response`](crate::Event::response) reads it.
    pub fn respond(mut self, correlation: impl Into<String>) -> Self {
        self.parts.respond = Some(correlation.into());
        self
    }

    /// Queues the request; returns the idempotency key that it will carry.
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
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}
