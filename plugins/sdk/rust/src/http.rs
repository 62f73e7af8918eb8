//! HTTP requests while the handler runs, for a handler that must know the answer to decide.
//!
//! The manifest grants each origin by `[[handlers.NAME.allow]]` with `immediate = true`, and adds
//! the credentials. The handler's `timeout` counts the waiting too.
//!
//! A request is **no effect**: it is sent at least once, at each attempt anew, also where the run
//! then fails. So ask (`GET`), and leave what changes the world to the [`outbox`](crate::outbox);
//! or give the receiver a key that is the same at each attempt, such as the event's id. A replay
//! gets the answers that are on record, unless the operator asks for new ones. Redirects are not
//! followed: they are answers.
//!
//! ```no_run
//! # use tollgate_handler::{http, prelude::*};
//! # fn handle(event: Event) -> Result<Outcome, Failure> {
//! let answer = http::get("https://fraud.example.com/score?order=1").send()?;
//! if answer.status >= 500 {
//!     return Err(retry("the score is not to be had now"));
//! }
//! let score: i64 = answer.json()?;
//! # done()
//! # }
//! ```

use std::time::Duration;

use serde::Serialize;

pub use crate::error::HttpProblem;
pub use crate::values::{HttpAnswer as Answer, HttpParts as Parts};
use crate::{Error, host};

/// Begins a GET request to an absolute URL.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// Begins a POST request to an absolute URL.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
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

/// A builder for a request. [`Request::send`] sends the request.
#[must_use = "only `send` sends the request"]
#[derive(Clone, Debug)]
pub struct Request {
    parts: Parts,
    problem: Option<String>,
}

impl Request {
    /// Adds a header. `host`, `connection`, `transfer-encoding` and the like are refused.
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

    /// Waits for the answer no longer than this.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.parts.timeout = Some(timeout);
        self
    }

    /// Sends the request and waits for the whole answer. An answer of any status is `Ok`.
    ///
    /// # Errors
    /// As a [`Failure`](crate::Failure), a request that was not answered asks for another attempt;
    /// a request that is malformed or denied is a rejection.
    pub fn send(self) -> Result<Answer, Error> {
        let Request { parts, problem } = self;
        let url = parts.url.clone();
        let sent = match problem {
            Some(problem) => Err(HttpProblem::Invalid(problem)),
            None => host::http_send(&parts),
        };
        sent.map_err(|problem| Error::Http { url, problem })
    }
}
