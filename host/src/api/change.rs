//! What an operator asks for and why, as it stands in a body; what came of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bad_request;
use crate::run::Core;
use crate::server::ApiAnswer;
use tollgate_ledger::{Action, DeliverySeq, Intervened, Intervention, Order, Page};

/// The longest text that is put on record for an operator, in bytes.
const MAX_TEXT: usize = 1000;

/// Deliveries, events or requests that one call changes: few enough that the commit they are
/// part of holds up nobody who waits for an acknowledgement.
pub(crate) const STEP: usize = 100;

/// What is done to deliveries or requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// They are tried now.
    Retry,
    /// They are given up.
    Cancel,
}

/// Which deliveries or requests are meant, a step of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Several {
    /// These, by number.
    pub(crate) numbers: Vec<i64>,
    /// Those that match.
    pub(crate) filter: Option<BTreeMap<String, String>>,
    /// Only count.
    pub(crate) dry_run: bool,
    /// Go on behind this place.
    pub(crate) after: Option<i64>,
    /// Stop at this place: what came since the first step is not meant.
    pub(crate) until: Option<i64>,
    /// Who asks.
    pub(crate) who: Option<String>,
    /// Why.
    pub(crate) why: Option<String>,
}

impl Several {
    /// What a body asks for.
    pub(super) fn read(body: &Value) -> Result<Self, ApiAnswer> {
        let several: Self = read(body)?;
        if several.numbers.is_empty() == several.filter.is_none() {
            return Err(bad_request("name `numbers` or a `filter`"));
        }
        if several.numbers.len() > STEP {
            return Err(bad_request(format!("name {STEP} at most in one call")));
        }
        Ok(several)
    }

    /// Has those of a step changed that are in a state that allows it. `of` tells of each the
    /// handler and the state.
    pub(super) fn change<T>(
        &self,
        (meant, mut report): (Vec<T>, Report),
        of: fn(&T) -> (&str, &str),
        allows: impl Fn(&str) -> bool,
        change: impl FnOnce(&[T]) -> Result<Vec<Intervened>, ApiAnswer>,
    ) -> Result<Report, ApiAnswer> {
        let (fit, unfit): (Vec<_>, Vec<_>) = meant.into_iter().partition(|one| allows(of(one).1));
        for one in unfit {
            report.refuse(format!("it is {}", of(&one).1));
        }
        let came = if self.dry_run || fit.is_empty() {
            vec![Intervened::Done; fit.len()]
        } else {
            change(&fit)?
        };
        let what = |one: &T| {
            let (handler, state) = of(one);
            format!("{handler} {state}")
        };
        report.count_all(fit.iter().map(what), &came);
        Ok(report)
    }

    pub(super) fn asked(&self) -> Asked {
        Asked {
            who: self.who.clone(),
            why: self.why.clone(),
        }
    }
}

/// The page of a list that a step is about.
pub(super) fn step_after(after: Option<i64>) -> Page {
    Page {
        after,
        limit: STEP,
        order: Order::Oldest,
    }
}

/// A list's last entry.
pub(super) const LAST: Page = Page {
    after: None,
    limit: 1,
    order: Order::Newest,
};

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
    /// Of a page of items up to the place `until`, beyond which they are left out: how many
    /// there are, and where to go on.
    pub(super) fn of_page<T>(
        items: &mut Vec<T>,
        next: Option<i64>,
        until: i64,
        seq: impl Fn(&T) -> i64,
    ) -> Self {
        let all = items.len();
        items.retain(|item| seq(item) <= until);
        let ended = items.len() < all || next.is_some_and(|next| next >= until);
        Self {
            matched: items.len() as u64,
            next: next.filter(|_| !ended),
            until: Some(until),
            ..Self::default()
        }
    }

    /// Of those that were named.
    pub(super) fn of_named<T>(found: &[T]) -> Self {
        Self {
            matched: found.len() as u64,
            ..Self::default()
        }
    }

    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        *self.refused.entry(why.into()).or_default() += 1;
    }

    /// Takes in what came of each.
    pub(super) fn count_all(&mut self, what: impl Iterator<Item = String>, came: &[Intervened]) {
        for (what, came) in what.zip(came) {
            match came.refusal() {
                Some(why) => self.refuse(why),
                None => self.count(what),
            }
        }
    }

    fn count(&mut self, what: String) {
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
