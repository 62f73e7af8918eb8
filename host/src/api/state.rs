//! The state of handlers: its values, the changes of operators, and a change.

use axum::Extension;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Answer, ApiError, ChangeErrors, ReadErrors};
use super::calls::Calls;
use super::extract::{InPath, Pairs, Posted};
use super::intervention::{Attribution, carry_out, intervention};
use super::query::{MAX_LIMIT, QueryError, number};
use crate::run::Core;
use crate::server::Operator;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{
    Action, Intervened, Listed, StateChange, StateChangeView, StateView, Version,
};
use tollgate_sandbox::MAX_KEY;

/// The most values of one change: all of them are one transaction.
pub(crate) const MAX_CHANGES: usize = 100;

/// The longest value, in bytes.
const MAX_VALUE: usize = 1 << 20;

/// A page of a handler's state. `next` is the `after` of the next page.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct StatePage {
    /// The values, in the byte order of their keys.
    pub(crate) items: Vec<StateView>,
    /// The last key of a page that is not the last.
    pub(crate) next: Option<String>,
}

/// A change of values.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    /// The changes: all of them are made, or none.
    #[schema(min_items = 1, max_items = 100)]
    pub(crate) changes: Vec<ValueChange>,
    /// The operator.
    pub(crate) who: Option<String>,
    /// The reason.
    pub(crate) why: Option<String>,
}

/// A change of one value. Without `text` and `base64`, the key is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ValueChange {
    /// The key.
    #[schema(min_length = 1, required)]
    pub(crate) key: String,
    /// The new value as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The new value as bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base64: Option<String>,
    /// The version that the value must have; 0 for an absent key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) if_version: Option<i64>,
}

/// The query of a handler's values.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `Query` reads")]
pub(super) struct ValuesQuery {
    /// Keys that begin with this text.
    prefix: Option<String>,
    /// Keys behind this one: the `next` of the page before.
    after: Option<String>,
    /// The most values; 50 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Whether the values themselves are in the answer.
    values: Option<bool>,
}

/// The query of one value.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `Query` reads")]
pub(super) struct KeyQuery {
    /// The key.
    key: String,
}

/// The query of the changes of operators.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which `Query` reads")]
pub(super) struct ChangesQuery {
    /// Changes of this key alone.
    key: Option<String>,
    /// The most changes; 50 by default.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// The values that were changed.
#[derive(Serialize, ToSchema)]
pub(super) struct Changed {
    /// The handler.
    handler: String,
    /// How many values are now otherwise.
    changed: usize,
}

#[derive(Default)]
struct Query {
    prefix: String,
    after: Option<String>,
    key: Option<String>,
    limit: u32,
    values: bool,
}

impl Query {
    fn read(pairs: Vec<(String, String)>, names: &[&str]) -> Result<Self, ApiError> {
        let mut query = Self {
            limit: 50,
            ..Self::default()
        };
        for (name, value) in pairs {
            if !names.contains(&name.as_str()) {
                return Err(QueryError::Unknown(name).into());
            }
            match name.as_str() {
                "prefix" => query.prefix = value,
                "after" => query.after = Some(value),
                "key" => query.key = Some(value),
                "values" => query.values = value == "true",
                _ => query.limit = number::<u32>(&name, &value)?.clamp(1, MAX_LIMIT as u32),
            }
        }
        Ok(query)
    }
}

/// The values of a handler's state, in the byte order of their keys.
#[utoipa::path(
    get,
    path = "/api/state/{handler}",
    tag = "handlers",
    params(("handler" = String, Path, description = "The name of the handler."), ValuesQuery),
    responses((status = 200, description = "A page of values.", body = StatePage), ReadErrors),
)]
pub(super) async fn list(
    State(calls): State<Calls>,
    InPath(name): InPath,
    Pairs(query): Pairs,
) -> Answer<StatePage> {
    let query = Query::read(query, &["prefix", "after", "limit", "values"])?;
    let call = move |core: &Core| {
        let handler = known(core, &name)?;
        let after = query.after.as_deref();
        let found = core
            .records
            .state(&handler, &query.prefix, after, query.limit);
        let mut items = found?;
        let more = items.len() == query.limit as usize;
        let next = items.last().map(|last| last.key.clone()).filter(|_| more);
        if !query.values {
            items.iter_mut().for_each(|item| item.value = None);
        }
        Ok(StatePage { items, next })
    };
    calls.answer(call).await
}

/// One value of a handler's state.
#[utoipa::path(
    get,
    path = "/api/state/{handler}/value",
    tag = "handlers",
    params(("handler" = String, Path, description = "The name of the handler."), KeyQuery),
    responses((status = 200, description = "The value.", body = StateView), ReadErrors),
)]
pub(super) async fn value(
    State(calls): State<Calls>,
    InPath(name): InPath,
    Pairs(query): Pairs,
) -> Answer<StateView> {
    let key = Query::read(query, &["key"])?.key;
    let key = key.ok_or_else(|| ApiError::bad_request("`key` names the value"))?;
    let call = move |core: &Core| {
        let found = core.records.state_value(&known(core, &name)?, &key)?;
        found.ok_or_else(|| ApiError::not_found(format!("`{name}` has no value under `{key}`")))
    };
    calls.answer(call).await
}

/// The last changes of operators to a handler's state, the newest first.
#[utoipa::path(
    get,
    path = "/api/state/{handler}/changes",
    tag = "handlers",
    params(("handler" = String, Path, description = "The name of the handler."), ChangesQuery),
    responses(
        (status = 200, description = "The changes.", body = Listed<StateChangeView>),
        ReadErrors,
    ),
)]
pub(super) async fn changes(
    State(calls): State<Calls>,
    InPath(name): InPath,
    Pairs(query): Pairs,
) -> Answer<Listed<StateChangeView>> {
    let query = Query::read(query, &["key", "limit"])?;
    let call = move |core: &Core| {
        let handler = known(core, &name)?;
        let key = query.key.as_deref();
        let items = core.records.state_changes(&handler, key, query.limit)?;
        Ok(Listed { items, next: None })
    };
    calls.answer(call).await
}

/// Changes values of a handler's state, all or none, on record with the operator and the reason.
#[utoipa::path(
    post,
    path = "/api/state/{handler}",
    tag = "handlers",
    params(("handler" = String, Path, description = "The name of the handler.")),
    request_body = ChangeRequest,
    responses((status = 200, description = "The values are changed.", body = Changed), ChangeErrors),
)]
pub(super) async fn change(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    InPath(name): InPath,
    Posted(request): Posted<ChangeRequest>,
) -> Answer<Changed> {
    calls
        .answer(move |core| change_values(core, name, request, &operator))
        .await
}

fn change_values(
    core: &Core,
    name: String,
    request: ChangeRequest,
    operator: &Operator,
) -> Result<Changed, ApiError> {
    let ChangeRequest { changes, who, why } = request;
    if changes.is_empty() || changes.len() > MAX_CHANGES {
        return Err(ApiError::bad_request(format!(
            "`changes` has 1 to {MAX_CHANGES} values"
        )));
    }
    let handler = known(core, &name)?;
    let keys: Vec<_> = changes.iter().map(|change| change.key.clone()).collect();
    let changes = changes.into_iter().map(ValueChange::checked);
    let action = Action::ChangeState(handler, changes.collect::<Result<_, _>>()?);
    let by = Attribution { who, why }.by(operator);
    let results = carry_out(core, intervention(action, &by, None)?)?;
    let outdated: Vec<_> = keys
        .iter()
        .zip(&results)
        .filter(|(_, result)| **result == Intervened::Version)
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    if !outdated.is_empty() {
        return Err(ApiError::conflict(format!(
            "nothing was changed: {} has changed since the version that was given",
            outdated.join(", ")
        )));
    }
    let changed = results.iter().filter(|result| result.is_done()).count();
    let handler = name;
    Ok(Changed { handler, changed })
}

/// The handler of this name: one of the manifest, or one that left the manifest.
fn known(core: &Core, name: &str) -> Result<HandlerName, ApiError> {
    let handler = HandlerName::new(name);
    let is_present = core.current.load().handlers.contains_key(&handler);
    match is_present || core.records.handlers()?.contains(&handler) {
        true => Ok(handler),
        false => Err(ApiError::not_found(format!("there is no handler `{name}`"))),
    }
}

/// Why a value cannot be changed so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidChange {
    #[error("a key has 1 to {MAX_KEY} bytes")]
    Key,
    #[error("`{key}` has `text` and `base64`")]
    TwoValues { key: String },
    #[error("the value of `{key}` is no base64")]
    NoBase64 { key: String },
    #[error("the value of `{key}` is longer than {MAX_VALUE} bytes")]
    TooLong { key: String },
}

impl From<InvalidChange> for ApiError {
    fn from(why: InvalidChange) -> Self {
        Self::bad_request(why.to_string())
    }
}

impl ValueChange {
    /// The change, if the key and the value may be.
    ///
    /// # Errors
    /// [`InvalidChange`]
    pub(crate) fn checked(self) -> Result<StateChange, InvalidChange> {
        let Self {
            key,
            text,
            base64,
            if_version,
        } = self;
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(InvalidChange::Key);
        }
        let value = match (text, base64) {
            (Some(_), Some(_)) => return Err(InvalidChange::TwoValues { key }),
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(coded)) => match STANDARD.decode(coded) {
                Ok(decoded) => Some(decoded),
                Err(_) => return Err(InvalidChange::NoBase64 { key }),
            },
            (None, None) => None,
        };
        if value.as_ref().is_some_and(|value| value.len() > MAX_VALUE) {
            return Err(InvalidChange::TooLong { key });
        }
        Ok(StateChange {
            key,
            value,
            if_version: if_version.map(Version),
        })
    }
}
