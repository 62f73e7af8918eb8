//! What became of a request.

use std::io::Write;
use std::time::Duration;

use serde_json::json;
use tollgate_base::printable::printable;
use tollgate_scheme::{SignedRequest, Verifier};

use crate::cli::output::{json_out, text_out};
use crate::egress::error_chain;
use tollgate_base::time::WallTime;

/// Type and id of an event, as the gateway reads them.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) kind: String,
    pub(super) id: Option<String>,
}

impl Named {
    /// Reads the events of a signed request, as the gateway does. What is stated of the event
    /// counts if the gateway asks the provider for a key first.
    pub(super) fn of(
        verifier: &Verifier,
        signed: &SignedRequest,
        stated: Self,
        now: WallTime,
    ) -> Self {
        let read = verifier.verify_signed(signed, "/", now).ok();
        let first = read.and_then(|accepted| accepted.events.into_inner().into_iter().next());
        match first {
            Some(event) => Self {
                kind: event.kind,
                id: event.provider_id,
            },
            None => stated,
        }
    }
}

/// What became of a request: the gateway's answer, or why there is none.
pub(super) struct Outcome {
    pub(super) named: Named,
    /// Whether the same request was posted before.
    pub(super) again: bool,
    pub(super) answer: Result<Answered, PostError>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// The URL or a header cannot be sent.
    #[error("the request cannot be made")]
    Request(#[source] http::Error),
    /// Nothing answers.
    #[error("the gateway cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// The answer ends early, or is too long.
    #[error("the answer cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer takes too long.
    #[error("no answer within {} seconds", .0.as_secs())]
    Late(Duration),
}

/// The gateway's answer.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Outcome {
    /// Whether the gateway took the request.
    pub(super) fn is_accepted(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_ok_and(|answer| (200..300).contains(&answer.status))
    }

    /// Whether the gateway refused the request for what it is, and not because it has no time.
    pub(super) fn is_refused(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_ok_and(|answer| (400..500).contains(&answer.status) && answer.status != 429)
    }

    /// Prints a line.
    pub(super) fn print(&self, json: bool) -> std::io::Result<()> {
        match json {
            true => self.print_json(),
            false => self.print_text(),
        }
    }

    fn print_json(&self) -> std::io::Result<()> {
        let answer = self.answer.as_ref();
        let line = json!({
            "kind": self.named.kind,
            "id": self.named.id,
            "again": self.again,
            "status": answer.ok().map(|answer| answer.status),
            "answer": answer.ok().map(|answer| &answer.body),
            "error": answer.err().map(|error| error_chain(error)),
        });
        writeln!(json_out(), "{line}")
    }

    fn print_text(&self) -> std::io::Result<()> {
        let id = self.named.id.as_deref().unwrap_or("(no id)");
        let again = if self.again { "  (again)" } else { "" };
        let kind = &self.named.kind;
        let mut out = text_out();
        match &self.answer {
            Ok(answer) => {
                let why = match self.is_accepted() {
                    true => String::new(),
                    false => format!("  {}", printable(answer.body.trim())),
                };
                writeln!(out, "{}  {kind}  {id}{again}{why}", answer.status)
            }
            Err(error) => writeln!(out, "---  {kind}  {id}{again}  {}", error_chain(error)),
        }
    }
}
