//! `[[routes]]`, and what they say about sources and handlers.

use std::collections::HashSet;

use serde_json::Value as Json;

use super::fields::{Context, Fields, Keys, listed, plain_text};
use super::json::json;
use super::raw::{Key, Node, Span, Value};
use super::suggest::nearest;
use crate::settings::Route;
use tollgate_base::event::{HANDLER_SOURCE_PREFIX, HandlerName, SourceName};
use tollgate_base::globs::EventPattern;

const ROUTE: Keys = Keys {
    of: "a route",
    known: &["source", "events", "where", "handlers"],
    unsupported: &[],
    instead: &[("filter", "did you mean `where`?")],
};

/// What the manifest names, right or wrong: so that a mistake within a handler does not
/// make every route to it one too.
struct Names<'t> {
    sources: Vec<&'t Key>,
    handlers: Vec<&'t Key>,
}

/// Reads the routes, and warns of sources and handlers that none of them names.
pub(super) fn routes(cx: &mut Context<'_>, root: &Fields<'_>) -> Vec<Route> {
    let names = Names {
        sources: keys(root.get("sources")),
        handlers: keys(root.get("handlers")),
    };
    let mut routes = Vec::new();
    let nodes = root.array(cx, "routes", "write [[routes]] with two brackets");
    for node in nodes.unwrap_or_default() {
        if let Some(fields) = Fields::read(cx, node, &node.span, &ROUTE)
            && let Some(route) = route(cx, &fields, &names)
        {
            routes.push(route);
        }
    }
    warn_of_unused(cx, &names, &routes);
    routes
}

fn keys(node: Option<&Node>) -> Vec<&Key> {
    match node.map(|node| &node.value) {
        Some(Value::Table(table)) => table.entries.iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}

fn warn_of_unused(cx: &mut Context<'_>, names: &Names<'_>, routes: &[Route]) {
    for key in &names.handlers {
        let named = |name: &HandlerName| name.as_str() == key.name;
        if !routes.iter().any(|route| route.handlers.iter().any(named)) {
            let message = format!("no route leads to the handler `{}`", key.name);
            cx.report.warn(&key.span, message);
        }
    }
    for key in &names.sources {
        if !routes.iter().any(|route| route.source.as_str() == key.name) {
            let message = format!(
                "no route begins at the source `{}`: its events are recorded and go nowhere",
                key.name
            );
            cx.report.warn(&key.span, message);
        }
    }
    if names.sources.is_empty() {
        cx.report
            .warn(&(0..0), "there is no source: nothing can be received");
    }
}

fn route(cx: &mut Context<'_>, fields: &Fields<'_>, names: &Names<'_>) -> Option<Route> {
    let source = source(cx, fields, names);
    let events = events(cx, fields);
    let filter = filter(cx, fields);
    let handlers = handlers(cx, fields, names);
    Some(Route {
        source: source?,
        events,
        filter,
        handlers,
    })
}

fn source(cx: &mut Context<'_>, fields: &Fields<'_>, names: &Names<'_>) -> Option<SourceName> {
    fields.need(cx, "source", "name the source whose events take this route")?;
    let (text, node) = fields.text(cx, "source")?;
    match text.strip_prefix(HANDLER_SOURCE_PREFIX) {
        Some(name) => {
            known(
                cx,
                "handler",
                HANDLER_SOURCE_PREFIX,
                name,
                &names.handlers,
                &node.span,
            );
        }
        None => known(cx, "source", "", text, &names.sources, &node.span),
    }
    Some(SourceName::new(text))
}

/// Reports a name, written behind `prefix`, that the manifest does not have.
fn known(cx: &mut Context<'_>, what: &str, prefix: &str, name: &str, keys: &[&Key], at: &Span) {
    if keys.iter().any(|key| key.name == name) {
        return;
    }
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let help = match nearest(name, names.iter().copied()) {
        Some(meant) => format!("did you mean `{prefix}{meant}`?"),
        None if names.is_empty() => format!("add `[{what}s.{name}]`"),
        None => format!(
            "add `[{what}s.{name}]`, or name one of these: {}",
            listed(&names)
        ),
    };
    let message = format!("there is no {what} `{name}`");
    cx.report.amiss(at, message, help);
}

/// The strings of an array that must not be empty nor name anything twice.
fn strings<'t>(
    cx: &mut Context<'_>,
    fields: &Fields<'t>,
    key: &str,
    help: &str,
) -> Vec<(&'t str, &'t Span)> {
    let Some(node) = fields.need(cx, key, help) else {
        return Vec::new();
    };
    cx.report.plain(node);
    let Some(items) = fields.array(cx, key, help) else {
        return Vec::new();
    };
    if items.is_empty() {
        let message = format!("`{key}` is empty, so that the route does nothing");
        cx.report.wrong(&node.span, message, help);
    }
    let mut seen = HashSet::new();
    let mut strings = Vec::new();
    for item in items {
        let Some(text) = plain_text(cx, item, &format!("each of `{key}`")) else {
            continue;
        };
        if !seen.insert(text) {
            let message = format!("`{text}` stands in `{key}` twice");
            cx.report.wrong(&item.span, message, "leave it out here");
        }
        strings.push((text, &item.span));
    }
    strings
}

fn events(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<EventPattern> {
    const HELP: &str = "such as events = [\"payment_intent.succeeded\", \"invoice.*\"]";
    let mut patterns = Vec::new();
    for (text, at) in strings(cx, fields, "events", HELP) {
        if text.trim().is_empty() {
            cx.report.wrong(
                at,
                "an event type is not empty",
                "write \"*\" for all events",
            );
        } else if text.trim() != text || text.contains(char::is_control) {
            let message = "an event type has no white space around it nor control characters";
            cx.report.wrong(at, message, ());
        } else if text.contains(['?', '[', ']', '{', '}']) {
            let message = "in an event type only `*` is special, for any characters";
            cx.report
                .wrong(at, message, "list several patterns instead");
        } else {
            patterns.push(EventPattern::new(text));
        }
    }
    patterns
}

fn handlers(cx: &mut Context<'_>, fields: &Fields<'_>, names: &Names<'_>) -> Vec<HandlerName> {
    const HELP: &str = "such as handlers = [\"fulfillment\"]";
    let mut handlers = Vec::new();
    for (text, at) in strings(cx, fields, "handlers", HELP) {
        known(cx, "handler", "", text, &names.handlers, at);
        handlers.push(HandlerName::new(text));
    }
    handlers
}

fn filter(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<(String, Json)> {
    const SUBSTITUTED: &str = "write the value itself (`$${` stands for `${`)";
    let mut filter = Vec::new();
    let table = fields.get("where").and_then(|node| {
        cx.report.plain(node);
        Fields::open(cx, node, &node.span, "`where`")
    });
    for (key, node) in table.iter().flat_map(Fields::entries) {
        match &node.value {
            Value::Array(_) => {
                let message = "`where` compares with one value, not with an array";
                cx.report
                    .wrong(&node.span, message, "write a route for each value");
                continue;
            }
            Value::Table(_) => {
                let message = "`where` compares with one value, not with a table";
                let help = format!(
                    "write the whole pointer in quotes: \"{}\"",
                    pointer_to(key, node)
                );
                cx.report.wrong(&key.span, message, help);
                continue;
            }
            _ => {}
        }
        let pointer = pointer(cx, key);
        let value = json(cx, node, "`where`", SUBSTITUTED);
        filter.extend(pointer.zip(value));
    }
    filter
}

/// The pointer that was probably meant by `data.object.currency` without quotes.
fn pointer_to(key: &Key, node: &Node) -> String {
    let mut pointer = format!("/{}", key.name.trim_start_matches('/'));
    let mut node = node;
    while let Value::Table(table) = &node.value
        && let [(key, inner)] = table.entries.as_slice()
    {
        pointer.push('/');
        pointer.push_str(&key.name);
        node = inner;
    }
    pointer
}

/// The key as a JSON pointer (RFC 6901).
fn pointer(cx: &mut Context<'_>, key: &Key) -> Option<String> {
    let text = key.name.as_str();
    if !text.is_empty() && !text.starts_with('/') {
        let message = "a key of `where` is a JSON pointer into the payload, which begins with `/`";
        let help = format!(
            "write \"/{}\"",
            text.trim_start_matches("$.").replace('.', "/")
        );
        cx.report.wrong(&key.span, message, help);
        return None;
    }
    let mut escapes = text.split('~').skip(1);
    if !escapes.all(|after| after.starts_with(['0', '1'])) {
        let message = "in a JSON pointer `~` is followed by `0` or `1`";
        cx.report
            .wrong(&key.span, message, "write `~0` for `~`, `~1` for `/`");
        return None;
    }
    Some(text.to_owned())
}
