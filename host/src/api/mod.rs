//! The admin API: what an operator, the command line and a dashboard ask of a running
//! gateway and have done by it. One file a resource.
//!
//! Lists are pages: `{"items": […], "next": …}`, where `next` is the `after` of the next
//! page. A page may hold less than its limit although more follows, since each call looks
//! at a bounded number of rows. Errors are `{"error": "…"}`.

pub(crate) mod change;
mod deliveries;
mod events;
pub(crate) mod filter;
mod handlers;
pub(crate) mod outbox;
pub(crate) mod replay;
mod schedule;

use http::StatusCode;
use serde::Serialize;

use crate::run::Core;
use crate::server::{Api, ApiAnswer, ApiRequest};
use tollgate_base::secret::Secret;
use tollgate_ledger::LedgerError;

use change::Verb;

pub(crate) use handlers::offline as handlers_offline;

impl Api for Core {
    fn token(&self) -> Option<Secret> {
        self.current.load().manifest.admin_token.clone()
    }

    fn call(&self, request: &ApiRequest) -> ApiAnswer {
        answer(self, request).unwrap_or_else(|refused| refused)
    }
}

fn answer(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (&path[..], &request.post) {
        (["events"], None) => events::list(core, request),
        (["events", id], None) => events::show(core, id),
        (["events", id, "erase"], Some(body)) => events::erase(core, id, body),
        (["deliveries"], None) => deliveries::list(core, request),
        (["deliveries", "retry"], Some(body)) => deliveries::several(core, Verb::Retry, body),
        (["deliveries", "cancel"], Some(body)) => deliveries::several(core, Verb::Cancel, body),
        (["deliveries", seq], None) => deliveries::show(core, seq),
        (["deliveries", seq, "retry"], Some(body)) => deliveries::retry(core, seq, body),
        (["deliveries", seq, "cancel"], Some(body)) => deliveries::cancel(core, seq, body),
        (["outbox"], None) => outbox::list(core, request),
        (["outbox", "retry"], Some(body)) => outbox::change(core, Verb::Retry, body),
        (["outbox", "cancel"], Some(body)) => outbox::change(core, Verb::Cancel, body),
        (["outbox", seq], None) => outbox::show(core, seq),
        (["schedule"], None) => schedule::list(core, request),
        (["schedule", "run"], Some(body)) => schedule::run(core, body),
        (["schedule", "cancel"], Some(body)) => schedule::cancel(core, body),
        (["replay"], Some(body)) => replay::replay(core, body),
        (["handlers", name, "pause"], Some(body)) => handlers::pause(core, name, body),
        (["handlers", name, "resume"], Some(_)) => handlers::resume(core, name),
        (["handlers"], None) => handlers::list(core),
        _ => Err(ApiAnswer::error(
            StatusCode::NOT_FOUND,
            "there is no such thing, or not with this method",
        )),
    }
}

/// A value as an answer.
fn json(value: &impl Serialize) -> Result<ApiAnswer, ApiAnswer> {
    serde_json::to_value(value)
        .map(ApiAnswer::ok)
        .map_err(|error| ApiAnswer::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn bad_request(message: impl Into<String>) -> ApiAnswer {
    ApiAnswer::error(StatusCode::BAD_REQUEST, message)
}

/// The state of things does not allow it.
fn conflict(message: impl Into<String>) -> ApiAnswer {
    ApiAnswer::error(StatusCode::CONFLICT, message)
}

fn not_found(message: impl Into<String>) -> ApiAnswer {
    ApiAnswer::error(StatusCode::NOT_FOUND, message)
}

impl From<LedgerError> for ApiAnswer {
    fn from(error: LedgerError) -> Self {
        let status = match error {
            LedgerError::Busy | LedgerError::Unavailable(_) | LedgerError::Closed => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            LedgerError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::error(status, error.to_string())
    }
}
