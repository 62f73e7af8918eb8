//! Scheduled events: the list, and the run and the cancel of one.

use axum::Extension;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::calls::Calls;
use super::extract::{Pairs, Posted};
use super::intervention::{Attribution, By, carry_out, intervention};
use super::query::{self, QueryError, QueryFilter};
use crate::run::Core;
use crate::server::Operator;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Action, Intervened, Listed, ScheduledView};

/// The entry to change, the operator and the reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryRequest {
    /// The handler that scheduled the event.
    handler: String,
    /// The key of the entry.
    key: String,
    /// The name of the operator, for the record.
    who: Option<String>,
    /// The reason, for the record.
    why: Option<String>,
}

/// The entry that was changed.
#[derive(Serialize, ToSchema)]
pub(super) struct Entry {
    /// The handler that scheduled the event.
    handler: String,
    /// The key of the entry.
    key: String,
}

/// The query of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `query::read` reads")]
pub(super) struct ScheduleQuery {
    /// Entries of this handler alone.
    handler: Option<String>,
    /// The most entries; 50 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The filter of the list: entries of one handler.
#[derive(Default)]
struct Handler(Option<HandlerName>);

impl QueryFilter for Handler {
    fn set_part(&mut self, name: &str, value: &str) -> Result<bool, QueryError> {
        if name == "handler" {
            self.0 = Some(HandlerName::new(value));
        }
        Ok(name == "handler")
    }

    fn to_query(&self) -> Vec<(&'static str, String)> {
        let name = self.0.iter();
        name.map(|name| ("handler", name.to_string())).collect()
    }
}

/// The events that handlers have scheduled, the next one first.
#[utoipa::path(
    get,
    path = "/api/schedule",
    tag = "schedule",
    params(ScheduleQuery),
    responses(
        (status = 200, description = "The next entries.", body = Listed<ScheduledView>),
        ReadErrors,
    ),
)]
pub(super) async fn list(
    State(calls): State<Calls>,
    Pairs(query): Pairs,
) -> Answer<Listed<ScheduledView>> {
    let (Handler(handler), page) = query::read(&query)?;
    let call = move |core: &Core| {
        let entries = core.records.scheduled(handler.as_ref(), page.limit)?;
        Ok(Listed {
            items: entries.into_iter().map(ScheduledView::from).collect(),
            next: None,
        })
    };
    calls.answer(call).await
}

/// Makes an entry due now.
#[utoipa::path(
    post,
    path = "/api/schedule/run",
    tag = "schedule",
    request_body = EntryRequest,
    responses((status = 200, description = "The entry is due.", body = Entry), ChangeErrors),
)]
pub(super) async fn run(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<EntryRequest>,
) -> Answer<Entry> {
    calls
        .answer(move |core| change(core, request, &operator, Action::RunScheduled))
        .await
}

/// Removes an entry.
#[utoipa::path(
    post,
    path = "/api/schedule/cancel",
    tag = "schedule",
    request_body = EntryRequest,
    responses((status = 200, description = "The entry is gone.", body = Entry), ChangeErrors),
)]
pub(super) async fn cancel(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Posted(request): Posted<EntryRequest>,
) -> Answer<Entry> {
    calls
        .answer(move |core| change(core, request, &operator, Action::CancelScheduled))
        .await
}

fn change(
    core: &Core,
    request: EntryRequest,
    operator: &Operator,
    action: fn(HandlerName, String) -> Action,
) -> Result<Entry, ApiError> {
    let EntryRequest {
        handler,
        key,
        who,
        why,
    } = request;
    let by: By = Attribution { who, why }.by(operator);
    let action = action(HandlerName::new(handler.as_str()), key.clone());
    let results = carry_out(core, intervention(action, &by, None)?)?;
    match results == [Intervened::Done] {
        true => Ok(Entry { handler, key }),
        false => Err(ApiError::not_found(format!(
            "`{handler}` has nothing scheduled under `{key}`"
        ))),
    }
}
