//! `[sources.NAME]`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::defaults::{self, Bounded, TOLERANCE_MAX, TOLERANCE_MIN};
use super::fields::{Context, Fields, listed, string};
use super::names::is_name;
use super::raw::{Key, Node, Span, Value};
use super::retention;
use super::schemes::Schemes;
use super::secrets::{self, Given};
use super::substitute;
use super::suggest::nearest;
use crate::settings::Source;
use tollgate_base::event::SourceName;
use tollgate_scheme::{BuildError, Setting, Settings, SourceSecret, Template, Verifier};

/// The keys of a source that are not settings of its scheme.
const KNOWN: &[&str] = &[
    "path",
    "scheme",
    "secrets",
    "tolerance",
    "url",
    "body_limit",
    "dedup",
    "erase",
];

/// Reads every source.
pub(super) fn sources(
    cx: &mut Context<'_>,
    node: Option<&Node>,
    schemes: &mut Schemes,
    body_limit: usize,
    events: Option<Duration>,
) -> BTreeMap<SourceName, Arc<Source>> {
    let mut sources = BTreeMap::new();
    let mut paths = BTreeMap::new();
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`sources`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        let named = is_name(cx, key, "a source");
        let source = source(cx, key, node, schemes, (body_limit, events), &mut paths);
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
    schemes: &mut Schemes,
    (body_limit, events): (usize, Option<Duration>),
    paths: &mut BTreeMap<&'t str, &'t str>,
) -> Option<Source> {
    let fields = Fields::open(cx, node, &key.span, "a source")?;
    let path = path(cx, &fields);
    if let Some((path, at)) = path
        && let Some(other) = paths.insert(path, &key.name)
    {
        let message = format!("the source `{other}` has this path too");
        cx.report
            .wrong(at, message, "give each source a path of its own");
    }
    let limit = Bounded {
        default: body_limit,
        ..defaults::BODY_LIMIT
    };
    let body_limit = fields.size(cx, "body_limit", &limit);
    let built = verifier(cx, key, &fields, schemes);
    let checks_time = built
        .as_ref()
        .is_some_and(|(verifier, ..)| verifier.checks_time());
    let retention = retention::of_source(cx, &fields, checks_time, events);
    let (verifier, settings, template) = built?;
    for warning in verifier.warnings() {
        cx.report
            .warn(&key.span, format!("source `{}`: {warning}", key.name));
    }
    Some(Source {
        name: SourceName::new(key.name.as_str()),
        path: path?.0.to_owned(),
        verifier,
        settings,
        template,
        body_limit,
        retention,
    })
}

/// The path, and where it stands.
fn path<'t>(cx: &mut Context<'_>, fields: &Fields<'t>) -> Option<(&'t str, &'t Span)> {
    fields.need(cx, "path", "such as path = \"/webhooks/stripe\"")?;
    let (path, node) = fields.text(cx, "path")?;
    let at = &node.span;
    // The characters of RFC 3986, section 3.3.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(c);
    if path.contains("://") {
        let message = "`path` is a path, not a URL";
        cx.report
            .wrong(at, message, "leave out the scheme and the host");
    } else if !path.starts_with('/') {
        let help = format!("write \"/{path}\"");
        cx.report.wrong(at, "`path` must begin with `/`", help);
    } else if path.contains(['?', '#']) {
        let message = "`path` must not hold a query or fragment";
        cx.report
            .wrong(at, message, "leave out what begins with `?` or `#`");
    } else if !path.chars().all(allowed) {
        let message = "`path` holds a character that URLs do not have";
        cx.report
            .wrong(at, message, "write it as in the URL: percent-encoded");
    } else {
        return Some((path, at));
    }
    None
}

/// The scheme with its settings.
fn verifier(
    cx: &mut Context<'_>,
    key: &Key,
    fields: &Fields<'_>,
    schemes: &mut Schemes,
) -> Option<(Verifier, Settings, Option<Arc<Template>>)> {
    let before = cx.report.count();
    let scheme = named_scheme(cx, key, fields, schemes);
    let secrets = given_secrets(cx, fields);
    let tolerance = fields.duration_between(cx, "tolerance", TOLERANCE_MIN, TOLERANCE_MAX);
    let url = url(cx, fields);
    let mut params = BTreeMap::new();
    for (key, node) in fields.entries() {
        if !KNOWN.contains(&key.name.as_str())
            && let Some(value) = param(cx, key, node)
        {
            params.insert(key.name.clone(), value);
        }
    }
    let settings = Settings {
        secrets: secrets.iter().map(|(given, _)| given.clone()).collect(),
        tolerance,
        url,
        params,
    };
    let clean = cx.report.count() == before;
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

/// The URL as the provider has it. It is signed as it is written, so that nothing about
/// it is normalised.
fn url(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<String> {
    let (url, node) = fields.substituted(cx, "url")?;
    let read = url.parse::<http::Uri>().ok();
    let web = read.is_some_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")));
    if !web {
        let message = "`url` is not an http or https URL";
        cx.report
            .wrong(&node.span, message, "write it as the provider has it");
        return None;
    }
    Some(url)
}

/// The scheme's name and, of one of the manifest's own, its description; if there is one of
/// this name and without mistakes.
fn named_scheme<'t>(
    cx: &mut Context<'_>,
    key: &Key,
    fields: &Fields<'t>,
    schemes: &mut Schemes,
) -> Option<(&'t str, Option<Arc<Template>>)> {
    // A source is often named after its provider.
    let mut known: Vec<&str> = tollgate_scheme::names().collect();
    known.extend(schemes.names());
    let guess = nearest(&key.name, known.iter().copied()).unwrap_or("stripe");
    fields.need(cx, "scheme", &format!("such as scheme = \"{guess}\""))?;
    let (name, node) = fields.text(cx, "scheme")?;
    let help = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("the schemes are {}", listed(&known)),
    };
    if let Some(template) = schemes.take_up(name) {
        return Some((name, Some(template?)));
    }
    if tollgate_scheme::names().any(|known| known == name) {
        return Some((name, None));
    }
    cx.report.wrong(&node.span, "there is no such scheme", help);
    None
}

/// The secrets that are not empty, with their places.
fn given_secrets(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<(SourceSecret, Span)> {
    const HELP: &str = "write secrets = [\"${NAME}\"]";
    let before = cx.report.count();
    let Some(items) = fields.array(cx, "secrets", HELP) else {
        return Vec::new();
    };
    let mut secrets = Vec::new();
    for item in items {
        let Some((Given { secret, literal }, expires)) = secrets::of_source(cx, item) else {
            continue;
        };
        if literal {
            let message = "a secret stands in the manifest; take it from the environment or a file";
            cx.report.warn(&item.span, message);
        }
        secrets.push((SourceSecret { secret, expires }, item.span.clone()));
    }
    if secrets.is_empty() && cx.report.count() == before {
        let at = fields.get("secrets").map_or(0..0, |node| node.span.clone());
        let message = "no secret is left: a source without a secret accepts nothing";
        let help = if items.is_empty() {
            HELP
        } else {
            "set at least one of its variables"
        };
        cx.report.wrong(&at, message, help);
    }
    secrets
}

/// A setting of the scheme's own: a string, or a file that holds it.
fn param(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<String> {
    // Not marked as plain: a misspelled key may hold a secret.
    if matches!(node.value, Value::Table(_)) {
        return param_file(cx, key, node);
    }
    let text = string(cx, node, &format!("`{}`", key.name))?;
    if substitute::mentions(text) {
        let message = format!(
            "environment variables are not substituted in `{}`",
            key.name
        );
        let help = nearest(&key.name, KNOWN.iter().copied())
            .map(|meant| format!("did you mean `{meant}`?"));
        cx.report.wrong(&node.span, message, help);
        return None;
    }
    Some(text.to_owned())
}

/// A setting that is too long for a line, such as certificates: `{ file = "PATH" }`.
fn param_file(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<String> {
    let Given { secret, .. } = secrets::secret(cx, node, &format!("`{}`", key.name))?;
    let text = String::from_utf8(secret.expose().to_vec());
    if text.is_err() {
        let message = format!("`{}` is no text", key.name);
        cx.report.wrong(&node.span, message, ());
    }
    text.ok()
}

/// Reports what the scheme finds wrong, at the setting that it is about.
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
        Setting::Secret(index) => match secrets.get(*index) {
            Some((_, at)) => (Some(at.clone()), None),
            // That no secret is left was said already, if that is why there is none.
            None if !clean => return,
            None => (
                value("secrets"),
                Some("write secrets = [\"${NAME}\"]".to_owned()),
            ),
        },
        Setting::Param(name) => {
            let key = fields.entries().find(|(key, _)| key.name == *name);
            let help = nearest(name, KNOWN.iter().copied())
                .map(|meant| format!("did you mean `{meant}`?"));
            (key.map(|(key, _)| key.span.clone()), help)
        }
    };
    let at = at.unwrap_or(whole);
    cx.report.amiss(&at, error.message.clone(), help);
}
