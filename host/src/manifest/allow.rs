//! `[[handlers.NAME.allow]]`: where requests may go, and what the host adds to them.

use std::collections::HashSet;

use http::{HeaderName, HeaderValue};

use super::fields::{Context, Fields, Keys, plain_text};
use super::raw::{Key, Node};
use super::secrets::{self, Given};
use crate::settings::{Allow, Network};
use tollgate_base::origin::Origin;
use tollgate_base::secret::Secret;

const ALLOW: Keys = Keys {
    of: "an `allow` entry",
    known: &["origin", "addresses", "headers"],
    unsupported: &[],
    instead: &[("url", "did you mean `origin`?")],
};

/// Headers that the host sets by itself: those of the connection (RFC 9110, section
/// 7.6.1), of the message's framing, and the one that makes retries safe.
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

/// Reads the entries of a handler.
pub(super) fn allow(cx: &mut Context<'_>, handler: &Fields<'_>) -> Vec<Allow> {
    const HELP: &str = "write [[handlers.NAME.allow]] with two brackets";
    let entries = handler.array(cx, "allow", HELP).unwrap_or_default();
    let mut seen = HashSet::new();
    let mut allowed = Vec::new();
    for node in entries {
        let Some(fields) = Fields::read(cx, node, &node.span, &ALLOW) else {
            continue;
        };
        let entry = entry(cx, &fields);
        let Some(entry) = entry else { continue };
        if !seen.insert(entry.origin.clone()) {
            let at = fields.get("origin").unwrap_or(node);
            let message = format!("`{}` is allowed by an entry above", entry.origin);
            cx.report
                .wrong(&at.span, message, "join the entries into one");
        }
        allowed.push(entry);
    }
    allowed
}

fn entry(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Allow> {
    let origin = origin(cx, fields);
    let mut addresses = addresses(cx, fields);
    let headers = headers(cx, fields, origin.as_ref());
    let origin = origin?;
    addresses.extend(origin.address().map(Network::single));
    Some(Allow {
        origin,
        addresses,
        headers,
    })
}

fn origin(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Origin> {
    fields.need(cx, "origin", "such as origin = \"https://crm.example.com\"")?;
    let (text, node) = fields.substituted(cx, "origin")?;
    match Origin::parse(&text) {
        Ok(origin) => Some(origin),
        Err(error) => {
            // What comes from the environment is not repeated: it might be a secret.
            let help = suggested_origin(&text)
                .filter(|_| !refers(node))
                .map(|origin| format!("write \"{origin}\""));
            cx.report
                .wrong(&node.span, format!("`origin` {error}"), help);
            None
        }
    }
}

/// The origin within a text that holds more or less than one.
fn suggested_origin(text: &str) -> Option<Origin> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next()?;
    Origin::parse(&format!("{scheme}://{host}")).ok()
}

fn addresses(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<Network> {
    const HELP: &str = "write addresses = [\"10.0.0.0/8\"]";
    if let Some(node) = fields.get("addresses") {
        cx.report.plain(node);
    }
    let mut networks = Vec::new();
    for node in fields.array(cx, "addresses", HELP).unwrap_or_default() {
        let Some(text) = plain_text(cx, node, "an address") else {
            continue;
        };
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(error) => {
                let error: crate::settings::NetworkError = error;
                cx.report.wrong(&node.span, format!("`{text}` {error}"), ());
            }
        }
    }
    networks
}

/// The headers that the host adds, names in lower case.
fn headers(
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
            let message = format!("the header `{name}` is set twice; case makes no difference");
            cx.report.wrong(&key.span, message, "leave one of them out");
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
        cx.report.warn(&node.span, message);
    }
    headers
}

/// Whether what is sent there stays on this machine.
fn is_local(origin: &Origin) -> bool {
    match origin.address() {
        Some(address) => address.to_canonical().is_loopback(),
        None => origin.host == "localhost",
    }
}

fn header_name(cx: &mut Context<'_>, key: &Key) -> Option<String> {
    let Ok(name) = HeaderName::from_bytes(key.name.as_bytes()) else {
        cx.report.wrong(&key.span, "this is not a header name", ());
        return None;
    };
    let name = name.as_str().to_owned();
    if RESERVED.contains(&name.as_str()) {
        let message = format!("the host sets the header `{name}` by itself");
        cx.report.wrong(&key.span, message, "leave it out");
        return None;
    }
    Some(name)
}

fn header_value(cx: &mut Context<'_>, name: &str, node: &Node) -> Option<Secret> {
    let what = format!("the header `{name}`");
    let before = cx.report.count();
    let Some(Given { secret, literal }) = secrets::secret(cx, node, &what) else {
        if cx.report.count() == before {
            let message = format!("{what} is empty");
            cx.report
                .wrong(&node.span, message, "leave out the `:-`, or the header");
        }
        return None;
    };
    if HeaderValue::from_bytes(secret.expose()).is_err() {
        let message = format!("{what} holds a character that headers cannot have");
        cx.report.wrong(&node.span, message, ());
        return None;
    }
    let sensitive = ["authorization", "cookie", "key", "secret", "token"]
        .iter()
        .any(|word| name.contains(word));
    // `Bearer ${TOKEN}` is literal in part, and as it should be.
    if literal && sensitive && !refers(node) {
        let message =
            format!("{what} stands in the manifest; take it from the environment or a file");
        cx.report.warn(&node.span, message);
    }
    Some(secret)
}

/// Whether part of the value comes from elsewhere.
fn refers(node: &Node) -> bool {
    match &node.value {
        super::raw::Value::String(text) => !super::substitute::references(text).is_empty(),
        _ => true,
    }
}
