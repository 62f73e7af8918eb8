//! The serving generation, the last attempts to load one, and a reload by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::calls::Calls;
use super::extract::Posted;
use super::intervention::Attribution;
use crate::generation::{LoadAttempt, LoadOutcome};
use crate::run::Core;
use crate::server::Operator;
use tollgate_base::time::WallTime;
use tollgate_ledger::Millis;

/// How long a call waits for the end of a reload. Compiling a large component takes longer.
const WAIT: Duration = Duration::from_secs(30);

/// The generation that serves.
#[derive(Serialize, ToSchema)]
pub(super) struct GenerationView {
    /// Its number in this process, from 1.
    number: u64,
    /// `manifest`, or `last-good` if the manifest's file cannot be used.
    origin: &'static str,
    /// When it was built.
    #[schema(value_type = Millis)]
    loaded_ms: WallTime,
    /// What is wrong: the files as they are do not serve, or a component is rolled back.
    error: Option<String>,
    /// Settings that are allowed but unwise.
    warnings: Vec<String>,
    /// The sha256 of each handler's component, in hex.
    handlers: BTreeMap<String, String>,
    /// The last 20 attempts to load a generation, the newest first.
    attempts: Vec<AttemptView>,
}

/// An attempt to load a generation.
#[derive(Serialize, ToSchema)]
#[schema(as = LoadAttempt)]
struct AttemptView {
    /// When it ended; of equal failures in a row, the last one.
    #[schema(value_type = Millis)]
    at_ms: WallTime,
    /// The number of the generation; `null` if the attempt failed.
    number: Option<u64>,
    /// The source of its manifest; `null` if the attempt failed.
    origin: Option<&'static str>,
    /// Why the attempt failed; `null` if the generation served.
    error: Option<String>,
    /// Settings that are allowed but unwise.
    warnings: Vec<String>,
    /// How often in a row it came to this.
    times: u64,
}

/// What came of a reload.
#[derive(Serialize, ToSchema)]
pub(super) struct Reloaded {
    /// Whether the reload has ended. One that takes long goes on after the answer.
    done: bool,
    /// The generation that serves now. Its `error` says why the files as they are do not.
    generation: GenerationView,
}

impl From<LoadAttempt> for AttemptView {
    fn from(attempt: LoadAttempt) -> Self {
        let LoadAttempt { at, outcome, times } = attempt;
        let (number, origin, error, warnings) = match outcome {
            LoadOutcome::Serves {
                number,
                origin,
                warnings,
            } => (Some(number), Some(origin.name()), None, warnings),
            LoadOutcome::Failed(error) => (None, None, Some(error), Vec::new()),
        };
        Self {
            at_ms: at,
            number,
            origin,
            error,
            warnings,
            times,
        }
    }
}

impl GenerationView {
    fn of(core: &Core) -> Self {
        let generation = core.current.load_full();
        let digests = generation.digests().into_iter();
        let attempts = core.current.history.newest_first().into_iter();
        Self {
            number: generation.number,
            origin: generation.origin.name(),
            loaded_ms: generation.loaded,
            error: core.trouble(&generation),
            warnings: generation.manifest.warnings.clone(),
            handlers: digests
                .map(|(name, digest)| (name.to_string(), digest.to_string()))
                .collect(),
            attempts: attempts.map(AttemptView::from).collect(),
        }
    }
}

/// The generation that serves, and the last attempts to load one with their errors.
#[utoipa::path(
    get,
    path = "/api/generation",
    tag = "status",
    responses((status = 200, description = "The generation.", body = GenerationView), ReadErrors),
)]
pub(super) async fn show(State(calls): State<Calls>) -> Answer<GenerationView> {
    calls.answer(|core| Ok(GenerationView::of(core))).await
}

/// The manifest as it is understood. Each table has the keys of the manifest.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the JSON that the settings make")]
pub(super) struct ConfigView {
    /// The version of the manifest's form.
    version: u32,
    /// `[server]`.
    #[schema(value_type = Object)]
    server: Value,
    /// `[ledger]`.
    #[schema(value_type = Object)]
    ledger: Value,
    /// `[plugins]`.
    #[schema(value_type = Object)]
    plugins: Value,
    /// `[reload]`.
    #[schema(value_type = Object)]
    reload: Value,
    /// `[outbox]`.
    #[schema(value_type = Object)]
    outbox: Value,
    /// `[[alerts]]`.
    #[schema(value_type = Vec<Object>)]
    alerts: Vec<Value>,
    /// `[alert_receivers]`, by name.
    #[schema(value_type = BTreeMap<String, Object>)]
    alert_receivers: BTreeMap<String, Value>,
    /// `[sources]`, by name.
    #[schema(value_type = BTreeMap<String, Object>)]
    sources: BTreeMap<String, Value>,
    /// `[handlers]`, by name.
    #[schema(value_type = BTreeMap<String, Object>)]
    handlers: BTreeMap<String, Value>,
    /// `[[routes]]`.
    #[schema(value_type = Vec<Object>)]
    routes: Vec<Value>,
}

/// The manifest as the serving generation understands it: every setting with its value, in the
/// manifest's own words, with secrets masked.
#[utoipa::path(
    get,
    path = "/api/config",
    tag = "status",
    responses((status = 200, description = "The settings.", body = ConfigView), ReadErrors),
)]
pub(super) async fn config(State(calls): State<Calls>) -> Answer<Value> {
    calls
        .answer(|core| Ok(core.current.load().manifest.shown()))
        .await
}

/// Reloads the manifest, the components, secrets and fixtures now, even if no file has changed.
/// Waits for the end for half a minute at most.
#[utoipa::path(
    post,
    path = "/api/reload",
    tag = "status",
    request_body = Attribution,
    responses((status = 200, description = "What came of it.", body = Reloaded), ChangeErrors),
)]
pub(super) async fn reload(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(said): Posted<Attribution>,
) -> Answer<Reloaded> {
    let by = said.by(&operator);
    let reloads = calls.core().reloads.get().cloned();
    let reloads = reloads.ok_or_else(|| ApiError::internal("the gateway is still starting"))?;
    tracing::info!(who = by.who, why = by.why, "an operator asks for a reload");
    let done = timeout(WAIT, reloads.reload_and_wait()).await.is_ok();
    let generation = calls.run(|core| Ok(GenerationView::of(core))).await?;
    Ok(Json(Reloaded { done, generation }))
}
