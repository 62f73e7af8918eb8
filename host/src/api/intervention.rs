//! Carries out what operators ask for, on record with operator and reason.

use std::fmt;

use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::ApiError;
use crate::run::Core;
use crate::server::Operator;
use tollgate_ledger::{Action, DeliveryId, Intervened, Intervention};

/// The longest text that an operator puts on record, in bytes.
const MAX_TEXT: usize = 1000;

/// The operator who asks for a change, and the reason, as a request says them.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Attribution {
    /// The name of the operator, for the record. The name of the token is on record as well.
    #[schema(max_length = 900)]
    pub(super) who: Option<String>,
    /// The reason, for the record.
    #[schema(max_length = 1000)]
    pub(super) why: Option<String>,
}

/// The operator and the reason, as records have them.
#[derive(Debug, Clone)]
pub(super) struct By {
    /// The name of the operator.
    pub(super) who: String,
    /// The reason.
    pub(super) why: Option<String>,
}

impl Attribution {
    /// The operator who sent the request.
    pub(super) fn by(&self, operator: &Operator) -> By {
        By {
            who: operator.signs(self.who.as_deref()).into_owned(),
            why: self.why.clone(),
        }
    }
}

/// The intervention that carries out an action, with its operator and reason. `batch` is the id
/// that all calls of one replay share.
pub(super) fn intervention(
    action: Action,
    by: &By,
    batch: Option<String>,
) -> Result<Intervention, ApiError> {
    let who = by.who.clone();
    let why = by.why.clone().unwrap_or_default();
    for text in [Some(&who), Some(&why), batch.as_ref()]
        .into_iter()
        .flatten()
    {
        if text.len() > MAX_TEXT {
            return Err(ApiError::bad_request(format!(
                "`who`, `why` and `batch` have {MAX_TEXT} bytes at most"
            )));
        }
    }
    Ok(Intervention {
        action,
        who,
        why,
        batch,
    })
}

/// Carries out an intervention, then wakes the dispatcher. Returns the result for each item.
pub(super) fn carry_out(
    core: &Core,
    intervention: Intervention,
) -> Result<Vec<Intervened>, ApiError> {
    let ended: Vec<DeliveryId> = match &intervention.action {
        Action::Cancel(deliveries) => deliveries.clone(),
        _ => Vec::new(),
    };
    tracing::info!(
        who = intervention.who,
        why = intervention.why,
        action = %Summary(&intervention.action),
        "an operator intervenes"
    );
    let results = core.ledger.intervene(intervention)?;
    core.dispatcher.intervened(&ended);
    Ok(results)
}

/// Shows an action in the log, without its items.
struct Summary<'a>(&'a Action);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, many) = match self.0 {
            Action::Retry(of) => ("retry", of.len()),
            Action::Cancel(of) => ("cancel", of.len()),
            Action::Replay { deliveries, .. } => ("replay", deliveries.len()),
            Action::Route(of) => ("route", of.len()),
            Action::RetryRequests(of) => ("retry of requests", of.len()),
            Action::CancelRequests(of) => ("cancel of requests", of.len()),
            Action::RunScheduled(handler, key) => {
                return write!(f, "run of the schedule entry {key} of {handler}");
            }
            Action::ChangeState(handler, changes) => {
                return write!(f, "change of {} values of {handler}", changes.len());
            }
            Action::CancelScheduled(handler, key) => {
                return write!(f, "cancel of the schedule entry {key} of {handler}");
            }
        };
        write!(f, "{name} of {many}")
    }
}
