//! How long what is kept: `retention` of the ledger, `dedup` and `erase` of a source.

use std::time::Duration;

use super::defaults::{
    DEDUP_MAX, DEDUP_MIN, ERASE_AFTER, RETENTION, RETENTION_SHORT, RETENTION_WARNED,
};
use super::fields::{Context, Fields, Keys, expected, plain_text};
use super::quantity::show_duration;
use super::raw::{Node, Value};
use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::json::PointerSet;
use tollgate_ledger::{Erasure, SourceRetention};

const ERASE: Keys = Keys {
    of: "`erase`",
    known: &["after", "pointers", "logs"],
    unsupported: &[],
    instead: &[("pointer", "write pointers = [\"/POINTER\"]")],
};

/// The word for no end.
const FOREVER: &str = "forever";

/// `[ledger] retention`; none is for good.
pub(super) fn events(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Duration> {
    if is_forever(fields, "retention") {
        return None;
    }
    let retention = fields.duration(cx, "retention", &RETENTION);
    if retention < RETENTION_WARNED
        && let Some(node) = fields.get("retention")
    {
        cx.report.warn(&node.span, RETENTION_SHORT);
    }
    Some(retention)
}

/// `dedup` and `erase` of a source whose scheme refuses old requests, or does not.
pub(super) fn of_source(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    checks_time: bool,
    events: Option<Duration>,
) -> SourceRetention {
    // Where no time is checked, a captured request stays good for ever.
    let default = checks_time.then_some(DEDUP_MIN);
    let keys = if is_forever(fields, "dedup") {
        None
    } else {
        let given = fields.duration_between(cx, "dedup", DEDUP_MIN, DEDUP_MAX);
        if let Some(given) = given
            && !checks_time
            && let Some(node) = fields.get("dedup")
        {
            let message = format!(
                "the scheme checks no time: a request captured today makes a new event once its \
                 key is gone, after {}",
                show_duration(given)
            );
            cx.report.warn(&node.span, message);
        }
        given.or(default)
    };
    let erase = fields
        .get("erase")
        .and_then(|node| erasure(cx, node, events));
    SourceRetention { keys, erase }
}

/// `erase` of each handler, for the events that it makes: those that it emits and schedules,
/// and answers to its requests.
pub(super) fn of_handlers(
    cx: &mut Context<'_>,
    handlers: Option<&Node>,
    events: Option<Duration>,
) -> Vec<(SourceName, SourceRetention)> {
    let Some(Value::Table(handlers)) = handlers.map(|node| &node.value) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, node) in &handlers.entries {
        if let Value::Table(handler) = &node.value
            && let Some((_, node)) = handler.get("erase")
            && let Some(erase) = erasure(cx, node, events)
        {
            let retention = SourceRetention {
                keys: None,
                erase: Some(erase),
            };
            found.push((HandlerName::new(key.name.as_str()).as_source(), retention));
        }
    }
    found
}

fn is_forever(fields: &Fields<'_>, key: &str) -> bool {
    matches!(fields.get(key), Some(Node { value: Value::String(text), .. }) if text == FOREVER)
}

fn erasure(cx: &mut Context<'_>, node: &Node, events: Option<Duration>) -> Option<Erasure> {
    cx.report.plain(node);
    let fields = Fields::read(cx, node, &node.span, &ERASE)?;
    fields.need(cx, "after", "such as after = \"7d\"");
    let after = fields.duration_between(cx, "after", ERASE_AFTER.0, ERASE_AFTER.1);
    if let Some(events) = events
        && after.is_some_and(|after| after >= events)
    {
        let message = format!(
            "nothing is left to erase then: events are pruned after {}",
            show_duration(events)
        );
        cx.report.warn(&node.span, message);
    }
    let items = fields.array(cx, "pointers", "write pointers = [\"/data/object/email\"]");
    let pointers = items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| pointer(cx, item))
        .collect();
    let logs = match fields.get("logs") {
        None => true,
        Some(Node {
            value: Value::Boolean(logs),
            ..
        }) => *logs,
        Some(node) => {
            cx.report.plain(node);
            expected(cx, node, "`logs`", "true or false", ());
            true
        }
    };
    Some(Erasure {
        after: after?,
        pointers,
        logs,
    })
}

fn pointer(cx: &mut Context<'_>, node: &Node) -> Option<String> {
    let text = plain_text(cx, node, "a pointer")?;
    if let Err(error) = PointerSet::new(&[text]) {
        let help = "write a JSON pointer into the payload, such as \"/data/object/email\"";
        cx.report.wrong(&node.span, error.to_string(), help);
        return None;
    }
    Some(text.to_owned())
}
