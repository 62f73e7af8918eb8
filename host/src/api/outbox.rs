//! `GET /api/outbox`, `/api/outbox/SEQ`; `POST /api/outbox/retry`, `/api/outbox/cancel`: a
//! bounded number of requests in each call, which names where the next one goes on.
//!
//! What is meant: `numbers` or `filter`, an object with the names of the
//! list's query: `handler`, `state`, `url` (a pattern), `from`, `to`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::change::{self, LAST, Report, Several, Verb};
use super::{bad_request, filter, json, not_found};
use crate::outbox::{self, Changed};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Action, Intervened, OutboxSeq, OutboxState, RequestFilter, RequestSummary};

impl Verb {
    /// The requests that are meant where nobody says in which state they are.
    pub(crate) fn of_requests(self) -> OutboxState {
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
        "url" => filter.url = Some(tollgate_base::globs::EventPattern::new(value)),
        "from" => filter.from = Some(filter::moment(name, value)?),
        "to" => filter.to = Some(filter::moment(name, value)?),
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
        ("from", from.map(|time| time.as_millis().to_string())),
        ("to", to.map(|time| time.as_millis().to_string())),
    ])
}

pub(super) fn change(core: &Core, verb: Verb, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let asked = Several::read(body)?;
    let meant = match &asked.filter {
        Some(filter) => matching(core, verb, &asked, filter)?,
        None => named(core, &asked.numbers)?,
    };
    let allows = |state: &str| verb.allows(state);
    let report = asked.change(meant, of, allows, |fit| carry_out(core, verb, fit, &asked))?;
    json(&report)
}

/// Its handler and its state.
fn of(request: &RequestSummary) -> (&str, &str) {
    (&request.handler, &request.request.state)
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
    let report = Report::of_named(&found);
    Ok((found, report))
}

/// A page of the requests that match, in their order.
fn matching(
    core: &Core,
    verb: Verb,
    asked: &Several,
    parts: &BTreeMap<String, String>,
) -> Result<(Vec<RequestSummary>, Report), ApiAnswer> {
    let mut meant = RequestFilter::default();
    filter::set_parts(parts, |name, value| set(&mut meant, name, value)).map_err(bad_request)?;
    meant.state.get_or_insert(verb.of_requests());
    let until = match asked.until {
        Some(until) => until,
        None => last(core)?,
    };
    let mut listed = core
        .records
        .requests(&meant, change::step_after(asked.after))?;
    let report = Report::of_page(&mut listed.items, listed.next, until, |request| {
        request.request.seq
    });
    Ok((listed.items, report))
}

/// The last place that there is now.
fn last(core: &Core) -> Result<i64, ApiAnswer> {
    let listed = core.records.requests(&RequestFilter::default(), LAST)?;
    let last = listed.items.first();
    Ok(last.map_or(0, |request| request.request.seq))
}

fn carry_out(
    core: &Core,
    verb: Verb,
    requests: &[RequestSummary],
    asked: &Several,
) -> Result<Vec<Intervened>, ApiAnswer> {
    let asked = asked.asked();
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
