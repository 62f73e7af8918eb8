//! `GET /api/schedule`: the schedule entries, the next one first; of one `handler`, and `limit` at
//! most. `POST /api/schedule/run` makes an entry due now, `/api/schedule/cancel` removes an entry.

use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::{json as json_answer, not_found};
use super::intervention::{Attribution, carry_out, intervention, read};
use super::query::{self, QueryError, QueryFilter};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Action, Intervened, Listed, ScheduledView};

/// The entry to change, the operator and the reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    handler: String,
    key: String,
    who: Option<String>,
    why: Option<String>,
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

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let (Handler(handler), page) = query::read(&request.query)?;
    let entries = core.records.scheduled(handler.as_ref(), page.limit)?;
    json_answer(&Listed {
        items: entries.into_iter().map(ScheduledView::from).collect(),
        next: None,
    })
}

pub(super) fn run(core: &Core, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    change(core, body, Action::RunScheduled)
}

pub(super) fn cancel(core: &Core, body: &Value) -> Result<ApiAnswer, ApiAnswer> {
    change(core, body, Action::CancelScheduled)
}

fn change(
    core: &Core,
    body: &Value,
    action: fn(HandlerName, String) -> Action,
) -> Result<ApiAnswer, ApiAnswer> {
    let Change {
        handler,
        key,
        who,
        why,
    } = read(body)?;
    let action = action(HandlerName::new(handler.as_str()), key.clone());
    let intervention = intervention(action, &Attribution { who, why }, None)?;
    let results = carry_out(core, intervention)?;
    if results == [Intervened::Done] {
        return Ok(ApiAnswer::ok(json!({ "handler": handler, "key": key })));
    }
    Err(not_found(format!(
        "`{handler}` has nothing scheduled under `{key}`"
    )))
}
