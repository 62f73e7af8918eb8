//! Handlers: the list, and their pauses.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::calls::Calls;
use super::extract::{InPath, Posted};
use super::intervention::Attribution;
use crate::run::{Core, HandlerStatus, PauseView};
use crate::server::Operator;
use crate::settings::{AlertReceiver, Handler, Manifest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::Pause;

/// The handlers of the manifest, then those that left the manifest.
#[derive(Serialize, ToSchema)]
pub(crate) struct Handlers {
    /// The handlers, each group by name.
    items: Vec<HandlerView>,
}

/// A handler. One that left the manifest has its name and its pause alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct HandlerView {
    /// The name.
    name: String,
    /// Whether the manifest has the handler.
    present: bool,
    /// The file of the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The most runs at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<usize>,
    /// The longest time of a run in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    /// The attempts after which a delivery is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(flatten)]
    status: HandlerStatus,
}

/// A request to pause a handler.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PauseRequest {
    /// Whether the requests of the handler wait too.
    outbox: bool,
    /// The name of the operator, for the log.
    who: Option<String>,
    /// The reason, for the log.
    why: Option<String>,
}

/// A handler that was paused.
#[derive(Serialize, ToSchema)]
pub(super) struct Paused {
    /// The name of the handler.
    name: String,
    /// The pause.
    paused: PauseView,
    /// The runs that are still under way.
    running: usize,
}

/// A handler that was resumed.
#[derive(Serialize, ToSchema)]
pub(super) struct Resumed {
    /// The name of the handler.
    name: String,
    /// The pause, which is none.
    #[schema(nullable)]
    paused: Option<PauseView>,
    /// Whether the handler was paused before.
    was_paused: bool,
}

/// The handlers, with their components and what holds their deliveries back.
#[utoipa::path(
    get,
    path = "/api/handlers",
    tag = "handlers",
    responses((status = 200, description = "All handlers.", body = Handlers), ReadErrors),
)]
pub(super) async fn list(State(calls): State<Calls>) -> Answer<Handlers> {
    calls.answer(handlers).await
}

/// Pauses a handler: no new run starts, and its deliveries wait.
#[utoipa::path(
    post,
    path = "/api/handlers/{name}/pause",
    tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = PauseRequest,
    responses((status = 200, description = "The handler is paused.", body = Paused), ChangeErrors),
)]
pub(super) async fn pause(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(name): InPath,
    Posted(PauseRequest { outbox, who, why }): Posted<PauseRequest>,
) -> Answer<Paused> {
    let by = Attribution { who, why }.by(&operator);
    let call = move |core: &Core| {
        let handler = HandlerName::new(name.as_str());
        let paused = core.pause(&handler, outbox)?.into();
        tracing::info!(%handler, who = by.who, why = by.why, "an operator pauses a handler");
        let queues = core.dispatcher.status();
        let queue = queues.into_iter().find(|(found, _)| *found == handler);
        Ok(Paused {
            name,
            paused,
            running: queue.map_or(0, |(_, queue)| queue.running),
        })
    };
    calls.answer(call).await
}

/// Resumes a handler.
#[utoipa::path(
    post,
    path = "/api/handlers/{name}/resume",
    tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = Attribution,
    responses((status = 200, description = "The handler runs.", body = Resumed), ChangeErrors),
)]
pub(super) async fn resume(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(name): InPath,
    Posted(said): Posted<Attribution>,
) -> Answer<Resumed> {
    let by = said.by(&operator);
    let call = move |core: &Core| {
        let handler = HandlerName::new(name.as_str());
        let was_paused = core.resume(&handler)?;
        tracing::info!(%handler, who = by.who, why = by.why, "an operator resumes a handler");
        Ok(Resumed {
            name,
            paused: None,
            was_paused,
        })
    };
    calls.answer(call).await
}

fn handlers(core: &Core) -> Result<Handlers, ApiError> {
    let generation = core.current.load_full();
    let queues: HashMap<_, _> = core.dispatcher.status().into_iter().collect();
    let durations: HashMap<_, _> = core.dispatcher.durations().into_iter().collect();
    let known = core.records.handlers()?;
    let status = |name: &HandlerName| match generation.handlers.get(name) {
        Some(loaded) => {
            let queue = queues.get(name).copied().unwrap_or_default();
            HandlerStatus::of(loaded, &queue, durations.get(name).map(|of| &**of))
        }
        None => HandlerStatus::absent(core.dispatcher.pause_of(name)),
    };
    Ok(Handlers {
        items: views(&generation.manifest, &known, status),
    })
}

/// The list of handlers while no gateway runs: those of the manifest and those that the ledger
/// knows, with their pauses.
pub(crate) fn offline(
    manifest: &Manifest,
    known: &[HandlerName],
    pauses: &[(HandlerName, Pause)],
) -> Value {
    let status = |name: &HandlerName| {
        let paused = pauses.iter().find(|(paused, _)| paused == name);
        HandlerStatus::absent(paused.map(|(_, pause)| *pause))
    };
    json!({ "items": views(manifest, known, status) })
}

/// The handlers of the manifest, then those that left the manifest, each by name.
fn views(
    manifest: &Manifest,
    known: &[HandlerName],
    status: impl Fn(&HandlerName) -> HandlerStatus,
) -> Vec<HandlerView> {
    let present = manifest.handlers.values();
    let present = present.map(|handler| HandlerView::present(handler, status(&handler.name)));
    let absent = known
        .iter()
        .filter(|name| !manifest.handlers.contains_key(*name))
        // Notices about alerts wait in the outbox under names of their own.
        .filter(|name| AlertReceiver::of_outbox_name(name).is_none())
        .map(|name| HandlerView::absent(name, status(name)));
    present.chain(absent).collect()
}

impl HandlerView {
    fn present(handler: &Handler, status: HandlerStatus) -> Self {
        let timeout = handler.guest.limits.timeout.as_millis();
        Self {
            name: handler.name.to_string(),
            present: true,
            file: Some(handler.component.display().to_string()),
            concurrency: Some(handler.concurrency),
            timeout_ms: Some(u64::try_from(timeout).unwrap_or(u64::MAX)),
            attempts: Some(handler.retry.attempts),
            status,
        }
    }

    fn absent(name: &HandlerName, status: HandlerStatus) -> Self {
        Self {
            name: name.to_string(),
            present: false,
            file: None,
            concurrency: None,
            timeout_ms: None,
            attempts: None,
            status,
        }
    }
}
