//! `GET /status`: the gateway as a whole.

use std::collections::BTreeMap;

use axum::extract::State;
use serde_json::Value;
use utoipa::ToSchema;

use super::answers::{Answer, ReadErrors};
use super::calls::Calls;
use crate::keys::SecretView;
use crate::run::HandlerStatus;
use tollgate_ledger::{Millis, Restore};

/// The status of all parts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
pub(super) struct Status {
    /// The version of the program.
    version: String,
    /// The time by the gateway's clock.
    #[schema(value_type = Millis)]
    now_ms: u64,
    generation: GenerationStatus,
    ledger: LedgerStatus,
    backlog: BacklogStatus,
    /// The alerts that last. `GET /api/alerts` says more of them.
    alerts: Vec<AlertStatus>,
    guests: GuestsStatus,
    /// Refused requests since the start, by source (`-` for unknown paths) and reason.
    rejections: BTreeMap<String, BTreeMap<String, u64>>,
    /// Requests that were taken although their sender is in doubt, by reason.
    odd: BTreeMap<String, u64>,
    /// Accepted events that an operator should know of, by source and kind.
    notices: BTreeMap<String, BTreeMap<String, u64>>,
    /// What is asked about thin events, by source.
    #[schema(value_type = BTreeMap<String, Object>)]
    resolving: BTreeMap<String, Value>,
    /// Until when receivers have asked for time, by host.
    #[schema(value_type = BTreeMap<String, Millis>)]
    held_hosts_until_ms: BTreeMap<String, u64>,
    /// The uses of secrets, by source and number.
    secrets: BTreeMap<String, BTreeMap<String, SecretView>>,
    /// The order of a certificate, if the manifest has one.
    #[schema(value_type = Option<Object>)]
    acme: Option<Value>,
    /// The certificates of the ingress, if it has TLS.
    #[schema(value_type = Value)]
    tls: Option<Value>,
}

/// The generation that serves. `GET /api/generation` says more of it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
struct GenerationStatus {
    /// Its number in this process, from 1.
    number: u64,
    /// When it was built.
    #[schema(value_type = Millis)]
    loaded_ms: u64,
    /// `manifest`, or `last-good` if the manifest's file cannot be used.
    from: String,
    /// What is wrong: the files as they are do not serve, or a component is rolled back.
    error: Option<String>,
    /// Settings that are allowed but unwise.
    warnings: Vec<String>,
    /// The handlers, by name.
    handlers: BTreeMap<String, HandlerStatus>,
}

/// The ledger in numbers. If it cannot be read, only `writable`, `error`, `log` and `restored`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
struct LedgerStatus {
    /// Whether the last write succeeded.
    writable: bool,
    /// Why the ledger cannot be read.
    #[schema(required = false, nullable = false)]
    error: Option<String>,
    /// Events, with emitted events.
    #[schema(required = false)]
    events: u64,
    /// Arrivals of events that had been recorded before.
    #[schema(required = false)]
    duplicates: u64,
    /// Arrivals among these with other bytes than the recorded event.
    #[schema(required = false)]
    duplicates_differing: u64,
    /// Events that no route gave to a handler.
    #[schema(required = false)]
    unrouted: u64,
    /// Events that were pruned since the ledger was made.
    #[schema(required = false)]
    pruned: u64,
    /// Events whose payload was erased since the ledger was made.
    #[schema(required = false)]
    erased: u64,
    /// The receipt of the oldest event.
    #[schema(required = false, value_type = Option<Millis>)]
    oldest_ms: Option<u64>,
    /// Deliveries by state.
    #[schema(required = false)]
    deliveries: BTreeMap<String, u64>,
    /// Deliveries that wait behind another one of their order key, counted up to 100,000.
    #[schema(required = false)]
    deliveries_blocked: u64,
    /// Events that wait for their object.
    #[schema(required = false)]
    resolving: u64,
    /// Events that were resolved since the ledger was made.
    #[schema(required = false)]
    resolved: u64,
    /// Events among these whose object was gone.
    #[schema(required = false)]
    resolved_gone: u64,
    /// Scheduled events.
    #[schema(required = false)]
    scheduled: u64,
    /// Requests of the outbox by state.
    #[schema(required = false)]
    outbox: BTreeMap<String, u64>,
    log: LogStatus,
    /// The last restore, until it is released.
    restored: Option<Restore>,
}

/// The ledger's write-ahead log.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
struct LogStatus {
    /// Its length.
    bytes: u64,
    /// Whether a reader keeps the log from being used anew.
    held_up: bool,
}

/// The work that waits.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
struct BacklogStatus {
    /// Deliveries that are to be run, or run again.
    deliveries: u64,
    /// Requests that wait in the outbox.
    requests: u64,
    /// How long the oldest has been due, in milliseconds.
    age_ms: u64,
    /// The limits of the manifest that are passed.
    too_much: Vec<String>,
    /// Whether new events are refused.
    refuses: bool,
}

/// An alert that lasts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
struct AlertStatus {
    /// What identifies the alert until it is over.
    key: String,
    /// When it started.
    #[schema(value_type = Millis)]
    since_ms: u64,
    /// What is wrong, for people.
    text: Option<String>,
}

/// The runs of handlers under way.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the parts make")]
struct GuestsStatus {
    /// All of them.
    running: u64,
    /// Those that may wait for an answer.
    may_wait: u64,
    /// The memory that they reserve, in bytes.
    memory_reserved: u64,
    /// The memory that there is for them, in bytes.
    memory_limit: u64,
}

/// The status of all parts: the serving generation with its handlers, the ledger, the backlog, and
/// what was refused and noticed since the start.
#[utoipa::path(
    get,
    path = "/status",
    tag = "status",
    responses((status = 200, description = "The status.", body = Status), ReadErrors),
)]
pub(super) async fn status(State(calls): State<Calls>) -> Answer<Value> {
    calls.answer(|core| Ok(core.status())).await
}
