//! `per_host` of `[outbox]` and `[outbox.hosts."HOST"]`: what receivers bear.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::defaults::{Bounded, OUTBOX_CONCURRENCY};
use super::fields::{Context, Fields, Keys};
use super::raw::Key;
use super::suggest::nearest;
use crate::settings::{Handler, HostLimit, HostLimits, without_port};
use tollgate_base::event::HandlerName;
use tollgate_base::origin::Origin;

const LIMIT: Keys = Keys {
    of: "the limits of a host",
    known: &["concurrency", "rate"],
    unsupported: &[],
    instead: &[],
};

type Handlers = BTreeMap<HandlerName, Arc<Handler>>;

/// Reads the limits in `[outbox]`, of which all hosts together get `concurrency`.
pub(super) fn hosts(
    cx: &mut Context<'_>,
    outbox: &Fields<'_>,
    concurrency: usize,
    handlers: &Handlers,
) -> HostLimits {
    let given = Fields::section(cx, outbox.get("per_host"), &LIMIT);
    // So that neither a host nor a handler with one takes the places of all others.
    let half = HostLimit {
        concurrency: (concurrency / 2).max(1),
        rate: None,
    };
    let mut limits = HostLimits::all(limit(cx, &given, half, concurrency));
    let table = outbox
        .get("hosts")
        .and_then(|node| Fields::open(cx, node, &node.span, "`hosts`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        let Some(fields) = Fields::read(cx, node, &key.span, &LIMIT) else {
            continue;
        };
        let limit = limit(cx, &fields, limits.default, concurrency);
        if let Some(name) = name(cx, key, handlers)
            && limits.named.insert(name.clone(), limit).is_some()
        {
            let message = format!("the host `{name}` is named twice; case makes no difference");
            cx.report
                .wrong(&key.span, message, "join the tables into one");
        }
    }
    limits
}

/// What the table does not say is as `default` says.
fn limit(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    default: HostLimit,
    of_all: usize,
) -> HostLimit {
    let bounds = Bounded {
        default: default.concurrency,
        ..OUTBOX_CONCURRENCY
    };
    let concurrency = fields.count(cx, "concurrency", &bounds);
    if let Some(node) = fields.get("concurrency")
        && concurrency > of_all
    {
        let message = format!("all hosts together get {of_all}, by `concurrency` of `[outbox]`");
        cx.report.warn(&node.span, message);
    }
    HostLimit {
        concurrency,
        rate: fields.rate(cx, "rate").or(default.rate),
    }
}

/// A host, or a host and a port, as requests are counted by.
fn name(cx: &mut Context<'_>, key: &Key, handlers: &Handlers) -> Option<String> {
    // Any scheme will do: only what stands behind it counts.
    let Ok(origin) = Origin::parse(&format!("https://{}", key.name)) else {
        let message = format!("`{}` is not a host", key.name);
        let help = "write such as [outbox.hosts.\"api.example.com\"], or with a port";
        cx.report.wrong(&key.span, message, help);
        return None;
    };
    let full = origin.host_and_port();
    let name = match without_port(&key.name).len() < key.name.len() {
        true => full,
        false => without_port(&full).to_owned(),
    };
    warn_unreachable(cx, key, &name, handlers);
    Some(name)
}

/// Says that no handler sends to a host: its name may be mistaken.
fn warn_unreachable(cx: &mut Context<'_>, key: &Key, name: &str, handlers: &Handlers) {
    let allowed = handlers.values().flat_map(|handler| &handler.allow);
    let reachable: Vec<String> = allowed
        .map(|allow| allow.origin.host_and_port())
        .flat_map(|host| [without_port(&host).to_owned(), host])
        .collect();
    if reachable.iter().any(|host| host == name) {
        return;
    }
    let mut message = format!("no handler's `allow` list has the host `{name}`");
    if let Some(meant) = nearest(name, reachable.iter().map(String::as_str)) {
        message += &format!("; did you mean `{meant}`?");
    }
    cx.report.warn(&key.span, message);
}
