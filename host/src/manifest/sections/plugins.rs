//! `[plugins]`: where components are, and how much memory their guests share.

use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema};
use crate::manifest::text::tree::Node;
use crate::settings::Plugins;
use tollgate_sandbox::CompileLimits;

pub(super) const PLUGINS: TableSchema = TableSchema {
    name: "`[plugins]`",
    keys: &[
        "dir",
        "max_size",
        "compile_memory",
        "compile_time",
        "memory",
    ],
    unsupported: &[],
    instead: &[],
};

/// The settings of `[plugins]`.
pub(crate) fn plugins(cx: &mut Context<'_>, node: Option<&Node>) -> Plugins {
    let fields = Fields::section(cx, node, &PLUGINS);
    let dir = fields.path(cx, "dir").map(|(dir, _)| dir);
    Plugins {
        dir: dir.unwrap_or_else(|| cx.folder.join(defaults::PLUGINS_DIR)),
        max_size: fields.size(cx, "max_size", &defaults::PLUGINS_MAX_SIZE),
        compile: CompileLimits {
            memory: fields.size(cx, "compile_memory", &defaults::COMPILE_MEMORY),
            time: fields.duration(cx, "compile_time", &defaults::COMPILE_TIME),
        },
        memory: fields.optional_size(cx, "memory", &defaults::PLUGINS_MEMORY),
    }
}
