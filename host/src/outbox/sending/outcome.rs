//! The end of one try, and its meaning for the request.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::egress::{Answer, retry_after};
use crate::telemetry::traces::TraceContext;
use tollgate_base::time::WallTime;

/// How one try ended.
#[derive(Debug, PartialEq)]
pub(in crate::outbox) struct Outcome {
    /// The answer's status, if there was an answer.
    pub(super) status: Option<StatusCode>,
    /// A text that says why the try failed; empty if it did not fail.
    pub(super) error: String,
    /// The meaning of the end for the request.
    pub(super) meaning: Meaning,
    /// The answer, if there was one and the handler asked for it.
    pub(super) answer: Option<Answer>,
    /// The place of the try in its trace, if spans are made.
    pub(super) trace: Option<TraceContext>,
}

/// The meaning of a try's end for its request.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Meaning {
    /// The receiver has the request.
    Sent,
    /// A later try may succeed. The receiver may have asked for some time until then.
    Retry(Option<Duration>),
    /// No further try would end otherwise.
    Dead,
}

impl Outcome {
    /// The outcome of an answer with this status and these headers at `now`.
    ///
    /// Redirects are not followed: the manifest does not allow the place where they lead, and most
    /// clients turn a redirected POST into a GET.
    pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, now: WallTime) -> Self {
        let meaning = match status.as_u16() {
            200..=299 => Meaning::Sent,
            408 | 425 | 429 | 500..=599 => Meaning::Retry(retry_after(headers, now)),
            _ => Meaning::Dead,
        };
        let error = match meaning {
            Meaning::Sent => String::new(),
            _ if status.is_redirection() => {
                format!("answered {}: redirects are not followed", status.as_u16())
            }
            _ => format!("answered {}", status.as_u16()),
        };
        Self {
            status: Some(status),
            error,
            meaning,
            answer: None,
            trace: None,
        }
    }

    /// A failure without an answer that every later try would repeat.
    pub(in crate::outbox) fn dead(error: impl Into<String>) -> Self {
        Self {
            status: None,
            error: error.into(),
            meaning: Meaning::Dead,
            answer: None,
            trace: None,
        }
    }

    /// A failure without an answer after which a later try may succeed.
    pub(super) fn failed(error: impl Into<String>) -> Self {
        Self {
            meaning: Meaning::Retry(None),
            ..Self::dead(error)
        }
    }

    /// The time for which the receiver wants no requests at all: `Retry-After` with a status that
    /// speaks of the receiver (RFC 6585, section 4; RFC 9110, section 15.6.4). With another status
    /// `Retry-After` speaks of the one request.
    pub(super) fn asks_for_time(&self) -> Option<Duration> {
        match (self.status?.as_u16(), self.meaning) {
            (429 | 503, Meaning::Retry(asked)) => asked,
            _ => None,
        }
    }
}
