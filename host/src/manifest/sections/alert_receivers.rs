//! `[alert_receivers.NAME]`: where notices about alerts go.

use std::sync::Arc;

use tollgate_base::origin::Origin;
use tollgate_base::secret::Secret;

use super::allow::headers;
use super::networks::{named_by, networks};
use crate::manifest::defaults::PAGERDUTY_URL;
use crate::manifest::table::{Context, Fields, TableSchema, Variants, check_name, secret};
use crate::manifest::text::tree::{Key, Node};
use crate::settings::{AlertReceiver, Allow, NoticeFormat};

pub(super) const RECEIVER: TableSchema = TableSchema {
    name: "an alert receiver",
    keys: &["format", "url", "routing_key", "addresses", "headers"],
    unsupported: &[],
    instead: &[
        ("type", "did you mean `format`?"),
        ("integration_key", "did you mean `routing_key`?"),
        ("channel", "an incoming webhook of Slack has its channel"),
    ],
};

/// The formats by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Slack,
    PagerDuty,
    Json,
}

const FORMATS: Variants<Format> = &[
    ("slack", Format::Slack),
    ("pagerduty", Format::PagerDuty),
    ("json", Format::Json),
];

const URL_HELP: &str = "write url = \"${NAME}\" for an environment variable that has the URL";

/// Every receiver, in the order of names.
pub(super) fn alert_receivers(
    cx: &mut Context<'_>,
    node: Option<&Node>,
) -> Vec<Arc<AlertReceiver>> {
    let mut receivers = Vec::new();
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`alert_receivers`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        let named = check_name(cx, key, "an alert receiver");
        if let Some(receiver) = receiver(cx, key, node)
            && named
        {
            receivers.push(Arc::new(receiver));
        }
    }
    receivers.sort_by(|one, other| one.name.cmp(&other.name));
    receivers
}

fn receiver(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<AlertReceiver> {
    let fields = Fields::read(cx, node, &key.span, &RECEIVER)?;
    fields.need(cx, "format", "for example: format = \"slack\"");
    let format = fields.variant(cx, "format", FORMATS, None);
    let url = url(cx, &fields, format);
    let routing_key = routing_key(cx, &fields, format);
    let mut addresses = networks(cx, &fields, "addresses");
    let origin = url.as_ref().map(|(_, origin)| origin);
    let headers = headers(cx, &fields, origin);
    let (url, origin) = url?;
    addresses.extend(named_by(&origin));
    let format = match format? {
        Format::Slack => NoticeFormat::Slack,
        Format::Json => NoticeFormat::Json,
        Format::PagerDuty => NoticeFormat::PagerDuty {
            routing_key: routing_key?,
        },
    };
    Some(AlertReceiver {
        name: key.name.clone(),
        format,
        url,
        allow: Allow {
            origin,
            addresses,
            headers,
            immediate: false,
        },
    })
}

/// The URL with its origin. A message does not repeat the URL, which is often a secret.
fn url(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    format: Option<Format>,
) -> Option<(Secret, Origin)> {
    let Some(node) = fields.get("url") else {
        if format == Some(Format::PagerDuty) {
            let origin = Origin::of_url(PAGERDUTY_URL).ok()?;
            return Some((Secret::new(PAGERDUTY_URL), origin));
        }
        fields.need(cx, "url", URL_HELP);
        return None;
    };
    let read = secret(cx, node, "`url`")?;
    if format == Some(Format::Slack) {
        // Whoever has the URL of a webhook can write to its channel.
        read.warn_if_literal(cx, &node.span);
    }
    let url = read.secret;
    let text = std::str::from_utf8(url.expose()).ok();
    match text.map(Origin::of_url) {
        Some(Ok(origin)) => Some((url, origin)),
        Some(Err(error)) => {
            let message = format!("`url` {error}");
            cx.diagnostics.wrong_value(&node.span, message, URL_HELP);
            None
        }
        None => {
            cx.diagnostics
                .wrong_value(&node.span, "`url` is not text", URL_HELP);
            None
        }
    }
}

fn routing_key(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    format: Option<Format>,
) -> Option<Secret> {
    const HELP: &str = "write routing_key = \"${NAME}\", the integration key of Events API v2";
    let Some(node) = fields.get("routing_key") else {
        if format == Some(Format::PagerDuty) {
            fields.need(cx, "routing_key", HELP);
        }
        return None;
    };
    if format.is_some_and(|format| format != Format::PagerDuty) {
        let message = "`routing_key` is for the format `pagerduty` alone";
        cx.diagnostics
            .wrong_context(&node.span, message, "remove the key");
        return None;
    }
    let read = secret(cx, node, "`routing_key`")?;
    read.warn_if_literal(cx, &node.span);
    Some(read.secret)
}
