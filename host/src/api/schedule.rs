//! `GET /api/schedule`: what handlers have scheduled, the next one first; of one `handler`, and
//! `limit` at most. `POST /api/schedule/run`, `/api/schedule/cancel`: what a handler has scheduled
//! under a key happens now, or not at all.

use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{self, Asked};
use super::{bad_request, filter, not_found};
use crate::run::Core;
use crate::server::{ApiAnswer, ApiRequest};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Action, Intervened, Listed, ScheduledView};

/// What is meant, by whom and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    handler: String,
    key: String,
    who: Option<String>,
    why: Option<String>,
}

pub(super) fn list(core: &Core, request: &ApiRequest) -> Result<ApiAnswer, ApiAnswer> {
    let mut handler = None;
    let page = filter::read_with(&request.query, |name, value| {
        if name == "handler" {
            handler = Some(HandlerName::new(value));
        }
        Ok(name == "handler")
    });
    let limit = page.map_err(bad_request)?.limit;
    let entries = core.records.scheduled(handler.as_ref(), limit)?;
    super::json(&Listed {
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
    } = change::read(body)?;
    let action = action(HandlerName::new(handler.as_str()), key.clone());
    let intervention = change::intervention(action, &Asked { who, why }, None)?;
    let came = change::carry_out(core, intervention)?;
    if came == [Intervened::Done] {
        return Ok(ApiAnswer::ok(json!({ "handler": handler, "key": key })));
    }
    Err(not_found(format!(
        "`{handler}` has nothing scheduled under `{key}`"
    )))
}
