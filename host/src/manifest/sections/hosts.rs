//! `per_host` of `[outbox]` and `[outbox.hosts."HOST"]`: the limits for requests to each host.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_base::event::HandlerName;
use tollgate_base::origin::Origin;
use tollgate_base::suggest::nearest;

use crate::manifest::defaults::{Bounded, OUTBOX_CONCURRENCY};
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Key;
use crate::settings::{Handler, HostLimit, HostLimits, without_port};

pub(super) const LIMIT: TableSchema = TableSchema {
    name: "the limits of a host",
    keys: &["concurrency", "rate"],
    unsupported: &[],
    instead: &[],
};

type Handlers = BTreeMap<HandlerName, Arc<Handler>>;

/// The limits for each host. `concurrency` is the limit for all hosts together.
pub(crate) fn hosts(
    cx: &mut Context<'_>,
    outbox: &Fields<'_>,
    concurrency: usize,
    handlers: &Handlers,
) -> HostLimits {
    let per_host = Fields::section(cx, outbox.get("per_host"), &LIMIT);
    // With half of the places, no host and no handler with one host can take all places.
    let half = HostLimit {
        concurrency: (concurrency / 2).max(1),
        rate: None,
    };
    let mut limits = HostLimits::all(limit(cx, &per_host, half, concurrency));
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
            let message =
                format!("the host `{name}` has two tables; upper and lower case are the same");
            cx.diagnostics
                .wrong_value(&key.span, message, "join both tables");
        }
    }
    limits
}

/// The limit in the table. A key that is missing has the value of `default`.
fn limit(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    default: HostLimit,
    all_hosts: usize,
) -> HostLimit {
    let bounds = Bounded {
        default: default.concurrency,
        ..OUTBOX_CONCURRENCY
    };
    let concurrency = fields.count(cx, "concurrency", &bounds);
    if let Some(node) = fields.get("concurrency")
        && concurrency > all_hosts
    {
        let message = format!(
            "`concurrency` of `[outbox]` allows only {all_hosts} requests to all hosts together"
        );
        cx.diagnostics.warn(&node.span, message);
    }
    HostLimit {
        concurrency,
        rate: fields.rate(cx, "rate").or(default.rate),
    }
}

/// The name of a host, with its port if the key has one.
fn name(cx: &mut Context<'_>, key: &Key, handlers: &Handlers) -> Option<String> {
    // The scheme does not matter here. Only the host and the port are used.
    let Ok(origin) = Origin::parse(&format!("https://{}", key.name)) else {
        let message = format!("`{}` is not a host", key.name);
        let help =
            "write a host, for example: [outbox.hosts.\"api.example.com\"], or a host with a port";
        cx.diagnostics.wrong_value(&key.span, message, help);
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

/// Warns if no handler can send to a host, because the name may be misspelt.
fn warn_unreachable(cx: &mut Context<'_>, key: &Key, name: &str, handlers: &Handlers) {
    let allowed = handlers.values().flat_map(|handler| &handler.allow);
    let reachable: Vec<String> = allowed
        .map(|allow| allow.origin.host_and_port())
        .flat_map(|host| [without_port(&host).to_owned(), host])
        .collect();
    if reachable.iter().any(|host| host == name) {
        return;
    }
    let mut message = format!("no handler has the host `{name}` in its `allow` list");
    if let Some(suggestion) = nearest(name, reachable.iter().map(String::as_str)) {
        message += &format!("; did you mean `{suggestion}`?");
    }
    cx.diagnostics.warn(&key.span, message);
}
