//! `GET /api/state/HANDLER`: the values of a handler's state, by `prefix`, `after` and `limit`;
//! with `values=true` the values themselves. `GET /api/state/HANDLER/value?key=…`: one value.
//! `GET /api/state/HANDLER/changes`: what operators changed, of one `key` or of all.
//! `POST /api/state/HANDLER` changes values, all or none, on record with operator and reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answers::{bad_request, conflict, json as json_answer, not_found};
use super::intervention::{Attribution, carry_out, intervention, read};
use super::query::{MAX_LIMIT, QueryError, number};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Action, Intervened, StateChange, StateView, Version};
use tollgate_sandbox::MAX_KEY;

/// The most values of one change: all of them are one transaction.
pub(crate) const MAX_CHANGES: usize = 100;

/// The longest value, in bytes.
const MAX_VALUE: usize = 1 << 20;

/// A page of a handler's state. `next` is the `after` of the next page.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StatePage {
    /// The values, in the byte order of their keys.
    pub(crate) items: Vec<StateView>,
    /// The last key of a page that is not the last.
    pub(crate) next: Option<String>,
}

/// A change of values.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    /// The changes.
    pub(crate) changes: Vec<ValueChange>,
    /// The operator.
    pub(crate) who: Option<String>,
    /// The reason.
    pub(crate) why: Option<String>,
}

/// A change of one value. Without `text` and `base64`, the key is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ValueChange {
    /// The key.
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

#[derive(Default)]
struct Query {
    prefix: String,
    after: Option<String>,
    key: Option<String>,
    limit: u32,
    values: bool,
}

impl Query {
    fn read(request: &ApiRequest, names: &[&str]) -> Result<Self, ApiAnswer> {
        let mut query = Self {
            limit: 50,
            ..Self::default()
        };
        for (name, value) in &request.query {
            if !names.contains(&name.as_str()) {
                return Err(QueryError::Unknown(name.clone()).into());
            }
            let value = value.clone();
            match name.as_str() {
                "prefix" => query.prefix = value,
                "after" => query.after = Some(value),
                "key" => query.key = Some(value),
                "values" => query.values = value == "true",
                _ => query.limit = number::<u32>(name, &value)?.clamp(1, MAX_LIMIT as u32),
            }
        }
        Ok(query)
    }
}

pub(super) fn list(core: &Core, name: &str, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let query = Query::read(request, &["prefix", "after", "limit", "values"])?;
    let handler = known(core, name)?;
    let after = query.after.as_deref();
    let mut items = core
        .records
        .state(&handler, &query.prefix, after, query.limit)?;
    let more = items.len() == query.limit as usize;
    let next = items.last().map(|last| last.key.clone()).filter(|_| more);
    if !query.values {
        items.iter_mut().for_each(|item| item.value = None);
    }
    json_answer(&StatePage { items, next })
}

pub(super) fn value(core: &Core, name: &str, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let query = Query::read(request, &["key"])?;
    let key = query
        .key
        .ok_or_else(|| bad_request("`key` names the value"))?;
    match core.records.state_value(&known(core, name)?, &key)? {
        Some(found) => json_answer(&found),
        None => Err(not_found(format!("`{name}` has no value under `{key}`"))),
    }
}

pub(super) fn changes(
    core: &Core,
    name: &str,
    request: &ApiRequest,
) -> Result<ApiAnswer, ApiAnswer> {
    let query = Query::read(request, &["key", "limit"])?;
    let handler = known(core, name)?;
    let key = query.key.as_deref();
    let items = core.records.state_changes(&handler, key, query.limit)?;
    Ok(ApiAnswer::ok(json!({ "items": items, "next": null })))
}

pub(super) fn change(core: &Core, name: &str, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    let ChangeRequest { changes, who, why } = read(body)?;
    if changes.is_empty() || changes.len() > MAX_CHANGES {
        return Err(bad_request(format!(
            "`changes` has 1 to {MAX_CHANGES} values"
        )));
    }
    let handler = known(core, name)?;
    let keys: Vec<_> = changes.iter().map(|change| change.key.clone()).collect();
    let changes = changes
        .into_iter()
        .map(ValueChange::checked)
        .collect::<Result<_, _>>()?;
    let action = Action::ChangeState(handler, changes);
    let results = carry_out(core, intervention(action, &Attribution { who, why }, None)?)?;
    let outdated: Vec<_> = keys
        .iter()
        .zip(&results)
        .filter(|(_, result)| **result == Intervened::Version)
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    if !outdated.is_empty() {
        return Err(conflict(format!(
            "nothing was changed: {} has changed since the version that was given",
            outdated.join(", ")
        )));
    }
    let changed = results.iter().filter(|result| result.is_done()).count();
    Ok(ApiAnswer::ok(
        json!({ "handler": name, "changed": changed }),
    ))
}

/// The handler of this name: one of the manifest, or one that left the manifest.
fn known(core: &Core, name: &str) -> Result<HandlerName, ApiAnswer> {
    let handler = HandlerName::new(name);
    let is_present = core.current.load().handlers.contains_key(&handler);
    match is_present || core.records.handlers()?.contains(&handler) {
        true => Ok(handler),
        false => Err(not_found(format!("there is no handler `{name}`"))),
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

impl From<InvalidChange> for ApiAnswer {
    fn from(why: InvalidChange) -> Self {
        bad_request(why.to_string())
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
