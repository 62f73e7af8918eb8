//! `POST /api/schedule/run`, `/api/schedule/cancel`: what a handler has scheduled under a key
//! happens now, or not at all.

use serde::Deserialize;
use serde_json::{Value, json};

use super::change::{self, Asked};
use super::not_found;
use crate::event::HandlerName;
use crate::gateway::Core;
use crate::ledger::{Action, Intervened};
use crate::server::ApiAnswer;

/// What is meant, by whom and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    handler: String,
    key: String,
    who: Option<String>,
    why: Option<String>,
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
