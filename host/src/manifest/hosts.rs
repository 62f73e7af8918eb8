//! `per_host` of `[outbox]` and `[outbox.hosts."HOST"]`: what receivers bear.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::defaults::{Bounded, OUTBOX_CONCURRENCY};
use super::fields::{Context, Fields, Keys};
use super::raw::Key;
use super::suggest::nearest;
use super::{Handler, Origin, Rate};
use crate::event::HandlerName;

const LIMIT: Keys = Keys {
    of: "the limits of a host",
    known: &["concurrency", "rate"],
    unsupported: &[],
    instead: &[],
};

/// What receivers bear, of all handlers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// `per_host`: of each host and port that is not named. Default: half of the outbox's
    /// concurrency, any rate.
    pub default: HostLimit,
    /// `hosts."HOST"` (whatever its port) and `hosts."HOST:PORT"`, in lower case, an IPv6
    /// address in brackets. What such a table does not set is as `per_host` has it.
    pub named: BTreeMap<String, HostLimit>,
}

/// What one host bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimit {
    /// `concurrency`: requests under way at once.
    pub concurrency: usize,
    /// `rate`: tries that may start in a time, such as `50/s`.
    pub rate: Option<Rate>,
}

impl fmt::Display for HostLimit {
    /// `4 at once, 50/s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at once", self.concurrency)?;
        match self.rate {
            Some(rate) => write!(f, ", {rate}"),
            None => Ok(()),
        }
    }
}

type Handlers = BTreeMap<HandlerName, Arc<Handler>>;

impl HostLimits {
    /// The same limit for every host.
    pub fn all(default: HostLimit) -> Self {
        Self {
            default,
            named: BTreeMap::new(),
        }
    }

    /// The limits of a host with its port (`api.example.com:443`), and the name under which
    /// its requests count: its own or, where the manifest names the host without a port, that.
    pub fn of<'a>(&'a self, host: &'a str) -> (&'a str, &'a HostLimit) {
        [host, without_port(host)]
            .into_iter()
            .find_map(|name| Some((name, self.named.get(name)?)))
            .unwrap_or((host, &self.default))
    }
}

impl Origin {
    /// Host and port, whatever the scheme: `api.example.com:443`, `[::1]:9000`.
    pub fn host_and_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

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

/// The host of a host and a port. (An IPv6 address stands in brackets.)
fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => name,
    }
}
