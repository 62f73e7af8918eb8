//! Rolling a handler back by hand, and letting its component in again.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Answer, ApiError, ChangeErrors};
use super::calls::Calls;
use super::extract::{InPath, Posted};
use super::intervention::Attribution;
use crate::dispatch::Runnable as _;
use crate::generation::{ByHandError, ReloadHandle, RollBackRequest, RolledBack, Said};
use crate::server::Operator;
use tollgate_base::event::HandlerName;

/// A request to roll a handler back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RollBack {
    /// The first digits of the sha256 of the component that shall serve, in hex; any component that
    /// has run and is still kept. By default the trusted component before the one that is on trial.
    to: Option<String>,
    /// The name of the operator, for the record.
    #[schema(max_length = 900)]
    who: Option<String>,
    /// The reason, for the record.
    #[schema(max_length = 1000)]
    why: Option<String>,
}

/// A handler that was rolled back.
#[derive(Serialize, ToSchema)]
#[schema(as = HandlerRolledBack)]
pub(super) struct RolledBackView {
    /// The name of the handler.
    name: String,
    /// The sha256 of the component that serves now, in hex.
    serves: String,
    /// The sha256 of the component in the file, which is kept out until the file changes.
    kept_out: String,
    /// The same as a text for people.
    told: String,
}

/// A handler whose component was let in again.
#[derive(Serialize, ToSchema)]
pub(super) struct Readmitted {
    /// The name of the handler.
    name: String,
    /// The sha256 of the component that serves now, in hex; `null` if the handler left meanwhile.
    serves: Option<String>,
    /// Whether the component is on trial anew.
    on_trial: bool,
}

impl From<ByHandError> for ApiError {
    fn from(error: ByHandError) -> Self {
        match error {
            ByHandError::Unknown(_) => Self::not_found(error.to_string()),
            ByHandError::Folder(ref cause) => Self::internal(format!("{error}: {cause}")),
            _ => Self::conflict(error.to_string()),
        }
    }
}

/// Lets another component serve in place of the one in the handler's file, until that file changes.
/// Deliveries on which the present component broke down run again.
#[utoipa::path(
    post,
    path = "/api/handlers/{name}/rollback",
    tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = RollBack,
    responses(
        (status = 200, description = "The other component serves.", body = RolledBackView),
        ChangeErrors,
    ),
)]
pub(super) async fn roll_back(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(name): InPath,
    Posted(RollBack { to, who, why }): Posted<RollBack>,
) -> Answer<RolledBackView> {
    let by = Attribution { who, why }.by(&operator);
    let request = RollBackRequest {
        handler: HandlerName::new(name.as_str()),
        to,
        said: Said {
            who: by.who,
            why: by.why,
        },
    };
    let rolled_back = reloads(&calls)?.roll_back(request).await;
    let rolled_back: RolledBack = rolled_back.ok_or_else(ending)??;
    Ok(Json(RolledBackView {
        name,
        told: rolled_back.to_string(),
        serves: rolled_back.before,
        kept_out: rolled_back.component,
    }))
}

/// Lets the component in the handler's file in again: one that was rolled back is on trial anew,
/// and one that is on trial is trusted at once.
#[utoipa::path(
    post,
    path = "/api/handlers/{name}/readmit",
    tag = "handlers",
    params(("name" = String, Path, description = "The name of the handler.")),
    request_body = Attribution,
    responses(
        (status = 200, description = "The component in the file serves.", body = Readmitted),
        ChangeErrors,
    ),
)]
pub(super) async fn readmit(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(name): InPath,
    Posted(said): Posted<Attribution>,
) -> Answer<Readmitted> {
    let by = said.by(&operator);
    let handler = HandlerName::new(name.as_str());
    let readmitted = reloads(&calls)?.readmit(handler.clone()).await;
    readmitted.ok_or_else(ending)??;
    tracing::info!(%handler, who = by.who, why = by.why, "an operator lets a component in again");
    let (serves, on_trial) = calls
        .run(move |core| {
            let generation = core.current.load();
            let loaded = generation.handlers.get(&handler);
            Ok((
                loaded.map(|loaded| loaded.digest().to_string()),
                loaded.is_some_and(|loaded| loaded.on_trial()),
            ))
        })
        .await?;
    Ok(Json(Readmitted {
        name,
        serves,
        on_trial,
    }))
}

fn reloads(calls: &Calls) -> Result<ReloadHandle, ApiError> {
    let reloads = calls.core().reloads.get().cloned();
    reloads.ok_or_else(|| ApiError::internal("the gateway is still starting"))
}

fn ending() -> ApiError {
    ApiError::internal("the gateway ends")
}
