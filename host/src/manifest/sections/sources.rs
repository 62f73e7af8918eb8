//! `[sources.NAME]`: the endpoints that providers post to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tollgate_base::event::SourceName;
use tollgate_base::suggest::nearest;
use tollgate_scheme::{
    BuildError, OnUnreadable, SECRET_PARAMS, Setting, Settings, SourceSecret, Template, Verifier,
};

use super::allow_from::{SchemeName, allow_from};
use super::resolve::resolve;
use super::retention;
use super::schemes::OwnSchemes;
use super::tls::client_certificate;
use crate::manifest::defaults::{self, Bounded, DEDUP_MIN, TOLERANCE_MAX, TOLERANCE_MIN};
use crate::manifest::table::{
    Context, Fields, ReadSecret, Variants, check_name, listed, secret, source_secret, string,
};
use crate::manifest::text::substitute;
use crate::manifest::text::tree::{Key, Node, Span, Value};
use crate::settings::Source;

/// The keys of a source that are not settings of its scheme.
pub(super) const SOURCE_KEYS: &[&str] = &[
    "path",
    "scheme",
    "secrets",
    "tolerance",
    "url",
    "allow_from",
    "body_limit",
    "dedup",
    "erase",
    "client_certificate",
    "livemode",
    "on_unreadable",
    "resolve",
];

const ON_UNREADABLE: Variants<OnUnreadable> = &[
    ("record", OnUnreadable::Record),
    ("refuse", OnUnreadable::Refuse),
];

/// Every source, by name.
///
/// `body_limit` is the limit of `[server]`. `events` is how long the ledger keeps events.
/// `client_ca` says whether peers are asked for certificates.
pub(crate) fn sources(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    schemes: &mut OwnSchemes,
    (body_limit, client_ca): (usize, bool),
    events: Option<Duration>,
) -> BTreeMap<SourceName, Arc<Source>> {
    let mut sources = BTreeMap::new();
    let mut paths = BTreeMap::new();
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`sources`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        let named = check_name(cx, key, "a source");
        let limits = (body_limit, client_ca, events);
        let source = source(cx, key, node, schemes, limits, &mut paths);
        if let Some(source) = source
            && named
        {
            sources.insert(source.name.clone(), Arc::new(source));
        }
    }
    sources
}

fn source<'t>(
    cx: &mut Context<'_>,
    key: &'t Key,
    node: &'t Node,
    schemes: &mut OwnSchemes,
    (body_limit, client_ca, events): (usize, bool, Option<Duration>),
    paths: &mut BTreeMap<&'t str, &'t str>,
) -> Option<Source> {
    let fields = Fields::open(cx, node, &key.span, "a source")?;
    let path = path(cx, &fields);
    if let Some((path, at)) = path
        && let Some(other) = paths.insert(path, &key.name)
    {
        let message = format!("the source `{other}` has this path too");
        cx.diagnostics
            .wrong_value(at, message, "give each source its own path");
    }
    let limit = Bounded {
        default: body_limit,
        ..defaults::BODY_LIMIT
    };
    let body_limit = fields.size(cx, "body_limit", &limit);
    let built = verifier(cx, key, &fields, schemes);
    let scheme = match &built {
        None => SchemeName::Unknown,
        Some((_, _, Some(_))) => SchemeName::Own,
        Some((verifier, _, None)) => SchemeName::BuiltIn(verifier.scheme()),
    };
    let allow_from = allow_from(cx, &fields, scheme);
    let verifier = built.as_ref().map(|(verifier, ..)| verifier);
    let checks_time = verifier.is_some_and(Verifier::checks_time);
    // The age of an event tells whether equal bytes are a duplicate. A key that is kept for a time
    // keeps the age of its event.
    let pruned_early = events.is_some_and(|events| events < DEDUP_MIN);
    let keys_end = checks_time || pruned_early && verifier.is_some_and(Verifier::told_by_hash);
    let retention = retention::of_source(cx, &fields, keys_end, events);
    let built_in = match scheme {
        SchemeName::BuiltIn(name) => Some(name),
        SchemeName::Own => Some(""),
        SchemeName::Unknown => None,
    };
    let livemode = built
        .as_ref()
        .and_then(|(_, settings, _)| settings.livemode);
    let resolve = resolve(cx, &fields, built_in, livemode);
    let twins = retention::twins(cx, &fields, built_in);
    let (verifier, settings, template) = built?;
    for warning in verifier.warnings() {
        cx.diagnostics
            .warn(&key.span, format!("source `{}`: {warning}", key.name));
    }
    Some(Source {
        name: SourceName::new(key.name.as_str()),
        path: path?.0.to_owned(),
        verifier,
        settings,
        template,
        allow_from,
        body_limit,
        client_certificate: client_certificate(cx, &fields, client_ca),
        retention,
        twins,
        resolve,
    })
}

/// The path, with its place in the text.
fn path<'t>(cx: &mut Context<'_>, fields: &Fields<'t>) -> Option<(&'t str, &'t Span)> {
    fields.need(cx, "path", "for example: path = \"/webhooks/stripe\"")?;
    let (path, node) = fields.text(cx, "path")?;
    let Some((message, help)) = path_problem(path) else {
        return Some((path, &node.span));
    };
    cx.diagnostics.wrong_value(&node.span, message, help);
    None
}

/// The problem with the path of a source, and the help. A request's path must be the same text, so
/// a path that proxies and clients rewrite would never be met.
fn path_problem(path: &str) -> Option<(&'static str, String)> {
    // The characters of RFC 3986, section 3.3.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(c);
    let lower = path.to_ascii_lowercase().replace("%2e", ".");
    let mut segments = lower.split('/').skip(1);
    Some(if path.contains("://") {
        let help = "remove the scheme and the host".to_owned();
        ("`path` is a path, not a URL", help)
    } else if !path.starts_with('/') {
        let help = format!("write \"/{}\"", path.trim_start_matches('/'));
        ("`path` must begin with `/`", help)
    } else if path.contains(['?', '#']) {
        let message = "`path` must not contain a query or a fragment";
        let help = "remove the part that begins with `?` or `#`".to_owned();
        (message, help)
    } else if path.contains(['*', '{', '}']) {
        let message = "`path` is the whole path of requests, so it has no patterns";
        (message, "write one source for each path".to_owned())
    } else if !path.chars().all(allowed) || !escapes_are_whole(path) {
        let message = "`path` contains a character that is not allowed in URLs";
        (message, "percent-encode the character".to_owned())
    } else if path.contains("//") {
        let help = "write one `/` between two names".to_owned();
        ("`path` contains an empty segment", help)
    } else if segments.any(|segment| matches!(segment, "." | "..")) {
        let message = "`path` contains a segment `.` or `..`, which clients and proxies resolve";
        (message, "write the path that is left".to_owned())
    } else {
        return None;
    })
}

/// Whether two hexadecimal digits follow each `%`.
fn escapes_are_whole(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2).unwrap_or_default();
        digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

/// The verifier of a source, with its settings and, for an own scheme, the scheme's description.
fn verifier(
    cx: &mut Context<'_>,
    key: &Key,
    fields: &Fields<'_>,
    schemes: &mut OwnSchemes,
) -> Option<(Verifier, Settings, Option<Arc<Template>>)> {
    let before = cx.diagnostics.mistake_count();
    let scheme = named_scheme(cx, key, fields, schemes);
    let secrets = read_secrets(cx, fields);
    let tolerance = fields.optional_duration(cx, "tolerance", (TOLERANCE_MIN, TOLERANCE_MAX));
    let url = url(cx, fields);
    let on_unreadable = fields.variant(cx, "on_unreadable", ON_UNREADABLE, None);
    let livemode = fields.get("livemode").is_some();
    let livemode = livemode.then(|| fields.flag(cx, "livemode", true));
    let dedup_by = retention::dedup_by(cx, fields);
    let mut params = BTreeMap::new();
    for (key, node) in fields.entries() {
        if !SOURCE_KEYS.contains(&key.name.as_str())
            && let Some(value) = param(cx, key, node)
        {
            params.insert(key.name.clone(), value);
        }
    }
    let settings = Settings {
        secrets: secrets.iter().map(|(secret, _)| secret.clone()).collect(),
        tolerance,
        url,
        on_unreadable: on_unreadable.unwrap_or_default(),
        dedup_by,
        livemode,
        params,
    };
    let clean = cx.diagnostics.mistake_count() == before;
    let (name, template) = scheme?;
    match tollgate_scheme::build_with(name, template.as_deref(), settings.clone()) {
        Ok(verifier) => Some((verifier, settings, template)),
        Err(errors) => {
            for error in errors {
                report(cx, fields, key, &secrets, clean, &error);
            }
            None
        }
    }
}

/// The URL as the provider has it. The provider signs the URL's text, so the text is not
/// normalised.
fn url(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<String> {
    let (url, node) = fields.substituted(cx, "url")?;
    let read = url.parse::<http::Uri>().ok();
    let web = read.is_some_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")));
    if !web {
        let message = "`url` is not an http or https URL";
        cx.diagnostics
            .wrong_value(&node.span, message, "write the URL as the provider has it");
        return None;
    }
    Some(url)
}

/// The scheme's name and, for an own scheme of the manifest, its description. `None` if there is no
/// such scheme, or if the description has mistakes.
fn named_scheme<'t>(
    cx: &mut Context<'_>,
    key: &Key,
    fields: &Fields<'t>,
    schemes: &mut OwnSchemes,
) -> Option<(&'t str, Option<Arc<Template>>)> {
    // A source often has the name of its provider.
    let mut known: Vec<&str> = tollgate_scheme::names().collect();
    known.extend(schemes.names());
    let suggestion = nearest(&key.name, known.iter().copied()).unwrap_or("stripe");
    fields.need(
        cx,
        "scheme",
        &format!("for example: scheme = \"{suggestion}\""),
    )?;
    let (name, node) = fields.text(cx, "scheme")?;
    let help = match nearest(name, known.iter().copied()) {
        Some(suggestion) => format!("did you mean \"{suggestion}\"?"),
        None => format!("the schemes are {}", listed(&known)),
    };
    if let Some(template) = schemes.use_scheme(name) {
        return Some((name, Some(template?)));
    }
    if tollgate_scheme::names().any(|known| known == name) {
        return Some((name, None));
    }
    cx.diagnostics
        .wrong_value(&node.span, "there is no such scheme", help);
    None
}

/// The secrets that are not empty, with their places in the text.
fn read_secrets(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<(SourceSecret, Span)> {
    const HELP: &str = "write secrets = [\"${NAME}\"]";
    let before = cx.diagnostics.mistake_count();
    let Some(items) = fields.array(cx, "secrets", HELP) else {
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for item in items {
        let Some((read, expires)) = source_secret(cx, item) else {
            continue;
        };
        read.warn_if_literal(cx, &item.span);
        let secret = read.secret;
        secrets.push((SourceSecret { secret, expires }, item.span.clone()));
    }
    if secrets.is_empty() && cx.diagnostics.mistake_count() == before {
        let at = fields.get("secrets").map_or(0..0, |node| node.span.clone());
        let message = "the source has no secret, so the source accepts no request";
        let help = if items.is_empty() {
            HELP
        } else {
            "set at least one of the environment variables"
        };
        cx.diagnostics.wrong_value(&at, message, help);
    }
    secrets
}

/// A setting of the scheme: a string, or a file with the string.
fn param(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<String> {
    if SECRET_PARAMS.contains(&key.name.as_str()) {
        let read = secret(cx, node, &format!("`{}`", key.name))?;
        read.warn_if_literal(cx, &node.span);
        return text_of(cx, key, node, &read);
    }
    // The value is not quotable, because a misspelt key may hold a secret.
    if matches!(node.value, Value::Table(_)) {
        return param_file(cx, key, node);
    }
    let text = string(cx, node, &format!("`{}`", key.name))?;
    if substitute::mentions(text) {
        let message = format!("environment variables do not work in `{}`", key.name);
        let help = nearest(&key.name, SOURCE_KEYS.iter().copied())
            .map(|suggestion| format!("did you mean `{suggestion}`?"));
        cx.diagnostics.wrong_value(&node.span, message, help);
        return None;
    }
    Some(text.to_owned())
}

/// A setting that is too long for one line, such as certificates: `{ file = "PATH" }`.
fn param_file(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<String> {
    let read = secret(cx, node, &format!("`{}`", key.name))?;
    text_of(cx, key, node, &read)
}

/// The text of a setting that was read as a secret.
fn text_of(cx: &mut Context<'_>, key: &Key, node: &Node, read: &ReadSecret) -> Option<String> {
    let text = String::from_utf8(read.secret.expose().to_vec());
    if text.is_err() {
        let message = format!("`{}` is not UTF-8 text", key.name);
        cx.diagnostics.wrong_value(&node.span, message, ());
    }
    text.ok()
}

/// Reports a mistake that the scheme found, at the setting with the mistake. `clean` says whether
/// the source has no other mistake.
fn report(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    source: &Key,
    secrets: &[(SourceSecret, Span)],
    clean: bool,
    error: &BuildError,
) {
    let value = |name: &str| fields.get(name).map(|node| node.span.clone());
    let whole = source.span.clone();
    let (at, help) = match &error.setting {
        Setting::Scheme => (value("scheme"), None),
        Setting::Tolerance => (value("tolerance"), None),
        Setting::Url => (value("url"), None),
        Setting::Dedup => (value("dedup"), None),
        Setting::Livemode => (value("livemode"), None),
        Setting::Secret(index) => match secrets.get(*index) {
            Some((_, at)) => (Some(at.clone()), None),
            // If a mistake is the reason for the missing secret, that mistake is reported already.
            None if !clean => return,
            None => (
                value("secrets"),
                Some("write secrets = [\"${NAME}\"]".to_owned()),
            ),
        },
        Setting::Param(name) => {
            let key = fields.entries().find(|(key, _)| key.name == *name);
            let help = nearest(name, SOURCE_KEYS.iter().copied())
                .map(|suggestion| format!("did you mean `{suggestion}`?"));
            (key.map(|(key, _)| key.span.clone()), help)
        }
    };
    let at = at.unwrap_or(whole);
    cx.diagnostics
        .wrong_context(&at, error.message.clone(), help);
}
