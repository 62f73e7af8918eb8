//! From what the TOML says to what verifies; every mistake at once.

use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};

use super::check::{Mistakes, TemplateError, check_layout};
use super::read::Fields;
use super::{
    AnswerForm, Declarative, Names, SignedPiece, SourceKey, Template, TimeUnit, TimestampForm,
    Tolerance,
};
use crate::scheme::build::{BuildError, Setting};
use crate::scheme::field::{header_name, split_braces};
use crate::scheme::headers::{ALWAYS, HeaderSet};
use crate::scheme::key::{self, Algorithm, Key};
use crate::scheme::settings::Reader;
use crate::scheme::signature::SignatureForm;
use crate::scheme::{Answer, AnswerTo, Settings, time};
use crate::secret::Secret;
use crate::suggest::nearest;

/// How far a timestamp may lie from now where neither scheme nor source says.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// Headers with these names hold credentials and are never recorded.
const CREDENTIALS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// A template, checked.
pub(crate) struct Prepared {
    template: Template,
    families: Vec<Names>,
    tolerance: Option<Tolerance>,
    answers: [Answer; 3],
}

impl Template {
    /// Every mistake in the description.
    pub fn check(&self) -> Vec<TemplateError> {
        Prepared::new(self).err().unwrap_or_default()
    }

    /// What an operator should know about how strongly the described scheme protects; empty
    /// while the description has mistakes.
    pub fn warnings(&self) -> Vec<String> {
        Prepared::new(self)
            .map(|prepared| prepared.warnings())
            .unwrap_or_default()
    }
}

impl Prepared {
    fn new(template: &Template) -> Result<Self, Vec<TemplateError>> {
        let mut mistakes = Mistakes::default();
        let families: Vec<Names> = match template.families.as_slice() {
            [] => names(template, "", &mut mistakes).into_iter().collect(),
            families => families
                .iter()
                .filter_map(|family| names(template, family, &mut mistakes))
                .collect(),
        };
        check_layout(template, &mut mistakes);
        let tolerance = template
            .timestamp
            .as_ref()
            .map(|form| tolerance(form, &mut mistakes));
        let answers = answers(template, &mut mistakes);
        let mistakes = mistakes.all();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            template: template.clone(),
            families,
            tolerance,
            answers,
        })
    }

    /// The names of the first family whose signature header is there.
    pub(super) fn family(&self, headers: &HeaderMap) -> &Names {
        self.families
            .iter()
            .find(|names| headers.contains_key(&names.header))
            .unwrap_or(&self.families[0])
    }

    /// The names that requests are signed under.
    pub(super) fn first_family(&self) -> &Names {
        &self.families[0]
    }

    pub(super) fn timestamp_pair(&self) -> Option<&str> {
        self.template.timestamp.as_ref()?.pair.as_deref()
    }

    pub(super) fn unit(&self) -> TimeUnit {
        self.template
            .timestamp
            .as_ref()
            .map_or_else(TimeUnit::default, |form| form.unit)
    }

    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    pub(super) fn answer(&self, to: AnswerTo) -> Answer {
        self.answers[to as usize].clone()
    }

    fn signs_url(&self) -> bool {
        self.families[0].signed.contains(&SignedPiece::Url)
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let names = &self.families[0];
        if self.template.algorithm == Algorithm::StaticEqual {
            warnings.push(
                "the request carries the secret itself: nothing vouches for the body, and \
                 whoever sees one request can forge others"
                    .to_owned(),
            );
        }
        if self.template.timestamp.is_none() {
            warnings.push(
                "no timestamp is signed: a captured request is told from a new one by its \
                 dedup key alone, so keys are kept for good"
                    .to_owned(),
            );
        }
        warnings.extend(names.fields.warnings(names));
        warnings
    }
}

/// The names of headers with `family` for each `*`.
fn names(template: &Template, family: &str, mistakes: &mut Mistakes) -> Option<Names> {
    let mut header =
        |key: &str, name: &str| mistakes.keep(key, header_name(&name.replace('*', family)));
    let signature_header = header("signature.header", &template.signature.header);
    let timestamp_header = template
        .timestamp
        .as_ref()
        .and_then(|form| form.header.as_ref())
        .and_then(|name| header("timestamp.header", name));
    let mut record: Vec<HeaderName> = template
        .record
        .iter()
        .filter_map(|name| header("record", name))
        .collect();
    record.extend(timestamp_header.clone());
    let signed = mistakes
        .keep(
            "signed",
            signed_pieces(&template.signed.replace('*', family)),
        )
        .unwrap_or_default();
    let fields = Fields::new(template, family, &signed, mistakes)?;
    let signature_header = signature_header?;
    record.extend(fields.headers());
    if record
        .iter()
        .any(|name| *name == signature_header || CREDENTIALS.contains(&name.as_str()))
    {
        mistakes.add("record", "a signature or credential is never recorded");
    }
    record.extend(ALWAYS.iter().cloned());
    let signature = SignatureForm {
        header: signature_header.to_string(),
        ..template.signature.clone()
    };
    Some(Names {
        header: signature_header,
        signature,
        timestamp_header,
        signed,
        fields,
        record: HeaderSet::new(record),
    })
}

fn signed_pieces(text: &str) -> Result<Vec<SignedPiece>, String> {
    let pieces: Vec<SignedPiece> = split_braces(text)?
        .into_iter()
        .map(|(inside, text)| match (inside, text) {
            (false, text) => Ok(SignedPiece::Text(text.to_owned())),
            (true, "body") => Ok(SignedPiece::Body),
            (true, "timestamp") => Ok(SignedPiece::Timestamp),
            (true, "url") => Ok(SignedPiece::Url),
            (true, other) => match other.strip_prefix("header:") {
                Some(name) => header_name(name).map(SignedPiece::Header),
                None => Err(unknown_piece(other)),
            },
        })
        .collect::<Result<_, _>>()?;
    Ok(pieces)
}

fn unknown_piece(name: &str) -> String {
    match nearest(name, ["body", "timestamp", "url", "header:NAME"]) {
        Some(meant) => format!("`{{{name}}}` is unknown: did you mean {{{meant}}}?"),
        None => format!(
            "`{{{name}}}` is unknown; there are {{body}}, {{timestamp}}, {{url}} and {{header:NAME}}"
        ),
    }
}

fn tolerance(form: &TimestampForm, mistakes: &mut Mistakes) -> Tolerance {
    let mut read = |key: &str, text: &Option<String>, default: Duration| {
        let Some(text) = text else {
            return default;
        };
        time::duration(text)
            .filter(|length| !length.is_zero())
            .unwrap_or_else(|| {
                mistakes.add(
                    key,
                    format!("`{text}` is no length of time such as `300s` or `5m`"),
                );
                default
            })
    };
    let past = read("timestamp.tolerance", &form.tolerance, DEFAULT_TOLERANCE);
    let future = read("timestamp.future", &form.future, past);
    Tolerance { past, future }
}

/// In the order of [`AnswerTo`].
fn answers(template: &Template, mistakes: &mut Mistakes) -> [Answer; 3] {
    let forms = &template.answers;
    let mut answer = |key: &str, form: Option<&AnswerForm>, default: StatusCode| {
        let Some(form) = form else {
            return Answer {
                status: default,
                content_type: None,
                body: bytes::Bytes::new(),
            };
        };
        let status = StatusCode::from_u16(form.status).unwrap_or_else(|_| {
            mistakes.add(key, format!("{} is no HTTP status", form.status));
            default
        });
        let text = form.content_type.as_deref().unwrap_or("text/plain");
        Answer {
            status,
            content_type: (!form.body.is_empty()).then(|| text.to_owned()),
            body: form.body.clone().into(),
        }
    };
    let accepted = answer("answers.accepted", forms.accepted.as_ref(), StatusCode::OK);
    let duplicate = forms.duplicate.as_ref().or(forms.accepted.as_ref());
    let duplicate = answer("answers.duplicate", duplicate, StatusCode::OK);
    let rejected = answer(
        "answers.rejected",
        forms.rejected.as_ref(),
        StatusCode::BAD_REQUEST,
    );
    if !accepted.status.is_success() || !duplicate.status.is_success() {
        mistakes.add(
            "answers",
            "the status for `accepted` and `duplicate` must be 2xx",
        );
    }
    if rejected.status.is_success() || rejected.status.is_informational() {
        mistakes.add(
            "answers.rejected",
            "the status must not be 2xx: the provider would take the event for received",
        );
    }
    [accepted, duplicate, rejected]
}

impl Declarative {
    /// A template with a source's settings, or every mistake in both.
    pub(crate) fn new(
        name: &str,
        template: &Template,
        settings: Settings,
    ) -> Result<Self, Vec<BuildError>> {
        let mut reader = Reader::new(name, settings);
        let prepared = Prepared::new(template);
        for mistake in prepared.as_ref().err().into_iter().flatten() {
            reader.mistake(Setting::Scheme, format!("the scheme `{name}`: {mistake}"));
        }
        let prepared = prepared.ok();
        let keys = reader.keys(|secret| source_key(template, secret));
        let names = keys
            .iter()
            .map(|key: &SourceKey| key.name.clone())
            .collect();
        let signs_url = prepared.as_ref().is_some_and(Prepared::signs_url);
        let url = signs_url.then(|| reader.url()).flatten();
        let own = template
            .timestamp
            .is_some()
            .then(|| reader.tolerance())
            .flatten();
        reader.finish(prepared.map(|prepared| Self {
            tolerance: own.or(prepared.tolerance),
            prepared,
            keys,
            names,
            url,
        }))
    }
}

/// Decodes a secret by the first form whose prefix it has.
fn source_key(template: &Template, secret: &Secret) -> Result<SourceKey, String> {
    let other = template
        .other_keys
        .iter()
        .find(|other| secret.expose().starts_with(other.prefix.as_bytes()));
    let (prefix, algorithm, encoding, name) = match other {
        Some(other) => (
            Some(&other.prefix),
            other.algorithm,
            other.encoding,
            Some(&other.name),
        ),
        None => (
            template.key_prefix.as_ref(),
            template.algorithm,
            template.key_encoding,
            template.signature.name.as_ref(),
        ),
    };
    let text = prefix
        .and_then(|prefix| secret.expose().strip_prefix(prefix.as_bytes()))
        .unwrap_or(secret.expose());
    let bytes = key::decode(&Secret::new(text), encoding, algorithm)?;
    Ok(SourceKey {
        name: name.cloned().unwrap_or_default(),
        key: Key::new(algorithm, &bytes)?,
    })
}
