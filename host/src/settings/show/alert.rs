//! Alerts as they are understood.

use serde_json::{Map, Value, json};

use super::value::{SECRET, table, text, texts};
use crate::settings::{Alert, AlertReceiver, Condition, NoticeFormat};
use tollgate_base::quantity::show_duration;

/// An alert, with the keys of its kind.
pub(super) fn alert(alert: &Alert) -> Value {
    let mut shown = table([
        ("name", text(&alert.name)),
        ("when", text(&alert.when.name())),
        ("severity", text(&alert.severity.name())),
        ("quiet", text(&show_duration(alert.quiet))),
        ("to", Some(json!(alert.to))),
    ]);
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, condition(&alert.when)) {
        shown.extend(more);
    }
    shown
}

fn condition(when: &Condition) -> Value {
    match when {
        Condition::SourceSilent { sources, after } => table([
            ("sources", Some(texts(sources))),
            ("after", after.map(|after| show_duration(after).into())),
        ]),
        Condition::DeadLetters { over, within } => {
            json!({ "over": over, "within": show_duration(*within) })
        }
        Condition::BacklogAge { after } => json!({ "after": show_duration(*after) }),
        Condition::BreakerOpen { handlers } | Condition::RolledBack { handlers } => {
            json!({ "handlers": texts(handlers) })
        }
        Condition::Rejections {
            sources,
            share,
            within,
            at_least,
        } => json!({
            "sources": texts(sources),
            "share": share,
            "within": show_duration(*within),
            "at_least": at_least,
        }),
        Condition::SecretExpires { sources, before } => {
            json!({ "sources": texts(sources), "before": show_duration(*before) })
        }
        Condition::CertificateExpires { before } => json!({ "before": show_duration(*before) }),
        Condition::DiskFull { free } => json!({ "free": free }),
        Condition::ReloadFailing => Value::Object(Map::new()),
    }
}

/// A receiver of notices. Its URL is a secret.
pub(super) fn receiver(receiver: &AlertReceiver) -> Value {
    let (format, key) = match receiver.format {
        NoticeFormat::Slack => ("slack", None),
        NoticeFormat::PagerDuty { .. } => ("pagerduty", Some(SECRET.into())),
        NoticeFormat::Json => ("json", None),
    };
    table([
        ("format", text(&format)),
        ("url", text(&SECRET)),
        ("routing_key", key),
    ])
}
