//! Views: plain values that the admin API answers with.
//!
//! The command line reads the views from an answer of the API or, when no gateway runs, from the
//! ledger itself. Views show no headers and bodies of outbox requests and no queries of URLs,
//! since handlers may put credentials there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Scheduled;
use tollgate_base::time::WallTime;

/// An event with its deliveries, briefly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSummary {
    /// The gateway's id of it.
    pub id: String,
    /// Where it came from.
    pub source: String,
    /// Its type.
    pub kind: String,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The connected account or merchant.
    pub account: Option<String>,
    /// When the provider says that it happened.
    pub created_ms: Option<WallTime>,
    /// When it was received.
    pub received_ms: WallTime,
    /// How many emissions lie between it and an event from outside.
    pub depth: u32,
    /// How often it arrived again.
    pub duplicates: u64,
    /// Of these, how often with other bytes.
    pub duplicates_differing: u64,
    /// When it last arrived again.
    pub last_duplicate_ms: Option<WallTime>,
    /// When its payload was erased or redacted.
    pub erased_ms: Option<WallTime>,
    /// Its deliveries; none if no route named a handler.
    pub deliveries: Vec<DeliveryBrief>,
}

/// A delivery in an event's summary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryBrief {
    /// Its place.
    pub seq: i64,
    /// Its handler.
    pub handler: String,
    /// Its state.
    pub state: String,
    /// Whether it stands behind another one of its key.
    pub blocked: bool,
}

/// Everything about an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub event: EventSummary,
    /// The event whose handling emitted it, if a handler did.
    pub cause: Option<String>,
    /// Recorded headers; none when the body is no longer kept.
    pub headers: Vec<(String, String)>,
    /// What the gateway adds.
    pub metadata: Vec<(String, String)>,
    /// The payload; none when it is no longer kept.
    pub payload: Option<Payload>,
    /// Its deliveries with everything about them.
    pub history: Vec<DeliveryDetail>,
}

/// An event's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// They are UTF-8.
    Text(String),
    /// They are not.
    Base64(String),
}

/// A delivery with its event, briefly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverySummary {
    /// Its place in the order of arrival.
    pub seq: i64,
    /// The event's id.
    pub event: String,
    /// The event's source.
    pub source: String,
    /// The event's type.
    pub kind: String,
    /// When the event was received.
    pub received_ms: WallTime,
    /// When the event's payload was erased or redacted.
    pub erased_ms: Option<WallTime>,
    /// The handler.
    pub handler: String,
    /// The state.
    pub state: String,
    /// Attempts made in this run.
    pub attempts: u32,
    /// Which run it is: 0, and one more for each replay.
    pub run: u32,
    /// The run whose idempotency keys it uses.
    pub keys: u32,
    /// How many unclean ends of the gateway it was under way at.
    pub crashes: u32,
    /// The delivery of its key that it stands behind, if it waits for its turn.
    pub blocked_by: Option<Blocker>,
    /// When it is tried again, while it is retrying.
    pub due_ms: Option<WallTime>,
    /// When it became done, ignored or dead.
    pub finished_ms: Option<WallTime>,
    /// How the last attempt ended; none before the first.
    pub last_outcome: Option<String>,
    /// What was said of that.
    pub last_detail: Option<String>,
}

/// A delivery that others of its key wait for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// Its place.
    pub seq: i64,
    /// Its state.
    pub state: String,
}

/// Everything about a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliverySummary,
    /// What operators did to it, in order.
    pub interventions: Vec<InterventionView>,
    /// Its attempts in order, those of earlier runs first; the last hundred.
    pub tried: Vec<AttemptView>,
}

/// What an operator did to a delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterventionView {
    /// When.
    pub at_ms: WallTime,
    /// What: `retry`, `cancel`, `replay`, `route` (it was made then), `replaced`, or `run` of
    /// something scheduled.
    pub action: String,
    /// The run that the delivery had afterwards.
    pub run: u32,
    /// Who asked.
    pub who: String,
    /// Why.
    pub why: Option<String>,
    /// The request of the outbox that was retried or cancelled, not the delivery itself.
    pub request: Option<i64>,
    /// The key of the scheduled event that it was done to.
    pub scheduled: Option<String>,
}

/// One run of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Of which run of the delivery.
    pub run: u32,
    /// Which attempt in it, from 1.
    pub number: u32,
    /// When it began.
    pub started_ms: WallTime,
    /// How long it took.
    pub duration_us: u64,
    /// How it ended.
    pub outcome: String,
    /// What the handler or the gateway says of the end.
    pub detail: Option<String>,
    /// The component's digest; none after a crash.
    pub component: Option<String>,
    /// What it logged, a JSON object a line.
    pub logs: Vec<Value>,
    /// What it queued.
    pub requests: Vec<RequestView>,
    /// What it emitted.
    pub emitted: Vec<EmittedView>,
}

/// A request of the outbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// Its place in the outbox.
    pub seq: i64,
    /// Its state.
    pub state: String,
    /// Tries so far.
    pub tries: u32,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// What went wrong at the last try.
    pub error: Option<String>,
    /// The method.
    pub method: String,
    /// The URL without its query.
    pub url: String,
    /// Its `Idempotency-Key`.
    pub idempotency_key: String,
    /// Requests of one handler with the same one go out in order.
    pub order_key: Option<String>,
    /// When it was queued.
    pub queued_ms: WallTime,
}

/// A request with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// The request.
    #[serde(flatten)]
    pub request: RequestView,
    /// The handler that queued it.
    pub handler: String,
    /// The id of the event of the delivery that queued it.
    pub event: String,
    /// That delivery.
    pub delivery: i64,
    /// When it is tried next, while it waits.
    pub due_ms: Option<WallTime>,
}

/// Everything about a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestDetail {
    /// The request.
    #[serde(flatten)]
    pub request: RequestSummary,
    /// The place that it was queued at, if an operator had it sent again.
    pub was: Option<i64>,
    /// The tries that were not answered 2xx, the last hundred.
    pub tried: Vec<TryView>,
}

/// A try of a request that was not answered 2xx.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TryView {
    /// Which one, from 1.
    pub number: u32,
    /// When it ended.
    pub ended_ms: WallTime,
    /// The answer's status, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
}

/// An event that an attempt emitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmittedView {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
}

/// What a handler has scheduled, without its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledView {
    /// The handler.
    pub handler: String,
    /// Its key.
    pub key: String,
    /// When it is due.
    pub due_ms: WallTime,
    /// The type that the event will have.
    pub kind: String,
    /// The object that it is about.
    pub subject: Option<String>,
    /// The id of the event whose handling put it.
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
