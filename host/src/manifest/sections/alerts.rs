//! `[[alerts]]`: of what the gateway tells by itself.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::sync::Arc;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::suggest::nearest;

use super::alert_receivers::alert_receivers;
use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema, Variants, plain_text};
use crate::manifest::text::tree::Node;
use crate::settings::{Alert, AlertReceiver, Alerts, Condition, Handler, Severity, Source};

pub(super) const ALERT: TableSchema = TableSchema {
    name: "an alert",
    keys: &[
        "name", "when", "severity", "quiet", "to", "sources", "handlers", "after", "over",
        "within", "share", "at_least", "before", "free",
    ],
    unsupported: &[],
    instead: &[
        ("receivers", "write to = [\"NAME\"]"),
        ("source", "write sources = [\"NAME\"]"),
        ("handler", "write handlers = [\"NAME\"]"),
        ("url", "write the URL into [alert_receivers.NAME]"),
    ],
};

/// The keys that every alert may have.
const COMMON: &[&str] = &["name", "when", "severity", "quiet", "to"];

const WHEN: Variants<Kind> = &[
    ("source_silent", Kind::SourceSilent),
    ("dead_letters", Kind::DeadLetters),
    ("backlog_age", Kind::BacklogAge),
    ("breaker_open", Kind::BreakerOpen),
    ("rolled_back", Kind::RolledBack),
    ("rejections", Kind::Rejections),
    ("secret_expires", Kind::SecretExpires),
    ("certificate_expires", Kind::CertificateExpires),
    ("disk_full", Kind::DiskFull),
    ("reload_failing", Kind::ReloadFailing),
];

const SEVERITY: Variants<Severity> = &[
    ("info", Severity::Info),
    ("warning", Severity::Warning),
    ("error", Severity::Error),
    ("critical", Severity::Critical),
];

/// The kinds of conditions.
#[derive(Clone, Copy)]
enum Kind {
    SourceSilent,
    DeadLetters,
    BacklogAge,
    BreakerOpen,
    RolledBack,
    Rejections,
    SecretExpires,
    CertificateExpires,
    DiskFull,
    ReloadFailing,
}

impl Kind {
    /// The keys of this kind, beside those of every alert.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::SourceSilent => &["sources", "after"],
            Self::DeadLetters => &["over", "within"],
            Self::BacklogAge => &["after"],
            Self::BreakerOpen | Self::RolledBack => &["handlers"],
            Self::Rejections => &["sources", "share", "within", "at_least"],
            Self::SecretExpires => &["sources", "before"],
            Self::CertificateExpires => &["before"],
            Self::DiskFull => &["free"],
            Self::ReloadFailing => &[],
        }
    }
}

/// What the names in alerts may refer to.
struct Known<'k> {
    sources: &'k BTreeMap<SourceName, Arc<Source>>,
    handlers: &'k BTreeMap<HandlerName, Arc<Handler>>,
    receivers: &'k [Arc<AlertReceiver>],
    /// Whether there is none, not even one with a mistake.
    nobody: bool,
}

/// The alerts and their receivers.
pub(crate) fn alerts(
    cx: &mut Context<'_>,
    root: &Fields<'_>,
    sources: &BTreeMap<SourceName, Arc<Source>>,
    handlers: &BTreeMap<HandlerName, Arc<Handler>>,
) -> Alerts {
    const HELP: &str = "write [[alerts]] with two brackets";
    let receivers = alert_receivers(cx, root.get("alert_receivers"));
    let known = Known {
        sources,
        handlers,
        receivers: &receivers,
        nobody: root.get("alert_receivers").is_none(),
    };
    let mut names = HashSet::new();
    let mut alerts: Vec<Alert> = Vec::new();
    for node in root.array(cx, "alerts", HELP).unwrap_or_default() {
        let Some(alert) = alert(cx, node, &known) else {
            continue;
        };
        if !names.insert(alert.name.clone()) {
            let message = format!("an alert above has the name `{}`, too", alert.name);
            let help = "write another `name`";
            cx.diagnostics.wrong_value(&node.span, message, help);
        }
        alerts.push(alert);
    }
    Alerts { alerts, receivers }
}

fn alert(cx: &mut Context<'_>, node: &Node, known: &Known<'_>) -> Option<Alert> {
    let fields = Fields::read(cx, node, &node.span, &ALERT)?;
    fields.need(cx, "when", "for example: when = \"dead_letters\"");
    let kind = fields.variant(cx, "when", WHEN, None);
    let severity = fields.variant(cx, "severity", SEVERITY, None);
    let quiet = fields.duration(cx, "quiet", &defaults::ALERT_QUIET);
    let to = to(cx, node, &fields, known);
    let kind = kind?;
    foreign_keys(cx, &fields, kind);
    let when = condition(cx, &fields, kind, known);
    Some(Alert {
        name: name(cx, &fields).unwrap_or_else(|| when.name().to_owned()),
        when,
        severity: severity.unwrap_or_default(),
        quiet,
        to,
    })
}

/// The name: it is part of what identifies an alert for receivers.
fn name(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<String> {
    let (text, node) = fields.text(cx, "name")?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let good = !text.is_empty() && text.len() <= defaults::NAME_LENGTH && text.chars().all(fits);
    if !good {
        let message = format!(
            "the name of an alert consists of letters, digits, `_` and `-`, and has at most {} \
             characters",
            defaults::NAME_LENGTH
        );
        cx.diagnostics.wrong_value(&node.span, message, ());
    }
    good.then(|| text.to_owned())
}

/// Reports keys of other kinds of alerts.
fn foreign_keys(cx: &mut Context<'_>, fields: &Fields<'_>, kind: Kind) {
    for (key, value) in fields.entries() {
        let name = key.name.as_str();
        let known = ALERT.keys.contains(&name);
        if known {
            // No key of an alert is a secret.
            cx.diagnostics.allow_quote(value);
        }
        if known && !COMMON.contains(&name) && !kind.keys().contains(&name) {
            let message = format!("an alert of this kind has no `{name}`");
            let help = match kind.keys() {
                [] => "remove the key".to_owned(),
                keys => format!("the keys of this kind are `{}`", keys.join("`, `")),
            };
            cx.diagnostics.wrong_context(&key.span, message, help);
        }
    }
}

fn condition(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    kind: Kind,
    known: &Known<'_>,
) -> Condition {
    match kind {
        Kind::SourceSilent => Condition::SourceSilent {
            sources: sources(cx, fields, known),
            after: fields.optional_duration(
                cx,
                "after",
                (defaults::ALERT_AFTER.min, defaults::ALERT_AFTER.max),
            ),
        },
        Kind::DeadLetters => Condition::DeadLetters {
            over: fields.count(cx, "over", &defaults::ALERT_OVER),
            within: fields.duration(cx, "within", &defaults::DEAD_LETTERS_WITHIN),
        },
        Kind::BacklogAge => Condition::BacklogAge {
            after: fields.duration(cx, "after", &defaults::ALERT_AFTER),
        },
        Kind::BreakerOpen => Condition::BreakerOpen {
            handlers: handlers(cx, fields, known),
        },
        Kind::RolledBack => Condition::RolledBack {
            handlers: handlers(cx, fields, known),
        },
        Kind::Rejections => Condition::Rejections {
            sources: sources(cx, fields, known),
            share: fields.number(cx, "share", defaults::REJECTIONS_SHARE, (0.0, 1.0)),
            within: fields.duration(cx, "within", &defaults::REJECTIONS_WITHIN),
            at_least: fields.count(cx, "at_least", &defaults::REJECTIONS_AT_LEAST),
        },
        Kind::SecretExpires => Condition::SecretExpires {
            sources: sources(cx, fields, known),
            before: fields.duration(cx, "before", &defaults::SECRET_EXPIRES_BEFORE),
        },
        Kind::CertificateExpires => Condition::CertificateExpires {
            before: fields.duration(cx, "before", &defaults::CERTIFICATE_EXPIRES_BEFORE),
        },
        Kind::DiskFull => Condition::DiskFull {
            free: fields.number(cx, "free", defaults::DISK_FREE, (0.001, 1.0)),
        },
        Kind::ReloadFailing => Condition::ReloadFailing,
    }
}

fn sources(cx: &mut Context<'_>, fields: &Fields<'_>, known: &Known<'_>) -> Vec<SourceName> {
    let all = known.sources.keys().map(SourceName::as_str).collect();
    let names = listed(cx, fields, ("sources", "source"), all);
    names.into_iter().map(SourceName::new).collect()
}

fn handlers(cx: &mut Context<'_>, fields: &Fields<'_>, known: &Known<'_>) -> Vec<HandlerName> {
    let all = known.handlers.keys().map(HandlerName::as_str).collect();
    let names = listed(cx, fields, ("handlers", "handler"), all);
    names.into_iter().map(HandlerName::new).collect()
}

/// The receivers of an alert.
fn to(cx: &mut Context<'_>, node: &Node, fields: &Fields<'_>, known: &Known<'_>) -> Vec<String> {
    let all: Vec<_> = known
        .receivers
        .iter()
        .map(|known| known.name.as_str())
        .collect();
    if fields.get("to").is_some() {
        return listed(cx, fields, ("to", "alert receiver"), all);
    }
    if known.nobody {
        let message = "nobody is told of this alert: the manifest has no `[alert_receivers.NAME]`";
        let help = "write [alert_receivers.ops] with format = \"slack\" and url = \"${SLACK_URL}\"";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
    all.into_iter().map(str::to_owned).collect()
}

/// The names in an array, each of which must be `known`. Empty if the key is missing.
fn listed(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    (key, what): (&str, &str),
    known: Vec<&str>,
) -> Vec<String> {
    let help = format!("write {key} = [\"NAME\"]");
    let Some(nodes) = fields.array(cx, key, &help) else {
        return Vec::new();
    };
    if nodes.is_empty()
        && let Some(node) = fields.get(key)
    {
        let message = format!("`{key}` is empty");
        let help = "remove the key for all of them";
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    let mut names = Vec::new();
    for node in nodes {
        let Some(name) = plain_text(cx, node, &format!("a name in `{key}`")) else {
            continue;
        };
        if known.contains(&name) {
            names.push(name.to_owned());
            continue;
        }
        let message = format!("there is no {what} `{name}`");
        let suggestion = nearest(name, known.iter().copied());
        let help = suggestion.map(|suggestion| format!("did you mean \"{suggestion}\"?"));
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    names
}
