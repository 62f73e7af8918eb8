//! `[schemes.NAME]`: how a provider that the gateway does not know signs, names and batches
//! its events, in the form of the built-in schemes.
//!
//! [`Template`] could be read by serde, as the built-in ones are; but serde stops at the
//! first mistake and does not say where the next one stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::fields::{Context, Fields, Keys, expected, listed, plain_text};
use super::names::is_name;
use super::raw::{Key, Node, Span, Value};
use super::suggest::nearest;
use tollgate_scheme::{
    self, Algorithm, AnswerForm, Answers, BodyWithout, Dedup, DedupBy, KeyEncoding, Layout,
    OtherKey, Selectors, SignatureEncoding, SignatureForm, Template, TemplateError, TimeUnit,
    TimestampForm,
};

const SCHEME: Keys = Keys {
    of: "a scheme",
    known: &[
        "title",
        "algorithm",
        "key_encoding",
        "key_prefix",
        "other_keys",
        "families",
        "signature",
        "timestamp",
        "signed",
        "form_json",
        "events",
        "id",
        "kind",
        "created",
        "subject",
        "account",
        "dedup",
        "record",
        "answers",
    ],
    unsupported: &[],
    instead: &[
        ("type", "did you mean `kind`?"),
        ("alg", "did you mean `algorithm`?"),
        ("header", "write signature = { header = \"…\" }"),
        ("tolerance", "write timestamp = { …, tolerance = \"5m\" }"),
        ("payload", "did you mean `signed`?"),
        ("secrets", "secrets are a source's: `[sources.NAME]`"),
        ("path", "the path is a source's: `[sources.NAME]`"),
    ],
};

const SIGNATURE: Keys = Keys {
    of: "`signature`",
    known: &[
        "header",
        "form",
        "name",
        "separator",
        "prefix",
        "prefix_optional",
        "several",
        "encoding",
    ],
    unsupported: &[],
    instead: &[("algorithm", "`algorithm` stands beside `signature`")],
};

const TIMESTAMP: Keys = Keys {
    of: "`timestamp`",
    known: &["header", "pair", "unit", "tolerance", "future"],
    unsupported: &[],
    instead: &[],
};

const OTHER_KEY: Keys = Keys {
    of: "one of `other_keys`",
    known: &["prefix", "algorithm", "encoding", "name"],
    unsupported: &[],
    instead: &[],
};

const DEDUP: Keys = Keys {
    of: "`dedup`",
    known: &["body_without", "if_there"],
    unsupported: &[],
    instead: &[],
};

const ANSWERS: Keys = Keys {
    of: "`answers`",
    known: &["accepted", "duplicate", "rejected"],
    unsupported: &[],
    instead: &[],
};

const ANSWER: Keys = Keys {
    of: "an answer",
    known: &["status", "body", "content_type"],
    unsupported: &[],
    instead: &[],
};

/// What a key that names one of several things may say.
type Names<T> = &'static [(&'static str, T)];

const ALGORITHMS: Names<Algorithm> = &[
    ("hmac-sha1", Algorithm::HmacSha1),
    ("hmac-sha256", Algorithm::HmacSha256),
    ("hmac-sha512", Algorithm::HmacSha512),
    ("ed25519", Algorithm::Ed25519),
    ("rsa-pkcs1-sha256", Algorithm::RsaPkcs1Sha256),
    ("static-equal", Algorithm::StaticEqual),
];

const KEY_ENCODINGS: Names<KeyEncoding> = &[
    ("utf8", KeyEncoding::Utf8),
    ("hex", KeyEncoding::Hex),
    ("base64", KeyEncoding::Base64),
    ("pem", KeyEncoding::Pem),
];

const LAYOUTS: Names<Layout> = &[
    ("bare", Layout::Bare),
    ("pairs", Layout::Pairs),
    ("versions", Layout::Versions),
];

const SIGNATURE_ENCODINGS: Names<SignatureEncoding> = &[
    ("hex", SignatureEncoding::Hex),
    ("hex-upper", SignatureEncoding::HexUpper),
    ("base64", SignatureEncoding::Base64),
    ("base64url", SignatureEncoding::Base64url),
    ("hex-or-base64", SignatureEncoding::HexOrBase64),
    ("text", SignatureEncoding::Text),
];

const UNITS: Names<TimeUnit> = &[
    ("seconds", TimeUnit::Seconds),
    ("milliseconds", TimeUnit::Milliseconds),
];

const DEDUPS: Names<DedupBy> = &[
    ("id", DedupBy::Id),
    ("id-or-body", DedupBy::IdOrBody),
    ("body", DedupBy::Body),
];

/// The manifest's own schemes.
#[derive(Default)]
pub(super) struct Schemes {
    /// `None` for one whose description has mistakes.
    by_name: BTreeMap<String, (Span, Option<Arc<Template>>)>,
    used: BTreeSet<String>,
}

impl Schemes {
    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The description of this name, which a source uses: none if there is none of this
    /// name, or none within if it has mistakes.
    pub(super) fn take_up(&mut self, name: &str) -> Option<Option<Arc<Template>>> {
        let (_, template) = self.by_name.get(name)?;
        self.used.insert(name.to_owned());
        Some(template.clone())
    }

    /// The descriptions without mistakes, by name.
    pub(super) fn into_templates(self) -> BTreeMap<String, Arc<Template>> {
        let named = self.by_name.into_iter();
        named
            .filter_map(|(name, (_, template))| Some((name, template?)))
            .collect()
    }

    /// Warns of those that no source uses.
    pub(super) fn warn_unused(&self, cx: &mut Context<'_>) {
        for (name, (at, _)) in &self.by_name {
            if !self.used.contains(name) {
                cx.report
                    .warn(at, format!("no source uses the scheme `{name}`"));
            }
        }
    }
}

/// Reads every scheme.
pub(super) fn schemes(cx: &mut Context<'_>, node: Option<&Node>) -> Schemes {
    let mut schemes = Schemes::default();
    let table = node.and_then(|node| Fields::open(cx, node, &node.span, "`schemes`"));
    for (key, node) in table.iter().flat_map(Fields::entries) {
        if tollgate_scheme::names().any(|known| known == key.name) {
            let message = format!("there is a built-in scheme `{}`", key.name);
            cx.report
                .wrong(&key.span, message, "choose another name for your own");
        } else {
            is_name(cx, key, "a scheme");
        }
        let before = cx.report.count();
        let template = template(cx, key, node).filter(|_| cx.report.count() == before);
        let template = template.filter(|template| {
            let mistakes = template.check();
            mistakes.iter().for_each(|mistake| {
                report(cx, key, node, mistake);
            });
            mistakes.is_empty()
        });
        let entry = (key.span.clone(), template.map(Arc::new));
        schemes.by_name.insert(key.name.clone(), entry);
    }
    schemes
}

/// Reports what does not fit together, at the key that it is about or, where that is not
/// there, at what it would stand in.
fn report(cx: &mut Context<'_>, key: &Key, node: &Node, mistake: &TemplateError) {
    let (mut at, mut within) = (&key.span, Some(node));
    for part in mistake.key.split('.') {
        let Value::Table(table) = within.map_or(&Value::Datetime, |node| &node.value) else {
            break;
        };
        within = table.get(part).map(|(_, node)| node);
        at = within.map_or(at, |node| &node.span);
    }
    cx.report.amiss(at, mistake.to_string(), ());
}

fn template(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<Template> {
    let fields = Fields::read(cx, node, &key.span, &SCHEME)?;
    for (key, node) in fields.entries() {
        // A key that is unknown may hold a secret.
        if SCHEME.known.contains(&key.name.as_str()) && !matches!(node.value, Value::Table(_)) {
            cx.report.plain(node);
        }
    }
    const ALGORITHM: &str = "such as algorithm = \"hmac-sha256\"";
    fields.need(cx, "algorithm", ALGORITHM);
    fields.need(
        cx,
        "kind",
        "such as kind = \"/type\": where the event's type stands",
    );
    let algorithm = choice(cx, &fields, "algorithm", ALGORITHMS);
    let signature = signature(cx, &fields);
    let kind = places(cx, &fields, "kind");
    let template = Template {
        title: text(cx, &fields, "title"),
        algorithm: algorithm.unwrap_or(Algorithm::HmacSha256),
        key_encoding: choice(cx, &fields, "key_encoding", KEY_ENCODINGS).unwrap_or_default(),
        key_prefix: text(cx, &fields, "key_prefix"),
        other_keys: other_keys(cx, &fields),
        families: texts(cx, &fields, "families"),
        signature: signature?,
        timestamp: timestamp(cx, &fields),
        signed: text(cx, &fields, "signed").unwrap_or_else(|| "{body}".to_owned()),
        form_json: text(cx, &fields, "form_json"),
        events: text(cx, &fields, "events"),
        id: places(cx, &fields, "id"),
        kind: kind?,
        created: places(cx, &fields, "created"),
        subject: places(cx, &fields, "subject"),
        account: places(cx, &fields, "account"),
        dedup: dedup(cx, &fields),
        record: texts(cx, &fields, "record"),
        answers: answers(cx, &fields),
    };
    Some(template)
}

fn signature(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<SignatureForm> {
    const HELP: &str = "such as signature = { header = \"x-signature\" }";
    let node = fields.need(cx, "signature", HELP)?;
    let fields = Fields::read(cx, node, &node.span, &SIGNATURE)?;
    fields.need(cx, "header", "the name of the header with the signature");
    let header = text(cx, &fields, "header");
    let form = SignatureForm {
        header: header.unwrap_or_default(),
        form: choice(cx, &fields, "form", LAYOUTS).unwrap_or_default(),
        name: text(cx, &fields, "name"),
        separator: separator(cx, &fields),
        prefix: text(cx, &fields, "prefix"),
        prefix_optional: flag(cx, &fields, "prefix_optional"),
        several: flag(cx, &fields, "several"),
        encoding: choice(cx, &fields, "encoding", SIGNATURE_ENCODINGS).unwrap_or_default(),
    };
    Some(form)
}

fn separator(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<char> {
    let (text, node) = fields.text(cx, "separator")?;
    let mut characters = text.chars();
    let one = characters.next().filter(|_| characters.next().is_none());
    if one.is_none() {
        let message = "`separator` is one character";
        cx.report
            .wrong(&node.span, message, "such as separator = \";\"");
    }
    one
}

fn timestamp(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<TimestampForm> {
    let node = fields.get("timestamp")?;
    let fields = Fields::read(cx, node, &node.span, &TIMESTAMP)?;
    Some(TimestampForm {
        header: text(cx, &fields, "header"),
        pair: text(cx, &fields, "pair"),
        unit: choice(cx, &fields, "unit", UNITS).unwrap_or_default(),
        tolerance: text(cx, &fields, "tolerance"),
        future: text(cx, &fields, "future"),
    })
}

fn other_keys(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<OtherKey> {
    const HELP: &str = "write other_keys = [{ prefix = …, algorithm = …, name = … }]";
    let items = fields.array(cx, "other_keys", HELP).unwrap_or_default();
    items
        .iter()
        .filter_map(|node| {
            let fields = Fields::read(cx, node, &node.span, &OTHER_KEY)?;
            for key in ["prefix", "algorithm", "name"] {
                fields.need(cx, key, HELP);
            }
            Some(OtherKey {
                prefix: text(cx, &fields, "prefix")?,
                algorithm: choice(cx, &fields, "algorithm", ALGORITHMS)?,
                encoding: choice(cx, &fields, "encoding", KEY_ENCODINGS).unwrap_or_default(),
                name: text(cx, &fields, "name")?,
            })
        })
        .collect()
}

/// `"body"` and the like, a list of places, or what of the body does not count.
fn dedup(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Dedup> {
    let node = fields.get("dedup")?;
    match node.value {
        Value::Array(_) => Some(Dedup::Fields(texts(cx, fields, "dedup"))),
        Value::Table(_) => {
            let fields = Fields::read(cx, node, &node.span, &DEDUP)?;
            fields.need(cx, "body_without", "such as body_without = [\"/sent_at\"]");
            Some(Dedup::Without(BodyWithout {
                body_without: texts(cx, &fields, "body_without"),
                if_there: text(cx, &fields, "if_there"),
            }))
        }
        _ => choice(cx, fields, "dedup", DEDUPS).map(Dedup::By),
    }
}

fn answers(cx: &mut Context<'_>, fields: &Fields<'_>) -> Answers {
    let fields = Fields::section(cx, fields.get("answers"), &ANSWERS);
    let mut answer = |key| {
        let node = fields.get(key)?;
        let fields = Fields::read(cx, node, &node.span, &ANSWER)?;
        let node = fields.need(cx, "status", "such as status = 200")?;
        cx.report.plain(node);
        let status = match node.value {
            Value::Integer(number) => number.and_then(|number| u16::try_from(number).ok()),
            _ => {
                expected(cx, node, "`status`", "a whole number", ());
                return None;
            }
        };
        Some(AnswerForm {
            // One that does not fit is none, as `check` says of it.
            status: status.unwrap_or(0),
            body: text(cx, &fields, "body").unwrap_or_default(),
            content_type: text(cx, &fields, "content_type"),
        })
    };
    Answers {
        accepted: answer("accepted"),
        duplicate: answer("duplicate"),
        rejected: answer("rejected"),
    }
}

/// One of several names.
fn choice<T: Copy>(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    key: &str,
    names: Names<T>,
) -> Option<T> {
    let (text, node) = fields.text(cx, key)?;
    if let Some((_, value)) = names.iter().find(|(name, _)| *name == text) {
        return Some(*value);
    }
    let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let help = match nearest(text, known.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("there are {}", listed(&known)),
    };
    let message = format!("`{key}` has no such value");
    cx.report.wrong(&node.span, message, help);
    None
}

fn text(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Option<String> {
    fields.text(cx, key).map(|(text, _)| text.to_owned())
}

/// A list of strings; empty where there is none.
fn texts(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Vec<String> {
    let help = format!("write {key} = [\"…\"]");
    let items = fields.array(cx, key, &help).unwrap_or_default();
    let what = format!("an item of `{key}`");
    items
        .iter()
        .filter_map(|node| plain_text(cx, node, &what).map(str::to_owned))
        .collect()
}

/// One place, or a list of them.
fn places(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> Option<Selectors> {
    match fields.get(key)?.value {
        Value::Array(_) => Some(Selectors::FirstOf(texts(cx, fields, key))),
        _ => text(cx, fields, key).map(Selectors::One),
    }
}

fn flag(cx: &mut Context<'_>, fields: &Fields<'_>, key: &str) -> bool {
    let Some(node) = fields.get(key) else {
        return false;
    };
    cx.report.plain(node);
    match node.value {
        Value::Boolean(value) => value,
        _ => {
            expected(cx, node, &format!("`{key}`"), "true or false", ());
            false
        }
    }
}

#[cfg(test)]
mod tests;
