//! `[[handlers.NAME.allow]]`: where requests may go, and which headers the host adds.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};
use tollgate_base::origin::Origin;
use tollgate_base::secret::Secret;

use super::networks::{named_by, networks};
use crate::manifest::table::{Context, Fields, ReadSecret, TableSchema, secret};
use crate::manifest::text::substitute::references;
use crate::manifest::text::tree::{Key, Node, Value};
use crate::settings::Allow;

pub(super) const ALLOW: TableSchema = TableSchema {
    name: "an `allow` entry",
    keys: &["origin", "addresses", "headers", "immediate"],
    unsupported: &[],
    instead: &[("url", "did you mean `origin`?")],
};

/// Headers that the host sets: the headers of the connection (RFC 9110, section 7.6.1), of the
/// message's framing, and the idempotency key.
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "idempotency-key",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The entries of a handler.
pub(crate) fn allow(cx: &mut Context<'_>, handler: &Fields<'_>) -> Vec<Allow> {
    const HELP: &str = "write [[handlers.NAME.allow]] with two brackets";
    let entries = handler.array(cx, "allow", HELP).unwrap_or_default();
    let mut seen = HashSet::new();
    let mut allowed = Vec::new();
    for node in entries {
        let Some(fields) = Fields::read(cx, node, &node.span, &ALLOW) else {
            continue;
        };
        let Some(entry) = entry(cx, &fields) else {
            continue;
        };
        if !seen.insert(entry.origin.clone()) {
            let at = fields.get("origin").unwrap_or(node);
            let message = format!("an entry above already allows `{}`", entry.origin);
            cx.diagnostics
                .wrong_value(&at.span, message, "join both entries");
        }
        allowed.push(entry);
    }
    allowed
}

fn entry(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Allow> {
    let origin = origin(cx, fields);
    let mut addresses = networks(cx, fields, "addresses");
    let headers = headers(cx, fields, origin.as_ref());
    let immediate = fields.flag(cx, "immediate", false);
    let origin = origin?;
    addresses.extend(named_by(&origin));
    Some(Allow {
        origin,
        addresses,
        headers,
        immediate,
    })
}

fn origin(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Origin> {
    fields.need(
        cx,
        "origin",
        "for example: origin = \"https://crm.example.com\"",
    )?;
    let (text, node) = fields.substituted(cx, "origin")?;
    match Origin::parse(&text) {
        Ok(origin) => Some(origin),
        Err(error) => {
            // The help does not repeat a value of the environment, because it may be a secret.
            let help = suggested_origin(&text)
                .filter(|_| !refers(node))
                .map(|origin| format!("write \"{origin}\""));
            cx.diagnostics
                .wrong_value(&node.span, format!("`origin` {error}"), help);
            None
        }
    }
}

/// The origin in a text with too many or too few parts.
fn suggested_origin(text: &str) -> Option<Origin> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next()?;
    Origin::parse(&format!("{scheme}://{host}")).ok()
}

/// The headers that the host adds, with names in lower case.
pub(super) fn headers(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    origin: Option<&Origin>,
) -> Vec<(String, Secret)> {
    let mut headers: Vec<(String, Secret)> = Vec::new();
    let Some(node) = fields.get("headers") else {
        return headers;
    };
    let table = Fields::open(cx, node, &node.span, "`headers`");
    for (key, node) in table.iter().flat_map(Fields::entries) {
        let Some(name) = header_name(cx, key) else {
            continue;
        };
        if headers.iter().any(|(other, _)| *other == name) {
            let message =
                format!("the header `{name}` is set twice; upper and lower case are the same");
            cx.diagnostics.wrong_value(&key.span, message, "remove one");
        }
        if let Some(value) = header_value(cx, &name, node) {
            headers.push((name, value));
        }
    }
    if let Some(origin) = origin
        && !origin.https
        && !headers.is_empty()
        && !is_local(origin)
    {
        let message = format!("headers are sent to `{origin}` unencrypted; use https");
        cx.diagnostics.warn(&node.span, message);
    }
    headers
}

/// Whether a request to the origin stays on this machine.
fn is_local(origin: &Origin) -> bool {
    match origin.address() {
        Some(address) => address.to_canonical().is_loopback(),
        None => origin.host == "localhost",
    }
}

fn header_name(cx: &mut Context<'_>, key: &Key) -> Option<String> {
    let Ok(name) = HeaderName::from_bytes(key.name.as_bytes()) else {
        cx.diagnostics
            .wrong_value(&key.span, "this is not a valid header name", ());
        return None;
    };
    let name = name.as_str().to_owned();
    if RESERVED.contains(&name.as_str()) {
        let message = format!("the gateway itself sets the header `{name}`");
        cx.diagnostics
            .wrong_value(&key.span, message, "remove the header");
        return None;
    }
    Some(name)
}

fn header_value(cx: &mut Context<'_>, name: &str, node: &Node) -> Option<Secret> {
    let what = format!("the header `{name}`");
    let before = cx.diagnostics.mistake_count();
    let Some(ReadSecret { secret, literal }) = secret(cx, node, &what) else {
        if cx.diagnostics.mistake_count() == before {
            let message = format!("{what} is empty");
            cx.diagnostics.wrong_value(
                &node.span,
                message,
                "remove the `:-`, or remove the header",
            );
        }
        return None;
    };
    if HeaderValue::from_bytes(secret.expose()).is_err() {
        let message = format!("{what} contains a character that is not allowed in headers");
        cx.diagnostics.wrong_value(&node.span, message, ());
        return None;
    }
    let sensitive = ["authorization", "cookie", "key", "secret", "token"]
        .iter()
        .any(|word| name.contains(word));
    // `Bearer ${TOKEN}` is literal in part, and that is right.
    if literal && sensitive && !refers(node) {
        let message =
            format!("the manifest contains {what}; use an environment variable or a file instead");
        cx.diagnostics.warn(&node.span, message);
    }
    Some(secret)
}

/// Whether a part of the value comes from the environment or a file.
fn refers(node: &Node) -> bool {
    match &node.value {
        Value::String(text) => !references(text).is_empty(),
        _ => true,
    }
}
