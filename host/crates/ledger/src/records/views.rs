//! Views: plain values that the admin API answers with.
//!
//! The command line reads the views from an answer of the API or, when no gateway runs, from the
//! ledger itself. Views show no headers and bodies of outbox requests and no queries of URLs,
//! since handlers may put credentials there.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{DeliveryState, Exchange, Millis, OutboxState, Scheduled};
use tollgate_base::time::WallTime;

/// An event with its deliveries, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventSummary {
    /// The gateway's id.
    pub id: String,
    /// The source.
    pub source: String,
    /// The event type.
    pub kind: String,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// When the provider says that the event happened.
    #[schema(value_type = Option<Millis>)]
    pub created_ms: Option<WallTime>,
    /// When the event was received.
    #[schema(value_type = Millis)]
    pub received_ms: WallTime,
    /// How many emissions lead from an event from outside to this event.
    pub depth: u32,
    /// How often the event arrived again.
    pub duplicates: u64,
    /// How often the event arrived again with other bytes.
    pub duplicates_differing: u64,
    /// When the event last arrived again.
    #[schema(value_type = Option<Millis>)]
    pub last_duplicate_ms: Option<WallTime>,
    /// When the payload was erased or redacted.
    #[schema(value_type = Option<Millis>)]
    pub erased_ms: Option<WallTime>,
    /// The deliveries; empty if no route names a handler.
    pub deliveries: Vec<DeliveryBrief>,
}

/// A delivery in an event's summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryBrief {
    /// The delivery's id.
    pub seq: i64,
    /// The handler.
    pub handler: String,
    /// The state.
    #[schema(value_type = DeliveryState)]
    pub state: String,
    /// Whether the delivery stands behind another delivery of its order key.
    pub blocked: bool,
}

/// All details of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub event: EventSummary,
    /// The event whose handling emitted this event, if a handler emitted it.
    pub cause: Option<String>,
    /// The recorded headers; empty if the body is no longer kept.
    pub headers: Vec<(String, String)>,
    /// The metadata that the gateway adds.
    pub metadata: Vec<(String, String)>,
    /// The payload; `None` if it is no longer kept.
    pub payload: Option<Payload>,
    /// The state of the question to the provider's API, while the event waits for the answer.
    #[serde(default)]
    pub resolving: Option<ResolvingView>,
    /// What the provider's API told about the event.
    #[serde(default)]
    pub resolved: Option<ResolvedView>,
    /// All details of the deliveries.
    pub history: Vec<DeliveryDetail>,
    /// The requests that the deliveries queued, with their tries: the first hundred.
    #[serde(default)]
    pub requests: Vec<RequestDetail>,
    /// The events that the deliveries scheduled and that are not due yet: the first hundred.
    #[serde(default)]
    pub scheduled: Vec<ScheduledView>,
}

/// An event's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// The bytes are UTF-8.
    Text(String),
    /// The bytes are not UTF-8.
    Base64(String),
}

/// An event that waits for its object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResolvingView {
    /// Since when.
    #[schema(value_type = Millis)]
    pub since_ms: WallTime,
    /// When the next try is due.
    #[schema(value_type = Millis)]
    pub due_ms: WallTime,
    /// The tries so far.
    pub tries: u32,
    /// Whether the next try needs the work of an operator, such as a new key.
    pub to_mend: bool,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// The error of the last try.
    pub error: Option<String>,
}

/// What the provider's API told about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResolvedView {
    /// When the last answer came.
    #[schema(value_type = Millis)]
    pub at_ms: WallTime,
    /// The tries that it took.
    pub tries: u32,
    /// The object; `None` if it was not asked for.
    pub object: Option<ToldView>,
    /// The event with the provider's further fields; `None` if it was not asked for.
    pub event: Option<ToldView>,
    /// Why something was not asked for.
    pub note: Option<String>,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ToldView {
    /// The JSON of the answer.
    Found(Payload),
    /// It is no longer there.
    Gone,
}

/// A delivery with its event, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliverySummary {
    /// The delivery's id.
    pub seq: i64,
    /// The event's id.
    pub event: String,
    /// The event's source.
    pub source: String,
    /// The event's type.
    pub kind: String,
    /// When the event was received.
    #[schema(value_type = Millis)]
    pub received_ms: WallTime,
    /// When the event's payload was erased or redacted.
    #[schema(value_type = Option<Millis>)]
    pub erased_ms: Option<WallTime>,
    /// The handler.
    pub handler: String,
    /// The state.
    #[schema(value_type = DeliveryState)]
    pub state: String,
    /// The attempts of the present run.
    pub attempts: u32,
    /// The run: 0, and one more for each replay.
    pub run: u32,
    /// The run whose idempotency keys the delivery uses.
    pub keys: u32,
    /// The number of unclean ends of the gateway at which the delivery was under way.
    pub crashes: u32,
    /// The delivery of the same order key that blocks this delivery, if one does.
    pub blocked_by: Option<Blocker>,
    /// The object that the delivery waits for, if it waits until its event is resolved.
    #[serde(default)]
    pub waits_for: Option<ResolvingView>,
    /// When the next attempt is due, while the delivery is retrying.
    #[schema(value_type = Option<Millis>)]
    pub due_ms: Option<WallTime>,
    /// When the delivery became done, ignored or dead.
    #[schema(value_type = Option<Millis>)]
    pub finished_ms: Option<WallTime>,
    /// The outcome of the last attempt; `None` before the first attempt.
    pub last_outcome: Option<String>,
    /// The reason for that outcome.
    pub last_detail: Option<String>,
}

/// A delivery that blocks others of its order key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blocker {
    /// The delivery's id.
    pub seq: i64,
    /// The state.
    #[schema(value_type = DeliveryState)]
    pub state: String,
}

/// All details of a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliverySummary,
    /// The interventions of operators, in order.
    pub interventions: Vec<InterventionView>,
    /// The last hundred attempts in order; attempts of earlier runs come first.
    pub tried: Vec<AttemptView>,
}

/// An intervention of an operator on a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InterventionView {
    /// The time of the intervention.
    #[schema(value_type = Millis)]
    pub at_ms: WallTime,
    /// The action: `retry`, `cancel`, `replay`, `route` (which made the delivery), `replaced`, or
    /// `run` of a scheduled event.
    pub action: String,
    /// The delivery's run after the intervention.
    pub run: u32,
    /// The operator.
    pub who: String,
    /// The reason.
    pub why: Option<String>,
    /// The request of the outbox that was retried or cancelled, not the delivery itself.
    pub request: Option<i64>,
    /// The key of the scheduled event that was run or cancelled.
    pub scheduled: Option<String>,
}

/// A value of a handler's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateView {
    /// The key.
    pub key: String,
    /// The version, which each write changes.
    pub version: i64,
    /// The length of the value in bytes.
    pub bytes: usize,
    /// The digest of the component that wrote the value; `None` if an operator did, or if that is
    /// not known.
    pub component: Option<String>,
    /// When the value was written, if that is known.
    #[schema(value_type = Option<Millis>)]
    pub written_ms: Option<WallTime>,
    /// The value, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Payload>,
}

/// A change of an operator to a value of a handler's state. The values are not on record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateChangeView {
    /// The number of the change.
    pub seq: i64,
    /// When.
    #[schema(value_type = Millis)]
    pub at_ms: WallTime,
    /// The handler.
    pub handler: String,
    /// The key.
    pub key: String,
    /// `set` or `delete`.
    pub action: String,
    /// The length of the value before in bytes; `None` if there was none.
    pub before: Option<usize>,
    /// The length of the value afterwards; `None` if there is none.
    pub after: Option<usize>,
    /// The operator.
    pub who: String,
    /// The reason.
    pub why: Option<String>,
}

/// One run of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptView {
    /// The run of the delivery.
    pub run: u32,
    /// The number of the attempt in that run, from 1.
    pub number: u32,
    /// When the attempt began.
    #[schema(value_type = Millis)]
    pub started_ms: WallTime,
    /// The duration in microseconds.
    pub duration_us: u64,
    /// The outcome.
    pub outcome: String,
    /// The reason, as the handler or the gateway gives it.
    pub detail: Option<String>,
    /// The component's digest; `None` after a crash.
    pub component: Option<String>,
    /// The log lines, a JSON object each.
    #[schema(value_type = Vec<Object>)]
    pub logs: Vec<Value>,
    /// The requests.
    pub requests: Vec<RequestView>,
    /// The emitted events.
    pub emitted: Vec<EmittedView>,
    /// The immediate requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub immediate: Vec<ExchangeView>,
}

/// An immediate request of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExchangeView {
    /// The method.
    pub method: String,
    /// The URL without its query.
    pub url: String,
    /// When the request began, in microseconds from the start of the run.
    pub after_us: u64,
    /// How long the guest waited, in microseconds.
    pub duration_us: u64,
    /// The status; `None` without an answer.
    pub status: Option<u16>,
    /// Why there is no answer.
    pub error: Option<String>,
    /// The bytes of the answer's body.
    pub bytes: usize,
    /// Whether the answer is that of an earlier attempt, so that no request went out.
    pub recorded: bool,
}

impl From<Exchange> for ExchangeView {
    fn from(exchange: Exchange) -> Self {
        let answer = exchange.answer.as_ref().ok();
        Self {
            status: answer.map(|answer| answer.status),
            bytes: answer.map_or(0, |answer| answer.body.len()),
            error: exchange.answer.err().map(|why| why.0),
            method: exchange.method,
            url: without_query(&exchange.url),
            after_us: exchange.after_us,
            duration_us: exchange.duration_us,
            recorded: exchange.recorded,
        }
    }
}

/// A request of the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestView {
    /// Its place in the outbox.
    pub seq: i64,
    /// The state.
    #[schema(value_type = OutboxState)]
    pub state: String,
    /// The tries so far.
    pub tries: u32,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// The error of the last try.
    pub error: Option<String>,
    /// The method.
    pub method: String,
    /// The URL without its query.
    pub url: String,
    /// The `Idempotency-Key`.
    pub idempotency_key: String,
    /// The order key: requests of one handler with the same key go out one after another.
    pub order_key: Option<String>,
    /// When the request was queued.
    #[schema(value_type = Millis)]
    pub queued_ms: WallTime,
}

/// A request with its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestSummary {
    /// The request.
    #[serde(flatten)]
    pub request: RequestView,
    /// The handler that queued the request.
    pub handler: String,
    /// The id of the event of the delivery that queued it.
    pub event: String,
    /// The delivery that queued the request.
    pub delivery: i64,
    /// When the next try is due, while the request waits.
    #[schema(value_type = Option<Millis>)]
    pub due_ms: Option<WallTime>,
    /// When the request was sent, or became dead.
    #[serde(default)]
    #[schema(value_type = Option<Millis>)]
    pub finished_ms: Option<WallTime>,
}

/// All details of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RequestDetail {
    /// The request.
    #[serde(flatten)]
    pub request: RequestSummary,
    /// The id under which the request was queued, if an operator has requeued it since.
    #[serde(rename = "was")]
    pub first_id: Option<i64>,
    /// The last hundred tries that were not answered 2xx.
    pub tried: Vec<TryView>,
}

/// A try of a request that was not answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TryView {
    /// The number of the try, from 1.
    pub number: u32,
    /// When the try ended.
    #[schema(value_type = Millis)]
    pub ended_ms: WallTime,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// The error.
    pub error: Option<String>,
}

/// An event that an attempt emitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EmittedView {
    /// The event's id.
    pub id: String,
    /// The event type.
    pub kind: String,
}

/// A scheduled event, without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduledView {
    /// The handler.
    pub handler: String,
    /// The key.
    pub key: String,
    /// The due time.
    #[schema(value_type = Millis)]
    pub due_ms: WallTime,
    /// The type of the event.
    pub kind: String,
    /// The object that the event is about.
    pub subject: Option<String>,
    /// The id of the event whose handling put the entry.
    pub cause: String,
}

impl From<Scheduled> for ScheduledView {
    fn from(entry: Scheduled) -> Self {
        Self {
            handler: entry.handler.to_string(),
            key: entry.key,
            due_ms: entry.due,
            kind: entry.kind,
            subject: entry.subject,
            cause: entry.cause.to_string(),
        }
    }
}

/// A URL without its query, in which handlers may put credentials.
pub fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((url, _)) => format!("{url}?…"),
        None => url.to_owned(),
    }
}
