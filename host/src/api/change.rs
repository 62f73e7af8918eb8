//! What an operator asks for and why, as it stands in a body; what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bad_request;
use crate::gateway::Core;
use crate::ledger::{Action, DeliverySeq, Intervened, Intervention};
use crate::server::ApiAnswer;

/// The longest text that is put on record for an operator, in bytes.
const MAX_TEXT: usize = 1000;

/// Who asks, and why.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    /// Who; "admin API" if it is not said.
    pub(crate) who: Option<String>,
    /// Why.
    pub(crate) why: Option<String>,
}

impl Asked {
    /// Who asks, for the record.
    pub(super) fn who(&self) -> &str {
        self.who.as_deref().unwrap_or("admin API")
    }
}

/// A body, read as what it should be.
pub(super) fn read<T: for<'a> Deserialize<'a>>(body: &Value) -> Result<T, ApiAnswer> {
    T::deserialize(body)
        .map_err(|error| bad_request(format!("the body is not understood: {error}")))
}

/// An intervention for the record.
pub(super) fn intervention(
    action: Action,
    asked: &Asked,
    batch: Option<String>,
) -> Result<Intervention, ApiAnswer> {
    let who = asked.who().to_owned();
    let why = asked.why.clone().unwrap_or_default();
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

/// Has it carried out, and has what follows from it looked at.
pub(super) fn carry_out(
    core: &Core,
    intervention: Intervention,
) -> Result<Vec<Intervened>, ApiAnswer> {
    let ended: Vec<DeliverySeq> = match &intervention.action {
        Action::Cancel(deliveries) => deliveries.clone(),
        _ => Vec::new(),
    };
    tracing::info!(
        who = intervention.who,
        why = intervention.why,
        action = ?Brief(&intervention.action),
        "an operator intervenes"
    );
    let came = core.ledger.intervene(intervention)?;
    core.dispatcher.intervened(&ended);
    Ok(came)
}

/// An action for the log, without the events that it is about.
struct Brief<'a>(&'a Action);

impl std::fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, many) = match self.0 {
            Action::Retry(of) => ("retry", of.len()),
            Action::Cancel(of) => ("cancel", of.len()),
            Action::Replay { deliveries, .. } => ("replay", deliveries.len()),
            Action::Route(of) => ("route", of.len()),
            Action::RetryRequests(of) => ("retry of requests", of.len()),
            Action::CancelRequests(of) => ("cancel of requests", of.len()),
            Action::RunScheduled(handler, key) => {
                return write!(f, "run of what {handler} scheduled as {key}");
            }
            Action::CancelScheduled(handler, key) => {
                return write!(f, "cancel of what {handler} scheduled as {key}");
            }
        };
        write!(f, "{name} of {many}")
    }
}

/// What came of a call for several deliveries or events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// How many the filter meant.
    pub(crate) matched: u64,
    /// How many were changed or, in a dry run, would be.
    pub(crate) done: u64,
    /// Why others were not, and how many.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Those that were or would be changed, by handler and the state they had.
    pub(crate) by: BTreeMap<String, u64>,
    /// The `after` of the next call; none when all are done.
    pub(crate) next: Option<i64>,
    /// The `until` of the next call: what arrived since the first is not meant.
    pub(crate) until: Option<i64>,
}

impl Report {
    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        *self.refused.entry(why.into()).or_default() += 1;
    }

    pub(super) fn count(&mut self, what: String) {
        self.done += 1;
        *self.by.entry(what).or_default() += 1;
    }

    /// Takes in what another call came to.
    pub(crate) fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.done += other.done;
        for (why, many) in other.refused {
            *self.refused.entry(why).or_default() += many;
        }
        for (what, many) in other.by {
            *self.by.entry(what).or_default() += many;
        }
        self.next = other.next;
        self.until = other.until;
    }
}
