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

/// The keys of a handler. The first ones name files, which the project of a handler has otherwise.
pub(super) const KEYS: &[&str] = &[
    "component",
    "fixtures",
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
    "requests",
    "allow",
];

const HANDLER: TableSchema = TableSchema {
    name: "a handler",
    keys: KEYS,
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

/// `[handler]` in the project of a handler: the same keys without those that name files.
const OF_PROJECT: TableSchema = TableSchema {
    name: "`handler`",
    keys: KEYS.split_at(2).1,
    unsupported: &[],
    instead: &[
        ("component", "the project is built into `target/NAME.wasm`"),
        ("fixtures", "write `fixtures` above the first table"),
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
    let files = Files {
        component: component(cx, &fields, &plugins.dir),
        fixtures: fixtures(cx, &fields),
    };
    let known = files.component.is_some();
    let name = HandlerName::new(key.name.as_str());
    let handler = of_fields(cx, &fields, name, files, (&key.span, plugins.memory));
    known.then_some(handler)
}

/// The handler of a project, in `[handler]`. Its component is the file that a build writes.
pub(crate) fn of_project(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    name: HandlerName,
    component: PathBuf,
    fixtures: PathBuf,
) -> Handler {
    let fields = Fields::section(cx, node, &OF_PROJECT);
    let files = Files {
        component: Some(component),
        fixtures: Some(fixtures),
    };
    of_fields(cx, &fields, name, files, (&(0..0), None))
}

/// The files that a handler names.
struct Files {
    component: Option<PathBuf>,
    fixtures: Option<PathBuf>,
}

/// The handler of a table. `limit` is the place of the handler's name, and the memory that all
/// guests may have together.
fn of_fields(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    name: HandlerName,
    files: Files,
    (at, memory): (&Span, Option<usize>),
) -> Handler {
    let allow = allow(cx, fields);
    let guest = Guest {
        name: name.clone(),
        config: config(cx, fields),
        limits: limits(cx, fields, at, memory),
        grants: allow.iter().map(Allow::grant).collect(),
    };
    Handler {
        name,
        guest: Arc::new(guest),
        component: files.component.unwrap_or_default(),
        concurrency: fields.count(cx, "concurrency", &defaults::HANDLER_CONCURRENCY),
        rate: fields.rate(cx, "rate"),
        breaker: breaker(cx, fields.get("breaker")),
        rollback: fields.flag(cx, "rollback", true),
        retry: retry_policy(cx, fields.get("retry"), &defaults::HANDLER_RETRY),
        on_trap: fields
            .variant(cx, "on_trap", ON_TRAP, Some(ON_TRAP_HELP))
            .unwrap_or_default(),
        order: order(cx, fields),
        allow,
        fixtures: files.fixtures,
    }
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
        requests: fields.count(cx, "requests", &defaults::RUN_REQUESTS),
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
pub(crate) fn fixtures(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<PathBuf> {
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
