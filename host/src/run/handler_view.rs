//! Handlers as the status and the admin API show them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::dispatch::{BreakerState, Durations, QueueStatus, Runnable};
use crate::generation::{ComponentStatus, LoadedHandler};
use crate::run::latency::Latency;
use tollgate_base::time::WallTime;
use tollgate_ledger::{Millis, Pause};

/// What runs of a handler, and what holds its deliveries back.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct HandlerStatus {
    /// The sha256 of the component that serves, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<String>,
    /// The deliveries that wait in memory. More may wait in the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queued: Option<usize>,
    /// The runs under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) running: Option<usize>,
    /// The state of the breaker: `closed`, `open` or `half-open`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) breaker: Option<&'static str>,
    /// When a run may try whether the breaker can close, while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Millis>)]
    pub(crate) breaker_until_ms: Option<WallTime>,
    /// Whether the next run waits for the handler's `rate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limited: Option<bool>,
    /// The pause, if the handler is paused.
    pub(crate) paused: Option<PauseView>,
    /// The attempts since the component began to serve in this process, by outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcomes: Option<BTreeMap<&'static str, u64>>,
    /// How long runs took, of all outcomes; `null` before the first one.
    pub(crate) latency: Option<Latency>,
    /// The digest of the component before, while this one is on trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_trial_after: Option<String>,
    /// The digest of the component in the file, which failed its trial and is kept out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) in_place_of: Option<String>,
}

/// A pause of a handler.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct PauseView {
    /// Since when.
    #[schema(value_type = Millis)]
    pub(crate) since_ms: WallTime,
    /// Whether the requests of the handler wait too.
    pub(crate) outbox: bool,
}

impl From<Pause> for PauseView {
    fn from(Pause { since, outbox }: Pause) -> Self {
        let since_ms = since;
        Self { since_ms, outbox }
    }
}

impl HandlerStatus {
    /// The status of a handler of the serving generation.
    pub(crate) fn of(
        loaded: &LoadedHandler,
        queue: &QueueStatus,
        durations: Option<&Durations>,
    ) -> Self {
        let outcomes = queue.outcomes.iter().filter(|(_, many)| *many > 0);
        let mut status = Self {
            component: Some(loaded.digest().to_string()),
            queued: Some(queue.queued),
            running: Some(queue.running),
            breaker: Some(queue.gate.breaker.name()),
            breaker_until_ms: match queue.gate.breaker {
                BreakerState::Open { until } => Some(until),
                BreakerState::Closed | BreakerState::HalfOpen => None,
            },
            limited: Some(queue.gate.limited),
            paused: queue.gate.paused.map(PauseView::from),
            outcomes: Some(outcomes.map(|(one, many)| (one.name(), many)).collect()),
            latency: durations.and_then(|of| Latency::of(of.read().map(|(_, took)| took))),
            ..Self::default()
        };
        match loaded.status() {
            ComponentStatus::Trusted => {}
            ComponentStatus::OnTrial { before } => status.on_trial_after = Some(before.clone()),
            ComponentStatus::InPlaceOf(rolled_back) => {
                status.in_place_of = Some(rolled_back.component.clone());
            }
        }
        status
    }

    /// The status of a handler that does not serve.
    pub(crate) fn absent(pause: Option<Pause>) -> Self {
        Self {
            paused: pause.map(PauseView::from),
            ..Self::default()
        }
    }
}
