//! The description of one scheme.

use tollgate_scheme::{
    Algorithm, AnswerForm, Answers, BodyWithout, ChallengeForm, ChallengeMethod, Dedup, LiveMode,
    OtherKey, SignatureForm, Template, TimestampForm,
};

use super::jws::jws;
use super::names::{ALGORITHMS, DEDUPS, KEY_ENCODINGS, UNITS};
use super::signed::{algorithms, expect, other_signatures, parts, signature, signed};
use super::texts::{places, text, texts};
use crate::manifest::table::{Context, Fields, TableSchema, Variants, expected};
use crate::manifest::text::tree::{Key, Node, Value};

pub(in crate::manifest::sections) const SCHEME: TableSchema = TableSchema {
    name: "a scheme",
    keys: &[
        "title",
        "jws",
        "algorithm",
        "algorithms",
        "algorithm_at",
        "key_encoding",
        "key_prefix",
        "other_keys",
        "families",
        "signature",
        "other_signatures",
        "any_signature",
        "timestamp",
        "signed",
        "parts",
        "unsigned_body",
        "expect",
        "by_get",
        "form_json",
        "events",
        "id",
        "kind",
        "created",
        "subject",
        "account",
        "dedup",
        "once",
        "resends_for",
        "livemode",
        "challenges",
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
        ("secrets", "write `secrets` into a source: `[sources.NAME]`"),
        ("path", "write `path` into a source: `[sources.NAME]`"),
    ],
};

pub(in crate::manifest::sections) const TIMESTAMP: TableSchema = TableSchema {
    name: "`timestamp`",
    keys: &["header", "pair", "at", "unit", "tolerance", "future"],
    unsupported: &[],
    instead: &[],
};

pub(in crate::manifest::sections) const OTHER_KEY: TableSchema = TableSchema {
    name: "one of `other_keys`",
    keys: &["prefix", "algorithm", "encoding", "name"],
    unsupported: &[],
    instead: &[],
};

pub(in crate::manifest::sections) const DEDUP: TableSchema = TableSchema {
    name: "`dedup`",
    keys: &["body_without", "if_there"],
    unsupported: &[],
    instead: &[],
};

pub(in crate::manifest::sections) const CHALLENGE: TableSchema = TableSchema {
    name: "one of `challenges`",
    keys: &["method", "query", "json", "form", "answer", "content_type"],
    unsupported: &[],
    instead: &[("body", "did you mean `answer`?")],
};

const CHALLENGE_METHODS: Variants<ChallengeMethod> = &[
    ("GET", ChallengeMethod::Get),
    ("HEAD", ChallengeMethod::Head),
    ("POST", ChallengeMethod::Post),
];

pub(in crate::manifest::sections) const LIVEMODE: TableSchema = TableSchema {
    name: "`livemode`",
    keys: &["at", "live", "test"],
    unsupported: &[],
    instead: &[],
};

pub(in crate::manifest::sections) const ANSWERS: TableSchema = TableSchema {
    name: "`answers`",
    keys: &["accepted", "duplicate", "rejected"],
    unsupported: &[],
    instead: &[],
};

pub(in crate::manifest::sections) const ANSWER: TableSchema = TableSchema {
    name: "an answer",
    keys: &["status", "body", "content_type"],
    unsupported: &[],
    instead: &[],
};

/// The description in `[schemes.NAME]`. `None` if a required part is missing.
pub(super) fn template(cx: &mut Context<'_>, key: &Key, node: &Node) -> Option<Template> {
    let fields = Fields::read(cx, node, &key.span, &SCHEME)?;
    for (key, node) in fields.entries() {
        // An unknown key may hold a secret.
        if SCHEME.keys.contains(&key.name.as_str()) && !matches!(node.value, Value::Table(_)) {
            cx.diagnostics.allow_quote(node);
        }
    }
    const ALGORITHM: &str = "for example: algorithm = \"hmac-sha256\"";
    let has_token = fields.get("jws").is_some();
    let jws = jws(cx, &fields);
    if !has_token {
        fields.need(cx, "algorithm", ALGORITHM);
    }
    fields.need(
        cx,
        "kind",
        "write the place of the event's type, for example: kind = \"/type\"",
    );
    let algorithm = fields.variant(cx, "algorithm", ALGORITHMS, None);
    let signature = match has_token && fields.get("signature").is_none() {
        true => jws.is_some().then(SignatureForm::default),
        false => signature(cx, &fields),
    };
    let kind = places(cx, &fields, "kind");
    let template = Template {
        title: text(cx, &fields, "title"),
        jws,
        algorithm: algorithm.unwrap_or(Algorithm::HmacSha256),
        key_encoding: fields
            .variant(cx, "key_encoding", KEY_ENCODINGS, None)
            .unwrap_or_default(),
        key_prefix: text(cx, &fields, "key_prefix"),
        other_keys: other_keys(cx, &fields),
        families: texts(cx, &fields, "families"),
        signature: signature?,
        algorithms: algorithms(cx, &fields),
        algorithm_at: text(cx, &fields, "algorithm_at"),
        other_signatures: other_signatures(cx, &fields),
        any_signature: fields.flag(cx, "any_signature", false),
        timestamp: timestamp(cx, &fields),
        signed: signed(cx, &fields).unwrap_or_default(),
        parts: parts(cx, &fields),
        unsigned_body: fields.flag(cx, "unsigned_body", false),
        expect: expect(cx, &fields),
        by_get: fields.flag(cx, "by_get", false),
        form_json: text(cx, &fields, "form_json"),
        events: text(cx, &fields, "events"),
        id: places(cx, &fields, "id"),
        kind: kind?,
        created: places(cx, &fields, "created"),
        subject: places(cx, &fields, "subject"),
        account: places(cx, &fields, "account"),
        dedup: dedup(cx, &fields),
        once: texts(cx, &fields, "once"),
        resends_for: text(cx, &fields, "resends_for"),
        livemode: livemode(cx, &fields),
        challenges: challenges(cx, &fields),
        record: texts(cx, &fields, "record"),
        answers: answers(cx, &fields),
    };
    Some(template)
}

fn timestamp(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<TimestampForm> {
    let node = fields.get("timestamp")?;
    let fields = Fields::read(cx, node, &node.span, &TIMESTAMP)?;
    Some(TimestampForm {
        header: text(cx, &fields, "header"),
        pair: text(cx, &fields, "pair"),
        at: text(cx, &fields, "at"),
        unit: fields.variant(cx, "unit", UNITS, None).unwrap_or_default(),
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
                algorithm: fields.variant(cx, "algorithm", ALGORITHMS, None)?,
                encoding: fields
                    .variant(cx, "encoding", KEY_ENCODINGS, None)
                    .unwrap_or_default(),
                name: text(cx, &fields, "name")?,
            })
        })
        .collect()
}

/// `dedup`: a word such as `"body"`, a list of places, or the parts of the body that do not count.
fn dedup(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Dedup> {
    let node = fields.get("dedup")?;
    match node.value {
        Value::Array(_) => Some(Dedup::Fields(texts(cx, fields, "dedup"))),
        Value::Table(_) => {
            let fields = Fields::read(cx, node, &node.span, &DEDUP)?;
            fields.need(
                cx,
                "body_without",
                "for example: body_without = [\"/sent_at\"]",
            );
            Some(Dedup::Without(BodyWithout {
                body_without: texts(cx, &fields, "body_without"),
                if_there: places(cx, &fields, "if_there"),
            }))
        }
        _ => fields.variant(cx, "dedup", DEDUPS, None).map(Dedup::By),
    }
}

/// `livemode`: the place of the flag, and its texts in both modes.
fn livemode(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<LiveMode> {
    let node = fields.get("livemode")?;
    let fields = Fields::read(cx, node, &node.span, &LIVEMODE)?;
    fields.need(cx, "at", "for example: at = \"/livemode\"");
    let mut form = LiveMode::flag(places(cx, &fields, "at")?);
    if fields.get("live").is_some() {
        form.live = texts(cx, &fields, "live");
    }
    if fields.get("test").is_some() {
        form.test = texts(cx, &fields, "test");
    }
    Some(form)
}

fn challenges(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<ChallengeForm> {
    const HELP: &str = "write challenges = [{ method = \"GET\", … }]";
    let items = fields.array(cx, "challenges", HELP).unwrap_or_default();
    items
        .iter()
        .filter_map(|node| {
            let fields = Fields::read(cx, node, &node.span, &CHALLENGE)?;
            fields.need(cx, "method", HELP);
            Some(ChallengeForm {
                method: fields.variant(cx, "method", CHALLENGE_METHODS, None)?,
                query: text(cx, &fields, "query"),
                json: text(cx, &fields, "json"),
                form: text(cx, &fields, "form"),
                answer: text(cx, &fields, "answer").unwrap_or_default(),
                content_type: text(cx, &fields, "content_type"),
            })
        })
        .collect()
}

fn answers(cx: &mut Context<'_>, fields: &Fields<'_>) -> Answers {
    let fields = Fields::section(cx, fields.get("answers"), &ANSWERS);
    let mut answer = |key| {
        let node = fields.get(key)?;
        let fields = Fields::read(cx, node, &node.span, &ANSWER)?;
        let node = fields.need(cx, "status", "for example: status = 200")?;
        cx.diagnostics.allow_quote(node);
        let status = match node.value {
            Value::Integer(number) => number.and_then(|number| u16::try_from(number).ok()),
            _ => {
                expected(cx, node, "`status`", "a whole number", ());
                return None;
            }
        };
        Some(AnswerForm {
            // `Template::check` reports a status that is no HTTP status, such as 0.
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
