//! How long the ledger keeps data: `retention` of the ledger, `dedup` of a source, `erase` of a
//! source or a handler.

use std::time::Duration;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::json::PointerSet;
use tollgate_base::quantity::show_duration;
use tollgate_ledger::{Erasure, SourceRetention};
use tollgate_scheme::DedupChoice;

use crate::manifest::defaults::{DEDUP_MAX, DEDUP_MIN, ERASE_AFTER, RETENTION, RETENTION_WARNED};
use crate::manifest::table::{Context, Fields, TableSchema, Variants, plain_text};
use crate::manifest::text::tree::{Node, Value};

pub(super) const DEDUP: TableSchema = TableSchema {
    name: "`dedup`",
    keys: &["keep", "by", "twins"],
    unsupported: &[],
    instead: &[("for", "did you mean `keep`?")],
};

pub(super) const ERASE: TableSchema = TableSchema {
    name: "`erase`",
    keys: &["after", "pointers", "logs"],
    unsupported: &[],
    instead: &[("pointer", "write pointers = [\"/POINTER\"]")],
};

/// The word for a retention without an end.
const FOREVER: &str = "forever";

/// `[ledger] retention`. `None` is for ever.
pub(crate) fn of_events(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Duration> {
    if is_forever(fields, "retention") {
        return None;
    }
    let retention = fields.duration(cx, "retention", &RETENTION);
    if retention < RETENTION_WARNED
        && let Some(node) = fields.get("retention")
    {
        let message = "the ledger soon removes finished events, dead letters too; a removed event \
             cannot be replayed";
        cx.diagnostics.warn(&node.span, message);
    }
    Some(retention)
}

/// `dedup` and `erase` of a source. `keys_end` says whether keys need not be kept for good, mostly
/// because the scheme refuses old requests.
pub(crate) fn of_source(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    keys_end: bool,
    events: Option<Duration>,
) -> SourceRetention {
    let keys = match dedup_table(cx, fields) {
        Some(dedup) => of_keys(cx, &dedup, "keep", keys_end),
        None => of_keys(cx, fields, "dedup", keys_end),
    };
    let erase = fields
        .get("erase")
        .and_then(|node| erasure(cx, node, events));
    SourceRetention { keys, erase }
}

/// `by` in the table `dedup` of a source.
pub(crate) fn dedup_by(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<DedupChoice> {
    const CHOICES: Variants<DedupChoice> =
        &[("id", DedupChoice::Id), ("bytes", DedupChoice::Bytes)];
    let node = fields.get("dedup")?;
    if !matches!(node.value, Value::Table(_)) {
        return None;
    }
    let dedup = Fields::open(cx, node, &node.span, "`dedup`")?;
    dedup.variant(cx, "by", CHOICES, None)
}

/// `twins` in the table `dedup` of a source, which has this scheme.
pub(crate) fn twins(cx: &mut Context<'_>, fields: &Fields<'_>, scheme: Option<&str>) -> bool {
    let Some(node) = fields.get("dedup") else {
        return false;
    };
    if !matches!(node.value, Value::Table(_)) {
        return false;
    }
    let Some(dedup) = Fields::open(cx, node, &node.span, "`dedup`") else {
        return false;
    };
    let twins = dedup.flag(cx, "twins", false);
    if twins
        && scheme.is_some_and(|scheme| scheme != "stripe")
        && let Some(node) = dedup.get("twins")
    {
        let message = "only events of the scheme \"stripe\" have twins";
        cx.diagnostics
            .wrong_context(&node.span, message, "remove `twins`");
    }
    twins
}

/// The table `dedup` of a source. `None` if `dedup` is absent or a length of time.
fn dedup_table<'t>(cx: &mut Context<'_>, fields: &Fields<'t>) -> Option<Fields<'t>> {
    let node = fields.get("dedup")?;
    match node.value {
        Value::Table(_) => Fields::read(cx, node, &node.span, &DEDUP),
        _ => None,
    }
}

/// How long keys are kept, at `key`.
fn of_keys(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    key: &str,
    keys_end: bool,
) -> Option<Duration> {
    // If the scheme checks no time, a captured request stays valid for ever.
    let default = keys_end.then_some(DEDUP_MIN);
    if is_forever(fields, key) {
        None
    } else {
        let dedup = fields.optional_duration(cx, key, (DEDUP_MIN, DEDUP_MAX));
        if let Some(dedup) = dedup
            && !keys_end
            && let Some(node) = fields.get(key)
        {
            let message = format!(
                "the scheme checks no time: after {} the dedup key is gone, and a request captured \
                 today makes a new event",
                show_duration(dedup)
            );
            cx.diagnostics.warn(&node.span, message);
        }
        dedup.or(default)
    }
}

/// `erase` of each handler, for the handler's events: emitted events, scheduled events, and answers
/// to the handler's requests.
pub(crate) fn of_handlers(
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
    cx.diagnostics.allow_quote(node);
    let fields = Fields::read(cx, node, &node.span, &ERASE)?;
    fields.need(cx, "after", "for example: after = \"7d\"");
    let after = fields.optional_duration(cx, "after", ERASE_AFTER);
    if let Some(events) = events
        && after.is_some_and(|after| after >= events)
    {
        let message = format!(
            "nothing is left to erase: events are pruned after {}",
            show_duration(events)
        );
        cx.diagnostics.warn(&node.span, message);
    }
    let items = fields.array(cx, "pointers", "write pointers = [\"/data/object/email\"]");
    let pointers = items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| pointer(cx, item))
        .collect();
    let logs = fields.flag(cx, "logs", true);
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
        cx.diagnostics
            .wrong_value(&node.span, error.to_string(), help);
        return None;
    }
    Some(text.to_owned())
}
