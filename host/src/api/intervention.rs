//! Carries out what operators ask for, on record with operator and reason.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::answers::bad_request;
use crate::run::Core;
use crate::server::ApiAnswer;
use tollgate_ledger::{Action, DeliveryId, Intervened, Intervention};

/// The longest text that an operator puts on record, in bytes.
const MAX_TEXT: usize = 1000;

/// The operator who asks for a change, and the reason.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Attribution {
    /// The name of the operator; "admin API" if the request has none.
    pub(super) who: Option<String>,
    /// The reason.
    pub(super) why: Option<String>,
}

impl Attribution {
    /// The name of the operator, for the record.
    pub(super) fn who(&self) -> &str {
        self.who.as_deref().unwrap_or("admin API")
    }
}

/// Reads a body as a `T`.
pub(super) fn read<T: for<'a> Deserialize<'a>>(body: &Value) -> Result<T, ApiAnswer> {
    T::deserialize(body)
        .map_err(|error| bad_request(format!("the body is not understood: {error}")))
}

/// The intervention that carries out an action, with its operator and reason. `batch` is the id
/// that all calls of one replay share.
pub(super) fn intervention(
    action: Action,
    by: &Attribution,
    batch: Option<String>,
) -> Result<Intervention, ApiAnswer> {
    let who = by.who().to_owned();
    let why = by.why.clone().unwrap_or_default();
    for text in [Some(&who), Some(&why), batch.as_ref()]
        .into_iter()
        .flatten()
    {
        if text.len() > MAX_TEXT {
            return Err(bad_request(format!(
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
) -> Result<Vec<Intervened>, ApiAnswer> {
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
