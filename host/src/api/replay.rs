//! `POST /api/replay`: runs ended deliveries again, or routes events again. Each call changes a
//! bounded number and returns the cursor of the next call.
//!
//! The request names `deliveries` by number, `events` by id, or a `filter` with the names of a
//! list's query. With `onto: deliveries`, ended deliveries run again. With `onto: routes`, events
//! go to the handlers of the present routes that have no delivery of the event.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Answer, ApiError, ChangeErrors};
use super::bulk::{BulkReport, STEP, step};
use super::calls::Calls;
use super::events::{find_id, unknown};
use super::extract::Posted;
use super::intervention::{Attribution, By, carry_out, intervention};
use super::query;
use crate::dispatch::Routes;
use crate::resolve::is_asked;
use crate::run::{Core, Exclusion};
use crate::server::Operator;
use tollgate_base::event::{Event, HandlerName, SourceName};
use tollgate_ledger::{
    Action, Cursor, DeliveryBrief, DeliveryId, DeliveryState, DeliverySummary, EventSummary,
    Intervened, Page, Recipient, RecordFilter, RecordList, ReplayComponent, ReplayKeys, RoutedAnew,
    StateFilter,
};

/// The request of one call.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReplayRequest {
    /// The numbers of deliveries. A request has deliveries, events or a filter.
    #[schema(max_items = 100)]
    pub(crate) deliveries: Vec<i64>,
    /// The ids of events.
    #[schema(max_items = 100)]
    pub(crate) events: Vec<String>,
    /// A filter of deliveries or events, as the names and values of the list's query.
    pub(crate) filter: Option<BTreeMap<String, String>>,
    /// Whether deliveries run again or events are routed again.
    pub(crate) onto: Onto,
    /// The idempotency keys of the runs.
    pub(crate) keys: KeysOf,
    /// The component of the runs.
    pub(crate) component: ComponentOf,
    /// Whether the runs ask anew, for the objects of thin events and with immediate requests.
    pub(crate) refetch: bool,
    /// Whether to count only.
    pub(crate) dry_run: bool,
    /// The cursor: the `next` of the call before.
    pub(crate) after: Option<Cursor>,
    /// The cursor of the last item: newer items, which arrived after the first call, are left
    /// out. The `until` of the call before.
    pub(crate) until: Option<Cursor>,
    /// Id shared by all calls of one replay; items already changed under it are skipped.
    pub(crate) batch: Option<String>,
    /// The name of the operator, for the record.
    pub(crate) who: Option<String>,
    /// The reason, for the record.
    pub(crate) why: Option<String>,
}

/// The kind of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Onto {
    /// Deliveries run again.
    #[default]
    Deliveries,
    /// Events are routed again.
    Routes,
}

/// See [`ReplayKeys`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeysOf {
    #[default]
    New,
    Same,
}

/// See [`ReplayComponent`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ComponentOf {
    #[default]
    Current,
    Recorded,
}

/// Runs ended deliveries again, or routes events again. A call changes a bounded number of items,
/// and says where the next call goes on.
#[utoipa::path(
    post,
    path = "/api/replay",
    tag = "deliveries",
    request_body = ReplayRequest,
    responses((status = 200, description = "What was changed.", body = BulkReport), ChangeErrors),
)]
pub(super) async fn replay(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<ReplayRequest>,
) -> Answer<BulkReport> {
    let by = request.by(&operator);
    calls
        .answer(move |core| carry_out_replay(core, &request, &by))
        .await
}

fn carry_out_replay(core: &Core, request: &ReplayRequest, by: &By) -> Result<BulkReport, ApiError> {
    let ways = [
        !request.deliveries.is_empty(),
        !request.events.is_empty(),
        request.filter.is_some(),
    ];
    if ways.iter().filter(|way| **way).count() != 1 {
        return Err(ApiError::bad_request(
            "name `deliveries`, `events` or a `filter`",
        ));
    }
    if request.deliveries.len().max(request.events.len()) > STEP {
        return Err(ApiError::bad_request(format!(
            "name {STEP} at most in one call"
        )));
    }
    match request.onto {
        Onto::Deliveries => replay_deliveries(core, request, by),
        Onto::Routes => route_events(core, request, by),
    }
}

impl ReplayRequest {
    fn filter(&self) -> Result<RecordFilter, ApiError> {
        let none = BTreeMap::new();
        Ok(query::read_filter(self.filter.as_ref().unwrap_or(&none))?)
    }

    /// The page of this call.
    fn page(&self, core: &Core) -> Result<Page, ApiError> {
        let until = match &self.until {
            Some(until) => until.clone(),
            None => core.records.last_cursor(match self.onto {
                Onto::Deliveries => RecordList::Deliveries,
                Onto::Routes => RecordList::Events,
            })?,
        };
        Ok(step(self.after.clone(), until))
    }

    fn by(&self, operator: &Operator) -> By {
        let said = Attribution {
            who: self.who.clone(),
            why: self.why.clone(),
        };
        said.by(operator)
    }
}

/// Runs ended deliveries again.
fn replay_deliveries(
    core: &Core,
    request: &ReplayRequest,
    by: &By,
) -> Result<BulkReport, ApiError> {
    let (selected, mut report) = selected_deliveries(core, request)?;
    let mut fit = Vec::new();
    for delivery in selected {
        match obstacle(core, request, &delivery)? {
            Some(why) => report.refuse(why),
            None => fit.push(delivery),
        }
    }
    let results = if request.dry_run || fit.is_empty() {
        vec![Intervened::Done; fit.len()]
    } else {
        let action = Action::Replay {
            deliveries: fit
                .iter()
                .map(|delivery| DeliveryId(delivery.seq))
                .collect(),
            keys: match request.keys {
                KeysOf::New => ReplayKeys::New,
                KeysOf::Same => ReplayKeys::Same,
            },
            component: match request.component {
                ComponentOf::Current => ReplayComponent::Current,
                ComponentOf::Recorded => ReplayComponent::Recorded,
            },
            refetch: match request.refetch {
                true => Some(resolving_sources(core)),
                false => None,
            },
        };
        let intervention = intervention(action, by, request.batch.clone())?;
        carry_out(core, intervention)?
    };
    let what = |of: &DeliverySummary| format!("{} {}", of.handler, of.state);
    report.count_all(fit.iter().map(what), &results);
    Ok(report)
}

/// The sources whose events can be resolved.
fn resolving_sources(core: &Core) -> Vec<SourceName> {
    let sources = core.current.load_full();
    let resolving = sources.manifest.sources.values();
    let resolving = resolving.filter(|source| source.resolve.is_some());
    resolving.map(|source| source.name.clone()).collect()
}

/// A page of the selected deliveries, and the report before their change.
fn selected_deliveries(
    core: &Core,
    request: &ReplayRequest,
) -> Result<(Vec<DeliverySummary>, BulkReport), ApiError> {
    if request.filter.is_some() {
        let page = request.page(core)?;
        let listed = core.records.deliveries(&request.filter()?, &page)?;
        return Ok(BulkReport::of_page(listed, page));
    }
    let mut seqs = request.deliveries.clone();
    for id in &request.events {
        let event = event_of(core, id)?;
        seqs.extend(event.deliveries.iter().map(|delivery| delivery.seq));
    }
    let mut found = Vec::new();
    for seq in seqs {
        match core.records.delivery(DeliveryId(seq))? {
            Some(detail) => found.push(detail.delivery),
            None => return Err(ApiError::not_found(format!("there is no delivery {seq}"))),
        }
    }
    Ok(BulkReport::of_named(found))
}

fn event_of(core: &Core, id: &str) -> Result<EventSummary, ApiError> {
    let id = find_id(core, id)?;
    let found = core.records.event(id)?;
    let event = found.ok_or_else(|| unknown(id))?;
    Ok(event.event)
}

/// Why a delivery cannot run again, as far as this can be known before the ledger tries. With a
/// batch, the ledger itself knows the deliveries that the batch has changed before.
fn obstacle(
    core: &Core,
    request: &ReplayRequest,
    delivery: &DeliverySummary,
) -> Result<Option<String>, ApiError> {
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
    if !ended && request.batch.is_none() {
        return Ok(Some(format!("it is {}", delivery.state)));
    }
    if delivery.erased_ms.is_some() {
        return Ok(Intervened::Erased.refusal());
    }
    if request.component == ComponentOf::Recorded {
        return recorded_missing(core, delivery.seq);
    }
    Ok(None)
}

/// Why the component of a delivery's last attempt cannot run; `None` if it can.
fn recorded_missing(core: &Core, seq: i64) -> Result<Option<String>, ApiError> {
    let detail = core.records.delivery(DeliveryId(seq))?;
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

/// Routes events again.
fn route_events(core: &Core, request: &ReplayRequest, by: &By) -> Result<BulkReport, ApiError> {
    if request.refetch {
        return Err(ApiError::bad_request(
            "`refetch` is for deliveries that run again",
        ));
    }
    if request.keys == KeysOf::Same || request.component == ComponentOf::Recorded {
        return Err(ApiError::bad_request(
            "new deliveries have new keys and run the present components of their handlers",
        ));
    }
    let (selected, mut report) = selected_events(core, request)?;
    let generation = core.current.load_full();
    let mut routed = Vec::new();
    for summary in &selected {
        let event = core.records.event_to_run(find_id(core, &summary.id)?)?;
        let Some(event) = event else {
            report.refuse(Intervened::Erased.refusal().unwrap_or_default());
            continue;
        };
        // Who names an event by its id means this event.
        if request.filter.is_some()
            && let Some(source) = generation.manifest.sources.get(&event.source)
            && let Some(exclusion) = Exclusion::of(source, &event)
        {
            report.refuse(exclusion.to_string());
            continue;
        }
        let handlers = new_handlers(&generation.routes, &event, summary);
        if handlers.is_empty() {
            report.refuse(Intervened::NoRoute.refusal().unwrap_or_default());
        } else {
            let source = generation.manifest.sources.get(&event.source);
            let resolve = source.and_then(|source| source.resolve.as_ref());
            routed.push(RoutedAnew {
                resolve: resolve.is_some_and(|resolve| is_asked(resolve, &event.payload)),
                event: Arc::new(event),
                handlers,
            });
        }
    }
    let results = if request.dry_run || routed.is_empty() {
        let many = routed.iter().map(|anew| anew.handlers.len());
        many.map(Intervened::Routed).collect()
    } else {
        let action = Action::Route(routed.clone());
        let intervention = intervention(action, by, request.batch.clone())?;
        carry_out(core, intervention)?
    };
    let to = |anew: &RoutedAnew| {
        let names: Vec<_> = anew
            .handlers
            .iter()
            .map(|to| to.handler.to_string())
            .collect();
        format!("to {}", names.join(", "))
    };
    report.count_all(routed.iter().map(to), &results);
    Ok(report)
}

/// The handlers of the routes that have no delivery of the event.
fn new_handlers(routes: &Routes, event: &Event, summary: &EventSummary) -> Vec<Recipient> {
    let mut handlers = routes.recipients(event);
    handlers.retain(|to| {
        let had = |brief: &DeliveryBrief| brief.handler == to.handler.as_str();
        !summary.deliveries.iter().any(had)
    });
    handlers
}

/// A page of the selected events, and the report before their change.
fn selected_events(
    core: &Core,
    request: &ReplayRequest,
) -> Result<(Vec<EventSummary>, BulkReport), ApiError> {
    if request.filter.is_some() {
        let mut filter = request.filter()?;
        if filter.state.is_none() && filter.handler.is_none() {
            filter.state = Some(StateFilter::Unrouted);
        }
        let page = request.page(core)?;
        let listed = core.records.events(&filter, &page)?;
        return Ok(BulkReport::of_page(listed, page));
    }
    if !request.deliveries.is_empty() {
        return Err(ApiError::bad_request(
            "events are routed, not deliveries: name `events`",
        ));
    }
    let events = request.events.iter().map(|id| event_of(core, id));
    Ok(BulkReport::of_named(events.collect::<Result<_, _>>()?))
}
