//! `resolve` of a source: asking the provider's API for the objects of thin events.

use http::HeaderValue;
use tollgate_base::origin::Origin;
use tollgate_base::rate::Rate;
use tollgate_base::secret::Secret;

use super::networks::{named_by, networks};
use crate::manifest::defaults::{
    RESOLVE_ANSWER, RESOLVE_HOST, RESOLVE_RATE_LIVE, RESOLVE_RATE_TEST, RESOLVE_TIMEOUT,
};
use crate::manifest::table::{Context, Fields, TableSchema, secret};
use crate::settings::{Mode, Resolve};

pub(super) const RESOLVE: TableSchema = TableSchema {
    name: "`resolve`",
    keys: &[
        "key",
        "version",
        "object",
        "event",
        "host",
        "addresses",
        "rate",
        "timeout",
        "answer_limit",
    ],
    unsupported: &[],
    instead: &[
        ("secret", "did you mean `key`?"),
        ("api_key", "did you mean `key`?"),
        ("api_version", "did you mean `version`?"),
        ("stripe_version", "did you mean `version`?"),
        ("origin", "did you mean `host`?"),
        ("url", "did you mean `host`?"),
    ],
};

/// The scheme whose events can be resolved.
const SCHEME: &str = "stripe";

/// The API of a source, which has this scheme, and `livemode` if the source names a mode.
pub(crate) fn resolve(
    cx: &mut Context<'_>,
    source: &Fields<'_>,
    scheme: Option<&str>,
    livemode: Option<bool>,
) -> Option<Resolve> {
    let node = source.get("resolve")?;
    let fields = Fields::read(cx, node, &node.span, &RESOLVE)?;
    if scheme.is_some_and(|scheme| scheme != SCHEME) {
        let message = "only events of the scheme \"stripe\" can be resolved";
        cx.diagnostics
            .wrong_context(&node.span, message, "remove `resolve`");
    }
    let key = key(cx, &fields, livemode);
    let version = version(cx, &fields);
    let object = fields.flag(cx, "object", true);
    let event = fields.flag(cx, "event", false);
    if !object && !event {
        let message = "`resolve` asks for nothing";
        let help = "write `object = true` or `event = true`, or remove `resolve`";
        cx.diagnostics.wrong_context(&node.span, message, help);
    }
    let origin = host(cx, &fields);
    let mut addresses = networks(cx, &fields, "addresses");
    let rate = fields.rate(cx, "rate");
    let timeout = fields.duration(cx, "timeout", &RESOLVE_TIMEOUT);
    let answer_limit = fields.size(cx, "answer_limit", &RESOLVE_ANSWER);
    let (key, origin) = (key?, origin?);
    addresses.extend(named_by(&origin));
    Some(Resolve {
        rate: rate.unwrap_or_else(|| default_rate(&key)),
        key,
        version: version?,
        object,
        event,
        origin,
        addresses,
        timeout,
        answer_limit,
    })
}

/// The limits of Stripe's API.
fn default_rate(key: &Secret) -> Rate {
    match Mode::of_key(key) {
        Some(Mode::Live) => RESOLVE_RATE_LIVE,
        Some(Mode::Test) | None => RESOLVE_RATE_TEST,
    }
}

/// The API key. No message repeats it.
fn key(cx: &mut Context<'_>, fields: &Fields<'_>, livemode: Option<bool>) -> Option<Secret> {
    const HELP: &str = "for example: key = \"${STRIPE_API_KEY}\"";
    let node = fields.need(cx, "key", HELP)?;
    let before = cx.diagnostics.mistake_count();
    let Some(read) = secret(cx, node, "`key`") else {
        if cx.diagnostics.mistake_count() == before {
            let message = "`key` is empty";
            cx.diagnostics.wrong_value(&node.span, message, HELP);
        }
        return None;
    };
    read.warn_if_literal(cx, &node.span);
    let key = read.secret;
    let begins = |text: &str| key.expose().starts_with(text.as_bytes());
    let problem = if begins("pk_") {
        Some("`key` is a publishable key, which can read nothing")
    } else if begins("whsec_") {
        Some("`key` is the signing secret of an endpoint, and no API key")
    } else if !key.expose().iter().all(u8::is_ascii_graphic) {
        Some("`key` has characters that no API key has, such as white space")
    } else {
        None
    };
    if let Some(message) = problem {
        let help = "write a secret key or a restricted key of the account that has the endpoint";
        cx.diagnostics.wrong_value(&node.span, message, help);
        return None;
    }
    let other = match (Mode::of_key(&key), livemode) {
        (Some(Mode::Live), Some(false)) => Some("live"),
        (Some(Mode::Test), Some(true)) => Some("test"),
        _ => None,
    };
    if let Some(mode) = other {
        let message = format!("`key` is of the {mode} mode, and `livemode` routes the other alone");
        cx.diagnostics.warn(&node.span, message);
    }
    Some(key)
}

fn version(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<String> {
    const HELP: &str = "write the API version that your handlers read, such as version = \
         \"2026-09-30.endive\"";
    fields.need(cx, "version", HELP)?;
    let (text, node) = fields.substituted(cx, "version")?;
    let is_date = |text: &str| {
        let form = |(at, byte): (usize, u8)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        text.len() == 10 && text.bytes().enumerate().all(form)
    };
    let begins = text.get(..10).is_some_and(is_date);
    if !begins || HeaderValue::from_str(&text).is_err() {
        let message = "`version` is not a version of Stripe's API";
        cx.diagnostics.wrong_value(&node.span, message, HELP);
        return None;
    }
    Some(text)
}

/// The origin of the API: a URL, or a host for HTTPS.
fn host(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Origin> {
    let Some(node) = fields.get("host") else {
        return Origin::parse(RESOLVE_HOST).ok();
    };
    let (text, _) = fields.substituted(cx, "host")?;
    let url = match text.contains("://") {
        true => text,
        false => format!("https://{text}"),
    };
    match Origin::parse(&url) {
        Ok(origin) => {
            let is_local = origin.host == "localhost"
                || origin
                    .address()
                    .is_some_and(|address| address.is_loopback());
            if !origin.https && !is_local {
                let message = "the API key goes to this host without TLS";
                cx.diagnostics.warn(&node.span, message);
            }
            Some(origin)
        }
        Err(error) => {
            let help = "for example: host = \"https://api.stripe.com\"";
            cx.diagnostics
                .wrong_value(&node.span, format!("`host` {error}"), help);
            None
        }
    }
}
