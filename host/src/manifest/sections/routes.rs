//! `[[routes]]`: which events go to which handlers.

use std::collections::{HashMap, HashSet};

use serde_json::Value as Json;
use tollgate_base::event::{HANDLER_SOURCE_PREFIX, HandlerName, SourceName};
use tollgate_base::globs::EventPattern;
use tollgate_base::suggest::{misspelled, nearest};

use crate::manifest::table::{Context, Fields, TableSchema, json, listed, plain_text};
use crate::manifest::text::tree::{Key, Node, Span, Value};
use crate::settings::Route;

pub(super) const ROUTE: TableSchema = TableSchema {
    name: "a route",
    keys: &["source", "events", "thin", "where", "handlers"],
    unsupported: &[],
    instead: &[("filter", "did you mean `where`?")],
};

/// The names of the manifest's tables. Tables with mistakes are included, so a mistake in a handler
/// does not make each route to the handler a mistake.
struct DeclaredNames<'t> {
    sources: Vec<&'t Key>,
    handlers: Vec<&'t Key>,
    /// The sources with the names of their schemes.
    schemes: HashMap<&'t str, &'t str>,
}

/// The routes. Warns about sources and handlers without a route.
pub(crate) fn routes(cx: &mut Context<'_>, root: &Fields<'_>) -> Vec<Route> {
    let names = DeclaredNames {
        sources: keys(root.get("sources")),
        handlers: keys(root.get("handlers")),
        schemes: schemes(root.get("sources")),
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

fn schemes(sources: Option<&Node>) -> HashMap<&str, &str> {
    let Some(Value::Table(sources)) = sources.map(|node| &node.value) else {
        return HashMap::new();
    };
    fn scheme(node: &Node) -> Option<&str> {
        let Value::Table(source) = &node.value else {
            return None;
        };
        match &source.get("scheme")?.1.value {
            Value::String(scheme) => Some(scheme),
            _ => None,
        }
    }
    let named = sources.entries.iter();
    named
        .filter_map(|(key, node)| Some((key.name.as_str(), scheme(node)?)))
        .collect()
}

fn warn_of_unused(cx: &mut Context<'_>, names: &DeclaredNames<'_>, routes: &[Route]) {
    for key in &names.handlers {
        let named = |name: &HandlerName| name.as_str() == key.name;
        if !routes.iter().any(|route| route.handlers.iter().any(named)) {
            let message = format!("no route leads to the handler `{}`", key.name);
            cx.diagnostics.warn(&key.span, message);
        }
    }
    for key in &names.sources {
        if !routes.iter().any(|route| route.source.as_str() == key.name) {
            let message = format!(
                "no route names the source `{}`: the events are recorded and go to no handler",
                key.name
            );
            cx.diagnostics.warn(&key.span, message);
        }
    }
    if names.sources.is_empty() {
        cx.diagnostics.warn(
            &(0..0),
            "there is no source, so the gateway receives no events",
        );
    }
}

fn route(cx: &mut Context<'_>, fields: &Fields<'_>, names: &DeclaredNames<'_>) -> Option<Route> {
    let source = source(cx, fields, names);
    let scheme = source
        .as_ref()
        .and_then(|name| names.schemes.get(name.as_str()));
    let events = events(cx, fields, scheme.copied());
    let thin = fields.flag(cx, "thin", false);
    let filter = filter(cx, fields);
    let handlers = handlers(cx, fields, names);
    Some(Route {
        source: source?,
        events,
        thin,
        filter,
        handlers,
    })
}

fn source(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    names: &DeclaredNames<'_>,
) -> Option<SourceName> {
    fields.need(cx, "source", "for example: source = \"stripe\"")?;
    let (text, node) = fields.text(cx, "source")?;
    match text.strip_prefix(HANDLER_SOURCE_PREFIX) {
        Some(name) => {
            check_declared(
                cx,
                "handler",
                HANDLER_SOURCE_PREFIX,
                name,
                &names.handlers,
                &node.span,
            );
        }
        None => check_declared(cx, "source", "", text, &names.sources, &node.span),
    }
    Some(SourceName::new(text))
}

/// Reports a name that the manifest does not have. The text has `prefix` before the name.
fn check_declared(
    cx: &mut Context<'_>,
    what: &str,
    prefix: &str,
    name: &str,
    keys: &[&Key],
    at: &Span,
) {
    if keys.iter().any(|key| key.name == name) {
        return;
    }
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let help = match nearest(name, names.iter().copied()) {
        Some(suggestion) => format!("did you mean `{prefix}{suggestion}`?"),
        None if names.is_empty() => format!("add `[{what}s.{name}]`"),
        None => format!("add `[{what}s.{name}]`, or choose from {}", listed(&names)),
    };
    let message = format!("there is no {what} `{name}`");
    cx.diagnostics.wrong_context(at, message, help);
}

/// The strings of an array. The array must not be empty and must not contain a string twice.
fn strings<'t>(
    cx: &mut Context<'_>,
    fields: &Fields<'t>,
    key: &str,
    help: &str,
) -> Vec<(&'t str, &'t Span)> {
    let Some(node) = fields.need(cx, key, help) else {
        return Vec::new();
    };
    cx.diagnostics.allow_quote(node);
    let Some(items) = fields.array(cx, key, help) else {
        return Vec::new();
    };
    if items.is_empty() {
        let message = format!("`{key}` is empty, so the route does nothing");
        cx.diagnostics.wrong_value(&node.span, message, help);
    }
    let mut seen = HashSet::new();
    let mut strings = Vec::new();
    for item in items {
        let Some(text) = plain_text(cx, item, &format!("an item of `{key}`")) else {
            continue;
        };
        if !seen.insert(text) {
            let message = format!("`{key}` contains `{text}` twice");
            cx.diagnostics
                .wrong_value(&item.span, message, "remove one");
        }
        strings.push((text, &item.span));
    }
    strings
}

/// The events of a route. Warns about a type that is probably a misspelling of a type that
/// `scheme` is known to have.
fn events(cx: &mut Context<'_>, fields: &Fields<'_>, scheme: Option<&str>) -> Vec<EventPattern> {
    const HELP: &str = "for example: events = [\"payment_intent.succeeded\", \"invoice.*\"]";
    let known = scheme.map(tollgate_events::types).unwrap_or_default();
    let known = known.iter().map(String::as_str);
    let mut patterns = Vec::new();
    for (text, at) in strings(cx, fields, "events", HELP) {
        if text.trim().is_empty() {
            cx.diagnostics.wrong_value(
                at,
                "an event type must not be empty",
                "write \"*\" for all events",
            );
        } else if text.trim() != text || text.contains(char::is_control) {
            let message = "an event type must not begin or end with white space, and must not \
                 contain control characters";
            cx.diagnostics.wrong_value(at, message, ());
        } else if text.contains(['?', '[', ']', '{', '}']) {
            let message = "in an event type, only `*` is special: `*` stands for any characters";
            cx.diagnostics
                .wrong_value(at, message, "write several patterns instead");
        } else {
            if let Some(meant) = misspelled(text, known.clone()) {
                let message = format!("no event is known as `{text}`: did you mean `{meant}`?");
                cx.diagnostics.warn(at, message);
            }
            patterns.push(EventPattern::new(text));
        }
    }
    patterns
}

fn handlers(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    names: &DeclaredNames<'_>,
) -> Vec<HandlerName> {
    const HELP: &str = "for example: handlers = [\"fulfillment\"]";
    let mut handlers = Vec::new();
    for (text, at) in strings(cx, fields, "handlers", HELP) {
        check_declared(cx, "handler", "", text, &names.handlers, at);
        handlers.push(HandlerName::new(text));
    }
    handlers
}

fn filter(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<(String, Json)> {
    const SUBSTITUTED: &str = "write the value itself (for `${` itself write `$${`)";
    let mut filter = Vec::new();
    let table = fields.get("where").and_then(|node| {
        cx.diagnostics.allow_quote(node);
        Fields::open(cx, node, &node.span, "`where`")
    });
    for (key, node) in table.iter().flat_map(Fields::entries) {
        match &node.value {
            Value::Array(_) => {
                let message = "`where` compares with one value, not with an array";
                cx.diagnostics
                    .wrong_value(&node.span, message, "write a route for each value");
                continue;
            }
            Value::Table(_) => {
                let message = "`where` compares with one value, not with a table";
                let help = format!(
                    "write the whole pointer in quotes: \"{}\"",
                    pointer_to(key, node)
                );
                cx.diagnostics.wrong_value(&key.span, message, help);
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

/// The pointer for a key such as `data.object.currency` without quotes.
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
        let message = "a key of `where` is a JSON pointer into the payload and begins with `/`";
        let help = format!(
            "write \"/{}\"",
            text.trim_start_matches("$.").replace('.', "/")
        );
        cx.diagnostics.wrong_value(&key.span, message, help);
        return None;
    }
    let mut escapes = text.split('~').skip(1);
    if !escapes.all(|after| after.starts_with(['0', '1'])) {
        let message = "in a JSON pointer, `0` or `1` must follow `~`";
        cx.diagnostics
            .wrong_value(&key.span, message, "write `~0` for `~`, `~1` for `/`");
        return None;
    }
    Some(text.to_owned())
}
