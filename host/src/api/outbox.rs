//! `GET /api/outbox`, `/api/outbox/SEQ`; `POST /api/outbox/retry`, `/api/outbox/cancel`: a
//! bounded number of requests in each call, which names where the next one goes on.
//!
//! What is meant: `requests` (their numbers) or `filter`, an object with the names of the
//! list's query: `handler`, `state`, `url` (a pattern), `from`, `to`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::change::{self, Asked, Report};
use super::{bad_request, filter, json, not_found};
use crate::event::HandlerName;
use crate::gateway::Core;
use crate::ledger::{
    Action, Intervened, Order, OutboxSeq, OutboxState, Page, RequestFilter, RequestSummary,
};
use crate::outbox::{self, Changed};
use crate::server::{ApiAnswer, ApiRequest};

/// Requests that one call changes.
pub(crate) const STEP: usize = super::replay::STEP;

/// What is done to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Dead ones are sent again, waiting ones now.
    Retry,
    /// Waiting ones become dead.
    Cancel,
}

impl Verb {
    /// The name in paths and commands.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
        }
    }

    /// The requests that are meant where nobody says in which state they are.
    pub(crate) fn state(self) -> OutboxState {
        match self {
            Self::Retry => OutboxState::Dead,
            Self::Cancel => OutboxState::Waiting,
        }
    }

    fn allows(self, state: &str) -> bool {
        state == OutboxState::Waiting.name()
            || self == Self::Retry && state == OutboxState::Dead.name()
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Change {
    /// These requests, by number.
    pub(crate) requests: Vec<i64>,
    /// Those that match.
    pub(crate) filter: Option<BTreeMap<String, String>>,
    /// Only count.
    pub(crate) dry_run: bool,
    /// Go on behind this place.
    pub(crate) after: Option<i64>,
    /// Stop at this place: what is sent again is behind it.
    pub(crate) until: Option<i64>,
    /// Who asks.
    pub(crate) who: Option<String>,
    /// Why.
    pub(crate) why: Option<String>,
}

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let mut meant = RequestFilter::default();
    let page = filter::read_with(&request.query, |name, value| set(&mut meant, name, value));
    json(&core.records.requests(&meant, page.map_err(bad_request)?)?)
}

pub(super) fn show(core: &Core, seq: &str) -> Result<ApiAnswer, ApiAnswer> {
    let seq = seq
        .parse()
        .map_err(|_| bad_request(format!("`{seq}` is no request's number")))?;
    match core.records.request(OutboxSeq(seq))? {
        Some(request) => json(&request),
        None => Err(not_found(format!("there is no request {seq}"))),
    }
}

/// Sets the part of a filter that `name` stands for; whether it stands for one.
pub(crate) fn set(filter: &mut RequestFilter, name: &str, value: &str) -> Result<bool, String> {
    match name {
        "handler" => filter.handler = Some(HandlerName::new(value)),
        "state" => {
            let state = OutboxState::from_name(value);
            filter.state = Some(state.ok_or_else(|| format!("there is no state `{value}`"))?);
        }
        "url" => filter.url = Some(crate::manifest::EventPattern::new(value)),
        "from" => filter.from = Some(filter::number(name, value)?),
        "to" => filter.to = Some(filter::number(name, value)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// The query that means this filter.
pub(crate) fn write(meant: &RequestFilter) -> Vec<(&'static str, String)> {
    let RequestFilter {
        handler,
        state,
        url,
        from,
        to,
    } = meant;
    filter::given([
        ("handler", handler.as_ref().map(ToString::to_string)),
        ("state", state.map(|state| state.name().to_owned())),
        ("url", url.as_ref().map(ToString::to_string)),
        ("from", from.map(|time| time.to_string())),
        ("to", to.map(|time| time.to_string())),
    ])
}

pub(super) fn change(core: &Core, verb: Verb, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let asked: Change = change::read(body)?;
    if asked.requests.is_empty() == asked.filter.is_none() {
        return Err(bad_request("name `requests` or a `filter`"));
    }
    if asked.requests.len() > STEP {
        return Err(bad_request(format!("name {STEP} at most in one call")));
    }
    let (meant, mut report) = match &asked.filter {
        Some(filter) => matching(core, verb, &asked, filter)?,
        None => named(core, &asked.requests)?,
    };
    let (fit, unfit): (Vec<_>, Vec<_>) = meant
        .into_iter()
        .partition(|request| verb.allows(&request.request.state));
    for request in unfit {
        report.refuse(format!("it is {}", request.request.state));
    }
    let came = if asked.dry_run || fit.is_empty() {
        vec![Intervened::Done; fit.len()]
    } else {
        carry_out(core, verb, &fit, &asked)?
    };
    for (request, came) in fit.iter().zip(came) {
        match came.refusal() {
            Some(why) => report.refuse(why),
            None => report.count(format!("{} {}", request.handler, request.request.state)),
        }
    }
    json(&report)
}

fn named(core: &Core, seqs: &[i64]) -> Result<(Vec<RequestSummary>, Report), ApiAnswer> {
    let mut found = Vec::new();
    for seq in seqs {
        match core.records.request(OutboxSeq(*seq))? {
            Some(detail) => found.push(detail.request),
            None => return Err(not_found(format!("there is no request {seq}"))),
        }
    }
    // Where they have one order, it is kept.
    found.sort_by_key(|request| request.request.seq);
    found.dedup_by_key(|request| request.request.seq);
    let report = Report {
        matched: found.len() as u64,
        ..Report::default()
    };
    Ok((found, report))
}

/// A page of the requests that match, in their order.
fn matching(
    core: &Core,
    verb: Verb,
    asked: &Change,
    parts: &BTreeMap<String, String>,
) -> Result<(Vec<RequestSummary>, Report), ApiAnswer> {
    let mut meant = RequestFilter::default();
    for (name, value) in parts {
        if !set(&mut meant, name, value).map_err(bad_request)? {
            return Err(bad_request(format!("`{name}` is not known in a filter")));
        }
    }
    meant.state.get_or_insert(verb.state());
    let until = match asked.until {
        Some(until) => until,
        None => last(core)?,
    };
    let page = Page {
        after: asked.after,
        limit: STEP,
        order: Order::Oldest,
    };
    let mut listed = core.records.requests(&meant, page)?;
    let all = listed.items.len();
    listed.items.retain(|request| request.request.seq <= until);
    let ended = listed.items.len() < all || listed.next.is_some_and(|next| next >= until);
    let report = Report {
        matched: listed.items.len() as u64,
        next: listed.next.filter(|_| !ended),
        until: Some(until),
        ..Report::default()
    };
    Ok((listed.items, report))
}

/// The last place that there is now.
fn last(core: &Core) -> Result<i64, ApiAnswer> {
    let page = Page {
        after: None,
        limit: 1,
        order: Order::Newest,
    };
    let listed = core.records.requests(&RequestFilter::default(), page)?;
    Ok(listed
        .items
        .first()
        .map_or(0, |request| request.request.seq))
}

fn carry_out(
    core: &Core,
    verb: Verb,
    requests: &[RequestSummary],
    asked: &Change,
) -> Result<Vec<Intervened>, ApiAnswer> {
    let asked = Asked {
        who: asked.who.clone(),
        why: asked.why.clone(),
    };
    let seqs = requests
        .iter()
        .map(|request| OutboxSeq(request.request.seq));
    let action = match verb {
        Verb::Retry => Action::RetryRequests(seqs.collect()),
        Verb::Cancel => {
            let mut cancelled = Vec::new();
            for seq in seqs {
                let told = core.ledger.outbox_request(seq)?.and_then(|request| {
                    outbox::cancelled(core, &request, asked.who(), core.clock.now())
                });
                cancelled.push((seq, told.map(Box::new)));
            }
            Action::CancelRequests(cancelled)
        }
    };
    let came = change::carry_out(core, change::intervention(action, &asked, None)?)?;
    let changed = requests
        .iter()
        .zip(&came)
        .filter(|(_, came)| **came == Intervened::Done)
        .map(|(request, _)| {
            let (handler, seq) = (
                HandlerName::new(request.handler.as_str()),
                OutboxSeq(request.request.seq),
            );
            match verb {
                Verb::Retry => Changed::Due(handler, seq),
                Verb::Cancel => Changed::Cancelled(handler, seq),
            }
        });
    if let Some(outbox) = core.outbox.get() {
        outbox.changed(changed.collect());
    }
    Ok(came)
}
