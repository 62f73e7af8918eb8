//! Answers of the admin API, and the answers that errors become.

use http::StatusCode;
use serde::Serialize;

use super::query::QueryError;
use crate::run::PauseError;
use crate::server::ApiAnswer;
use tollgate_ledger::{LedgerError, ListError};

/// The answer with this value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<ApiAnswer, ApiAnswer> {
    serde_json::to_value(value)
        .map(ApiAnswer::ok)
        .map_err(|error| ApiAnswer::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

/// The request cannot be understood.
pub(super) fn bad_request(message: impl Into<String>) -> ApiAnswer {
    ApiAnswer::error(StatusCode::BAD_REQUEST, message)
}

/// The state of the item does not allow the change.
pub(super) fn conflict(message: impl Into<String>) -> ApiAnswer {
    ApiAnswer::error(StatusCode::CONFLICT, message)
}

/// There is no such item.
pub(super) fn not_found(message: impl Into<String>) -> ApiAnswer {
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

impl From<ListError> for ApiAnswer {
    fn from(error: ListError) -> Self {
        match error {
            ListError::InvalidCursor => bad_request(error.to_string()),
            ListError::Ledger(error) => error.into(),
        }
    }
}

impl From<PauseError> for ApiAnswer {
    fn from(error: PauseError) -> Self {
        match error {
            PauseError::Unknown(_) => not_found(error.to_string()),
            PauseError::Ledger(error) => error.into(),
        }
    }
}

impl From<QueryError> for ApiAnswer {
    fn from(error: QueryError) -> Self {
        bad_request(error.to_string())
    }
}
