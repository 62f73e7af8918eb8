//! `[handlers.NAME]`: components with their settings.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use tollgate_base::event::HandlerName;
use tollgate_base::quantity::show_size;
use tollgate_sandbox::{Guest, Limits};

use super::allow::allow;
use super::breaker::breaker;
use super::order::order;
use super::retry::retry_policy;
use crate::manifest::defaults;
use crate::manifest::table::{Context, Fields, TableSchema, Variants, check_name, json, path};
use crate::manifest::text::tree::{Key, Node, Span};
use crate::settings::{Allow, Handler, OnTrap, Plugins};

const HANDLER: TableSchema = TableSchema {
    name: "a handler",
    keys: &[
        "component",
        "concurrency",
        "rate",
        "breaker",
        "rollback",
        "retry",
        "on_trap",
        "order_by",
        "on_block",
        "supersede_by",
        "config",
        "timeout",
        "memory",
        "tables",
        "output",
        "logs",
        "calls",
        "effects",
        "erase",
        "response",
        "allow",
        "fixtures",
    ],
    unsupported: &[],
    instead: &[
        ("wasm", "did you mean `component`?"),
        ("module", "did you mean `component`?"),
        ("path", "did you mean `component`?"),
        ("attempts", "write retry = { attempts = 12 }"),
        (
            "env",
            "handlers have no environment variables; write settings into `config`",
        ),
    ],
};

/// Every handler, by name.
pub(crate) fn handlers(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    plugins: &Plugins,
) -> BTreeMap<HandlerName, Arc<Handler>> {
    let mut handlers = BTreeMap::new();
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`handlers`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        let named = check_name(cx, key, "a handler");
        if let Some(handler) = handler(cx, key, node, plugins)
            && named
        {
            handlers.insert(handler.name.clone(), Arc::new(handler));
        }
    }
    handlers
}

fn handler(cx: &mut Context<'_>, key: &Key, node: &Node, plugins: &Plugins) -> Option<Handler> {
    let fields = Fields::read(cx, node, &key.span, &HANDLER)?;
    let component = component(cx, &fields, &plugins.dir);
    let name = HandlerName::new(key.name.as_str());
    let allow = allow(cx, &fields);
    let guest = Guest {
        name: name.clone(),
        config: config(cx, &fields),
        limits: limits(cx, &fields, &key.span, plugins.memory),
        grants: allow.iter().map(Allow::grant).collect(),
    };
    let handler = Handler {
        name,
        guest: Arc::new(guest),
        component: component.clone().unwrap_or_default(),
        concurrency: fields.count(cx, "concurrency", &defaults::HANDLER_CONCURRENCY),
        rate: fields.rate(cx, "rate"),
        breaker: breaker(cx, fields.get("breaker")),
        rollback: fields.flag(cx, "rollback", true),
        retry: retry_policy(cx, fields.get("retry"), &defaults::HANDLER_RETRY),
        on_trap: fields
            .variant(cx, "on_trap", ON_TRAP, Some(ON_TRAP_HELP))
            .unwrap_or_default(),
        order: order(cx, &fields),
        allow,
        fixtures: fixtures(cx, &fields),
    };
    component.map(|_| handler)
}

/// The limits of a run. `guests` is the memory that all guests may have together.
fn limits(cx: &mut Context<'_>, fields: &Fields<'_>, at: &Span, guests: Option<usize>) -> Limits {
    let memory = fields.size(cx, "memory", &defaults::RUN_MEMORY);
    if let Some(all) = guests.filter(|all| memory > *all) {
        let at = fields.get("memory").map_or(at, |node| &node.span);
        let message = format!(
            "one run may use {} of memory, but all runs together only {}",
            show_size(memory as u64),
            show_size(all as u64),
        );
        let help = "lower the handler's `memory`, or raise `memory` of `[plugins]`";
        cx.diagnostics.wrong_value(at, message, help);
    }
    Limits {
        timeout: fields.duration(cx, "timeout", &defaults::RUN_TIMEOUT),
        memory,
        tables: fields.count(cx, "tables", &defaults::RUN_TABLES),
        output: fields.size(cx, "output", &defaults::RUN_OUTPUT),
        logs: fields.size(cx, "logs", &defaults::RUN_LOGS),
        calls: fields.count(cx, "calls", &defaults::RUN_CALLS),
        effects: fields.size(cx, "effects", &defaults::RUN_EFFECTS),
        response: fields.size(cx, "response", &defaults::RUN_RESPONSE),
    }
}

/// The component's file. A relative path must not leave the folder of components.
fn component(cx: &mut Context<'_>, fields: &Fields<'_>, dir: &Path) -> Option<PathBuf> {
    fields.need(
        cx,
        "component",
        "for example: component = \"fulfillment.wasm\"",
    )?;
    let (text, node) = fields.text(cx, "component")?;
    let component = path(cx, text, node, "`component`")?;
    let leaves = component
        .components()
        .any(|part| matches!(part, Component::ParentDir));
    if component.is_relative() && leaves {
        let message = "`component` is outside the folder of `[plugins] dir`";
        let help = "move the file into that folder, or write an absolute path";
        cx.diagnostics.wrong_value(&node.span, message, help);
        return None;
    }
    if component.file_name().is_none() || text.ends_with('/') {
        cx.diagnostics
            .wrong_value(&node.span, "`component` does not name a file", ());
        return None;
    }
    Some(dir.join(component))
}

/// The settings that the guest may read. They contain no secret, because guests hold no secrets.
fn config(cx: &mut Context<'_>, fields: &Fields<'_>) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    let table = fields.get("config").and_then(|node| {
        cx.diagnostics.allow_quote(node);
        Fields::open(cx, node, &node.span, "`config`")
    });
    for (key, node) in table.iter().flat_map(Fields::entries) {
        if let Some(value) = json(
            cx,
            node,
            &format!("`config` key `{}`", key.name),
            CONFIG_HELP,
        ) {
            let text = match value {
                Json::String(text) => text,
                other => other.to_string(),
            };
            config.insert(key.name.clone(), text);
        }
    }
    config
}

const ON_TRAP: Variants<OnTrap> = &[("retry", OnTrap::Retry), ("dead", OnTrap::Dead)];

const ON_TRAP_HELP: &str = "write \"retry\" (by the retry policy) or \"dead\" (at once)";

const CONFIG_HELP: &str = "handlers read `config` and must not read secrets; write a header with a \
     secret into `headers` of `[[handlers.NAME.allow]]` (for `${` itself write `$${`)";

/// The pattern of fixture files. `*` is allowed only in the file name.
fn fixtures(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<PathBuf> {
    let (pattern, node) = fields.path(cx, "fixtures")?;
    let folder = pattern.parent().unwrap_or(Path::new(""));
    if folder
        .strip_prefix(cx.folder)
        .unwrap_or(folder)
        .to_string_lossy()
        .contains('*')
    {
        let message = "`fixtures` may have `*` only in the file name";
        cx.diagnostics.wrong_value(
            &node.span,
            message,
            "for example: \"fixtures/fulfillment/*.json\"",
        );
        return None;
    }
    Some(pattern)
}
