//! `[outbox]`: the limits and the retries of requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_base::event::HandlerName;

use super::hosts::hosts;
use super::retry::retry_policy;
use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::{Handler, OutboxSettings};

pub(super) const OUTBOX: TableSchema = TableSchema {
    name: "`[outbox]`",
    keys: &["concurrency", "timeout", "retry", "per_host", "hosts"],
    unsupported: &[],
    instead: &[(
        "rate",
        "each host has its own rate: write per_host = { rate = \"50/s\" }",
    )],
};

/// The settings of `[outbox]`. `handlers` say which hosts the outbox can send to.
pub(crate) fn outbox(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    handlers: &BTreeMap<HandlerName, Arc<Handler>>,
) -> OutboxSettings {
    let fields = Fields::section(cx, node, &OUTBOX);
    let concurrency = fields.count(cx, "concurrency", &defaults::OUTBOX_CONCURRENCY);
    OutboxSettings {
        concurrency,
        hosts: Arc::new(hosts(cx, &fields, concurrency, handlers)),
        timeout: fields.duration(cx, "timeout", &defaults::OUTBOX_TIMEOUT),
        retry: retry_policy(cx, fields.get("retry"), &defaults::OUTBOX_RETRY),
    }
}
