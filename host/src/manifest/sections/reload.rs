//! `[reload]`: how the gateway notices changed files.

use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema, Variants};
use crate::manifest::text::tree::Node;
use crate::settings::{Reload, Watch};

pub(super) const RELOAD: TableSchema = TableSchema {
    name: "`[reload]`",
    keys: &["watch", "poll_interval", "debounce"],
    unsupported: &[],
    instead: &[],
};

const WATCH: Variants<Watch> = &[
    ("events", Watch::Events),
    ("poll", Watch::Poll),
    ("off", Watch::Off),
];

/// The settings of `[reload]`.
pub(crate) fn reload(cx: &mut Context<'_>, node: Option<&Node>) -> Reload {
    let fields = Fields::section(cx, node, &RELOAD);
    Reload {
        watch: fields
            .variant(cx, "watch", WATCH, None)
            .unwrap_or(Watch::Events),
        poll_interval: fields.duration(cx, "poll_interval", &defaults::POLL_INTERVAL),
        debounce: fields.duration(cx, "debounce", &defaults::DEBOUNCE),
    }
}
