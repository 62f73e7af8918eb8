//! Sources: what each of them is, what was refused, and the uses of its secrets.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::answers::{Answer, ApiError, ReadErrors};
use super::calls::Calls;
use crate::keys::SecretView;
use crate::run::{Core, Latency};
use crate::settings::Source;
use tollgate_base::time::WallTime;
use tollgate_ledger::Millis;

/// The sources of the serving manifest.
#[derive(Serialize, ToSchema)]
pub(super) struct Sources {
    /// The sources, by name.
    items: Vec<SourceView>,
}

/// A source of the serving manifest. Counts are since the start of the process.
#[derive(Serialize, ToSchema)]
struct SourceView {
    /// The name.
    name: String,
    /// The path that the provider posts to.
    path: String,
    /// The scheme.
    scheme: String,
    /// Every setting, in the manifest's own words, with secrets masked.
    #[schema(value_type = Object)]
    settings: Value,
    /// The secrets with their uses: a rotation is complete when the old one is used no more.
    secrets: Vec<SecretView>,
    /// New events.
    events: u64,
    /// Events that had been recorded before.
    duplicates: u64,
    /// When the last event came, new or not.
    #[schema(value_type = Option<Millis>)]
    last_event_ms: Option<WallTime>,
    /// How long acknowledgements took; `null` before the first one.
    latency: Option<Latency>,
    /// Refused requests, by reason.
    rejections: BTreeMap<&'static str, u64>,
    /// Accepted events that an operator should know of, by kind of notice: `unreadable`,
    /// `other_mode`, `same_bytes`.
    notices: BTreeMap<&'static str, u64>,
    /// The routes that name the source, as their places in `GET /api/routes`.
    routes: Vec<usize>,
}

/// The sources, with the uses of their secrets and what was refused.
#[utoipa::path(
    get,
    path = "/api/sources",
    tag = "sources",
    responses((status = 200, description = "All sources.", body = Sources), ReadErrors),
)]
pub(super) async fn list(State(calls): State<Calls>) -> Answer<Sources> {
    calls.answer(sources).await
}

fn sources(core: &Core) -> Result<Sources, ApiError> {
    let manifest = core.current.load().manifest.clone();
    let items = manifest.sources.values();
    let items = items.map(|source| SourceView {
        routes: (0..)
            .zip(&manifest.routes)
            .filter(|(_, route)| route.source == source.name)
            .map(|(at, _)| at)
            .collect(),
        ..SourceView::of(core, source)
    });
    Ok(Sources {
        items: items.collect(),
    })
}

impl SourceView {
    fn of(core: &Core, source: &Source) -> Self {
        let gauge = core.sources.of(&source.name);
        let rejected = core.rejections.snapshot().into_iter();
        let rejected = rejected.filter(|one| one.source.as_ref() == Some(&source.name));
        Self {
            name: source.name.to_string(),
            path: source.path.clone(),
            scheme: source.verifier.scheme().to_owned(),
            settings: source.shown(),
            secrets: core.secret_uses.views(source, core.clock.now()),
            events: gauge.new_events(),
            duplicates: gauge.duplicates(),
            last_event_ms: gauge.last(),
            latency: Latency::of(std::iter::once(gauge.acknowledgements())),
            rejections: rejected.map(|one| (one.code, one.count)).collect(),
            notices: core.notices.of(&source.name),
            routes: Vec::new(),
        }
    }
}
