//! `POST /api/replay`: has deliveries run again, or routes events anew; a bounded number in
//! each call, which names where the next one goes on.
//!
//! What is meant: `deliveries` (their numbers), `events` (their ids), or `filter`, an object
//! with the names of a list's query. `onto` says whether ended deliveries run again
//! (`deliveries`) or events go to handlers that the present routes name and that have not
//! had them (`routes`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::change::{self, Asked, LAST, Report, STEP};
use super::{bad_request, filter, json};
use crate::run::Core;
use crate::server::ApiAnswer;
use tollgate_base::event::{Event, EventId, HandlerName};
use tollgate_ledger::{
    Action, Choice, DeliverySeq, DeliveryState, DeliverySummary, EventSummary, Intervened, Page,
    Recipient, RecordFilter, ReplayKeys, StateFilter,
};

/// What is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replay {
    /// These deliveries, by number.
    pub(crate) deliveries: Vec<i64>,
    /// These events, by id.
    pub(crate) events: Vec<String>,
    /// Those that match.
    pub(crate) filter: Option<BTreeMap<String, String>>,
    /// What is made of them.
    pub(crate) onto: Onto,
    /// Whether effects happen again.
    pub(crate) keys: KeysOf,
    /// What runs.
    pub(crate) component: ComponentOf,
    /// Only count.
    pub(crate) dry_run: bool,
    /// Go on behind this place.
    pub(crate) after: Option<i64>,
    /// Stop at this place.
    pub(crate) until: Option<i64>,
    /// Names the whole of the calls: what one of them has changed, none changes again.
    pub(crate) batch: Option<String>,
    /// Who asks.
    pub(crate) who: Option<String>,
    /// Why.
    pub(crate) why: Option<String>,
}

/// What is made of what is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Onto {
    /// Deliveries run again.
    #[default]
    Deliveries,
    /// Events are routed anew.
    Routes,
}

/// See [`ReplayKeys`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeysOf {
    #[default]
    New,
    Same,
}

/// See [`Choice`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ComponentOf {
    #[default]
    Current,
    Recorded,
}

pub(super) fn replay(core: &Core, body: &serde_json::Value) -> Result<ApiAnswer, ApiAnswer> {
    let mut asked: Replay = change::read(body)?;
    let ways = [
        !asked.deliveries.is_empty(),
        !asked.events.is_empty(),
        asked.filter.is_some(),
    ];
    if ways.iter().filter(|way| **way).count() != 1 {
        return Err(bad_request("name `deliveries`, `events` or a `filter`"));
    }
    if asked.deliveries.len().max(asked.events.len()) > STEP {
        return Err(bad_request(format!("name {STEP} at most in one call")));
    }
    if asked.until.is_none() && asked.filter.is_some() {
        asked.until = Some(last(core, asked.onto)?);
    }
    let report = match asked.onto {
        Onto::Deliveries => deliveries(core, &asked),
        Onto::Routes => events(core, &asked),
    }?;
    json(&report)
}

/// The last place that there is now.
fn last(core: &Core, onto: Onto) -> Result<i64, ApiAnswer> {
    match onto {
        Onto::Deliveries => super::deliveries::last(core),
        Onto::Routes => {
            let listed = core.records.events(&RecordFilter::default(), LAST)?;
            Ok(listed.items.first().map_or(0, |event| event.seq))
        }
    }
}

impl Replay {
    fn filter(&self) -> Result<RecordFilter, ApiAnswer> {
        let none = BTreeMap::new();
        filter::of_parts(self.filter.as_ref().unwrap_or(&none)).map_err(bad_request)
    }

    fn page(&self) -> Page {
        change::step_after(self.after)
    }

    fn asked(&self) -> Asked {
        Asked {
            who: self.who.clone(),
            why: self.why.clone(),
        }
    }

    /// Leaves what is beyond the last place out, and says where to go on.
    fn bound<T>(&self, items: &mut Vec<T>, next: Option<i64>, seq: impl Fn(&T) -> i64) -> Report {
        let until = self.until.unwrap_or(i64::MAX);
        Report {
            until: self.until,
            ..Report::of_page(items, next, until, seq)
        }
    }
}

/// Has ended deliveries run again.
fn deliveries(core: &Core, asked: &Replay) -> Result<Report, ApiAnswer> {
    let (mut meant, next) = meant_deliveries(core, asked)?;
    let mut report = asked.bound(&mut meant, next, |delivery| delivery.seq);
    let mut fit = Vec::new();
    for delivery in meant {
        match unfit(core, asked, &delivery)? {
            Some(why) => report.refuse(why),
            None => fit.push(delivery),
        }
    }
    let came = if asked.dry_run || fit.is_empty() {
        vec![Intervened::Done; fit.len()]
    } else {
        let action = Action::Replay {
            deliveries: fit
                .iter()
                .map(|delivery| DeliverySeq(delivery.seq))
                .collect(),
            keys: match asked.keys {
                KeysOf::New => ReplayKeys::New,
                KeysOf::Same => ReplayKeys::Same,
            },
            component: match asked.component {
                ComponentOf::Current => Choice::Current,
                ComponentOf::Recorded => Choice::Recorded,
            },
        };
        let intervention = change::intervention(action, &asked.asked(), asked.batch.clone())?;
        change::carry_out(core, intervention)?
    };
    let what = |of: &DeliverySummary| format!("{} {}", of.handler, of.state);
    report.count_all(fit.iter().map(what), &came);
    Ok(report)
}

/// A page of the deliveries that are meant, and where the next begins.
fn meant_deliveries(
    core: &Core,
    asked: &Replay,
) -> Result<(Vec<DeliverySummary>, Option<i64>), ApiAnswer> {
    if asked.filter.is_some() {
        let listed = core.records.deliveries(&asked.filter()?, asked.page())?;
        return Ok((listed.items, listed.next));
    }
    let mut seqs = asked.deliveries.clone();
    for id in &asked.events {
        let event = event_of(core, id)?;
        seqs.extend(event.deliveries.iter().map(|delivery| delivery.seq));
    }
    let mut found = Vec::new();
    for seq in seqs {
        match core.records.delivery(DeliverySeq(seq))? {
            Some(detail) => found.push(detail.delivery),
            None => return Err(super::not_found(format!("there is no delivery {seq}"))),
        }
    }
    Ok((found, None))
}

fn event_of(core: &Core, id: &str) -> Result<EventSummary, ApiAnswer> {
    let id: EventId = id
        .parse()
        .map_err(|_| bad_request(format!("`{id}` is no event's id")))?;
    let found = core.records.event(id)?;
    let event = found.ok_or_else(|| super::not_found(format!("there is no event {id}")))?;
    Ok(event.event)
}

/// Why a delivery cannot run again, as far as can be said before it is tried. One that the
/// same request has changed before is left to the ledger to tell.
fn unfit(
    core: &Core,
    asked: &Replay,
    delivery: &DeliverySummary,
) -> Result<Option<String>, ApiAnswer> {
    let name = HandlerName::new(delivery.handler.as_str());
    let state = DeliveryState::from_name(&delivery.state);
    let ended = matches!(
        state,
        Some(DeliveryState::Done | DeliveryState::Ignored | DeliveryState::Dead)
    );
    if state == Some(DeliveryState::Held) || !core.current.load().handlers.contains_key(&name) {
        return Ok(Some(format!(
            "handler `{name}` is not in the manifest: replay the event onto the routes"
        )));
    }
    if !ended && asked.batch.is_none() {
        return Ok(Some(format!("it is {}", delivery.state)));
    }
    if delivery.erased_ms.is_some() {
        return Ok(Intervened::Erased.refusal());
    }
    if asked.component == ComponentOf::Recorded {
        return recorded_missing(core, delivery.seq);
    }
    Ok(None)
}

/// Why the component of a delivery's last attempt cannot run, if it cannot.
fn recorded_missing(core: &Core, seq: i64) -> Result<Option<String>, ApiAnswer> {
    let detail = core.records.delivery(DeliverySeq(seq))?;
    let tried = detail.map(|detail| detail.tried).unwrap_or_default();
    let digest = tried
        .iter()
        .rev()
        .find_map(|attempt| attempt.component.clone());
    Ok(match digest {
        None => Intervened::NoComponent.refusal(),
        Some(digest) if core.components.has(&digest) => None,
        Some(digest) => Some(format!("component {digest} is not kept")),
    })
}

/// Routes events anew.
fn events(core: &Core, asked: &Replay) -> Result<Report, ApiAnswer> {
    if asked.keys == KeysOf::Same || asked.component == ComponentOf::Recorded {
        return Err(bad_request(
            "new deliveries have keys of their own and run what their handlers run now",
        ));
    }
    let (mut meant, next) = meant_events(core, asked)?;
    let mut report = asked.bound(&mut meant, next, |event| event.seq);
    let generation = core.current.load_full();
    let mut routed = Vec::new();
    for summary in &meant {
        let event = core.records.event_to_run(summary.seq)?;
        let Some(event) = event else {
            report.refuse(Intervened::Erased.refusal().unwrap_or_default());
            continue;
        };
        let handlers = new_handlers(&generation.routes, &event, summary);
        if handlers.is_empty() {
            report.refuse(Intervened::NoRoute.refusal().unwrap_or_default());
        } else {
            routed.push((Arc::new(event), handlers));
        }
    }
    let came = if asked.dry_run || routed.is_empty() {
        let many = routed.iter().map(|(_, handlers)| handlers.len());
        many.map(Intervened::Routed).collect()
    } else {
        let action = Action::Route(routed.clone());
        let intervention = change::intervention(action, &asked.asked(), asked.batch.clone())?;
        change::carry_out(core, intervention)?
    };
    let to = |(_, handlers): &(Arc<Event>, Vec<Recipient>)| {
        let names: Vec<_> = handlers.iter().map(|to| to.handler.to_string()).collect();
        format!("to {}", names.join(", "))
    };
    report.count_all(routed.iter().map(to), &came);
    Ok(report)
}

/// The handlers that the routes name and that the event has no delivery for.
fn new_handlers(
    routes: &crate::dispatch::Routes,
    event: &Event,
    summary: &EventSummary,
) -> Vec<Recipient> {
    let mut handlers = routes.recipients(event);
    handlers.retain(|to| {
        let had = |brief: &tollgate_ledger::Brief| brief.handler == to.handler.as_str();
        !summary.deliveries.iter().any(had)
    });
    handlers
}

/// A page of the events that are meant, and where the next begins.
fn meant_events(
    core: &Core,
    asked: &Replay,
) -> Result<(Vec<EventSummary>, Option<i64>), ApiAnswer> {
    if asked.filter.is_some() {
        let mut filter = asked.filter()?;
        if filter.state.is_none() && filter.handler.is_none() {
            filter.state = Some(StateFilter::Unrouted);
        }
        let listed = core.records.events(&filter, asked.page())?;
        return Ok((listed.items, listed.next));
    }
    if !asked.deliveries.is_empty() {
        return Err(bad_request(
            "events are routed, not deliveries: name `events`",
        ));
    }
    let events = asked.events.iter().map(|id| event_of(core, id));
    Ok((events.collect::<Result<_, _>>()?, None))
}
