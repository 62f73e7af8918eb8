//! The bytes that a signature covers, as a template describes them: `{timestamp}.{body}`.
//!
//! Values stand in braces: `{body}`, `{header:NAME}`, `{json:/POINTER}`. After a value, filters may
//! follow: `{json:/amount|decimals:2}`. Text in brackets is left out if a value in it is absent.
//! Braces and brackets that are signed themselves are written twice.

use std::collections::BTreeMap;

use http::HeaderName;

use super::filter::Filter;
use super::json_place::JsonPlace;
use super::syntax::{SyntaxError, header_name};
use tollgate_base::json::PointerSet;
use tollgate_base::suggest::nearest;

/// How deep named parts may name other parts.
const MAX_DEPTH: usize = 8;

/// A part of the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignedPart {
    /// The text itself.
    Literal(String),
    /// A value of the request or of the source's settings.
    Value(SignedValue),
    /// Parts that are left out together if a value in them is absent.
    Group(Vec<SignedPart>),
}

/// A value among the signed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedValue {
    /// The place of the value.
    pub(super) source: Source,
    /// Whether an absent value is an empty text.
    pub(super) may_be_absent: bool,
    /// The changes of the value, in order.
    pub(super) filters: Vec<Filter>,
}

/// The place of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The body of the request.
    Body,
    /// The text of the timestamp.
    Timestamp,
    /// The URL in the settings of the source.
    Url,
    /// The path of that URL if there is one, else of the request.
    Path,
    /// The path, with the query of the request.
    Target,
    /// The method of the request.
    Method,
    /// The decoded secret.
    Secret,
    /// The value of a header.
    Header(HeaderName),
    /// A parameter of the query.
    Query(String),
    /// A field of the form. In a GET request the query is the form.
    Form(String),
    /// A value in the JSON of the body.
    Json(JsonPlace),
    /// A setting of the source.
    Param(String),
    /// All fields but some as `name=value`, sorted by name, with `&` between them.
    Sorted(Pairs),
    /// The values of all fields but some, in the order of the request.
    Values(Pairs),
    /// A part of the template.
    Part(Vec<SignedPart>),
    /// The first of these values that is there.
    FirstOf(Vec<Source>),
}

/// The fields of a form or of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pairs {
    /// Whether the fields stand in the query; else in the form.
    pub(super) in_query: bool,
    /// The names of fields that do not count, beside the signature's own.
    pub(super) without: Vec<String>,
}

/// A text of signed bytes, ready to be filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SignedText {
    pub(super) parts: Vec<SignedPart>,
}

/// The signed texts of a template. A signature over any of them counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SignedTexts(pub(super) Vec<SignedText>);

impl SignedText {
    /// Whether a place that `wanted` accepts is among the signed bytes.
    pub(super) fn holds(&self, wanted: &dyn Fn(&Source) -> bool) -> bool {
        holds(&self.parts, &|_| true, wanted)
    }

    /// Whether the secret is among the signed bytes.
    pub(super) fn holds_secret(&self) -> bool {
        self.holds(&|source| *source == Source::Secret)
    }

    /// The places of all values.
    pub(super) fn sources(&self) -> Vec<&Source> {
        let mut found = Vec::new();
        collect(&self.parts, &mut found);
        found
    }
}

impl SignedTexts {
    /// Whether each text holds a place that `wanted` accepts.
    pub(super) fn all_hold(&self, wanted: &dyn Fn(&Source) -> bool) -> bool {
        !self.0.is_empty() && self.0.iter().all(|text| text.holds(wanted))
    }

    /// Like [`all_hold`](Self::all_hold), for values that are signed exactly: a filter such as
    /// `lower` signs many texts as one.
    pub(super) fn all_hold_exactly(&self, wanted: &dyn Fn(&Source) -> bool) -> bool {
        let exact = |value: &SignedValue| !value.filters.iter().any(Filter::merges_texts);
        let holds = |text: &SignedText| holds(&text.parts, &exact, wanted);
        !self.0.is_empty() && self.0.iter().all(holds)
    }

    /// Whether any text holds a place that `wanted` accepts.
    pub(super) fn any_holds(&self, wanted: &dyn Fn(&Source) -> bool) -> bool {
        self.0.iter().any(|text| text.holds(wanted))
    }

    /// Whether the whole body is signed.
    pub(super) fn hold_body(&self) -> bool {
        self.all_hold(&|source| *source == Source::Body)
    }

    /// Whether all fields of the form are signed, but those of the signature itself.
    pub(super) fn hold_all_fields(&self) -> bool {
        self.all_hold(&|source| match source {
            Source::Sorted(pairs) | Source::Values(pairs) => !pairs.in_query,
            _ => false,
        })
    }

    /// Whether values of the body are signed, and not the whole body.
    pub(super) fn hold_parts_of_body(&self) -> bool {
        let is_value = |source: &Source| match source {
            Source::Json(_) | Source::Form(_) => true,
            Source::Sorted(pairs) | Source::Values(pairs) => !pairs.in_query,
            _ => false,
        };
        !self.hold_body() && self.all_hold(&is_value)
    }
}

/// Whether a value of which `counts` holds has a place that `wanted` accepts.
fn holds(
    parts: &[SignedPart],
    counts: &dyn Fn(&SignedValue) -> bool,
    wanted: &dyn Fn(&Source) -> bool,
) -> bool {
    parts.iter().any(|part| match part {
        SignedPart::Literal(_) => false,
        SignedPart::Group(parts) => holds(parts, counts, wanted),
        SignedPart::Value(value) if !counts(value) => false,
        SignedPart::Value(value) => match &value.source {
            Source::Part(parts) => holds(parts, counts, wanted),
            // The first counts whenever it is there; the others do not always.
            Source::FirstOf(places) => places.first().is_some_and(wanted),
            source => wanted(source),
        },
    })
}

fn collect<'p>(parts: &'p [SignedPart], found: &mut Vec<&'p Source>) {
    for part in parts {
        match part {
            SignedPart::Literal(_) => {}
            SignedPart::Group(parts) => collect(parts, found),
            SignedPart::Value(value) => match &value.source {
                Source::Part(parts) => collect(parts, found),
                Source::FirstOf(places) => found.extend(places),
                source => found.push(source),
            },
        }
    }
}

/// Reads the text of a template's `signed`.
pub(super) struct SignedReader<'t> {
    /// The prefix for each `*` in the name of a header.
    pub(super) prefix: &'t str,
    /// The named parts of the template.
    pub(super) named: &'t BTreeMap<String, String>,
    /// The JSON pointers, to which those of the text are added.
    pub(super) pointers: &'t mut PointerSet,
}

impl SignedReader<'_> {
    /// The parts of the text.
    pub(super) fn read(&mut self, text: &str) -> Result<SignedText, SyntaxError> {
        let parts = self.parts(text, 0)?;
        Ok(SignedText { parts })
    }

    fn parts(&mut self, text: &str, depth: usize) -> Result<Vec<SignedPart>, SyntaxError> {
        let unbalanced = || SyntaxError::Braces(text.to_owned());
        let mut open: Vec<Vec<SignedPart>> = vec![Vec::new()];
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}', '[', ']']) {
            let (before, tail) = rest.split_at(at);
            let sign = tail.chars().next().unwrap_or_default();
            let level = open.last_mut().ok_or_else(unbalanced)?;
            add_literal(level, before);
            rest = &tail[1..];
            if let Some(after) = rest.strip_prefix(sign) {
                add_literal(level, &tail[..1]);
                rest = after;
                continue;
            }
            match sign {
                '{' => {
                    let (inside, after) = rest.split_once('}').ok_or_else(unbalanced)?;
                    let value = self.value(inside, depth)?;
                    level.push(SignedPart::Value(value));
                    rest = after;
                }
                '[' if open.len() == 1 => open.push(Vec::new()),
                ']' if open.len() == 2 => {
                    let group = open.pop().unwrap_or_default();
                    open[0].push(SignedPart::Group(group));
                }
                _ => return Err(unbalanced()),
            }
        }
        match open.as_mut_slice() {
            [parts] => {
                add_literal(parts, rest);
                Ok(std::mem::take(parts))
            }
            _ => Err(unbalanced()),
        }
    }

    fn value(&mut self, inside: &str, depth: usize) -> Result<SignedValue, SyntaxError> {
        let mut pieces = inside.split('|');
        let place = pieces.next().unwrap_or_default();
        let (place, may_be_absent) = match place.strip_suffix('?') {
            Some(place) => (place, true),
            None => (place, false),
        };
        let mut places = place.split(" or ");
        let source = match (places.next(), places.clone().next()) {
            (Some(only), None) => self.source(only, depth)?,
            (first, _) => {
                let places = first.into_iter().chain(places);
                let sources = places.map(|place| self.source(place, depth));
                Source::FirstOf(sources.collect::<Result<_, _>>()?)
            }
        };
        let filters = pieces.map(|filter| Filter::read(filter, self.pointers));
        Ok(SignedValue {
            source,
            may_be_absent,
            filters: filters.collect::<Result<_, _>>()?,
        })
    }

    fn source(&mut self, place: &str, depth: usize) -> Result<Source, SyntaxError> {
        let pairs = |in_query, argument: Option<&str>| Pairs {
            in_query,
            without: argument
                .map(|names| names.split(',').map(|name| name.trim().to_owned()))
                .into_iter()
                .flatten()
                .collect(),
        };
        let (name, argument) = match place.split_once(':') {
            Some((name, argument)) => (name, Some(argument)),
            None => (place, None),
        };
        Ok(match (name, argument) {
            ("body", None) => Source::Body,
            ("timestamp", None) => Source::Timestamp,
            ("url", None) => Source::Url,
            ("path", None) => Source::Path,
            ("target", None) => Source::Target,
            ("method", None) => Source::Method,
            ("secret", None) => Source::Secret,
            ("sorted-form", without) => Source::Sorted(pairs(false, without)),
            ("sorted-query", without) => Source::Sorted(pairs(true, without)),
            ("form-values", without) => Source::Values(pairs(false, without)),
            ("query-values", without) => Source::Values(pairs(true, without)),
            ("header", Some(name)) => Source::Header(header_name(&name.replace('*', self.prefix))?),
            ("query", Some(name)) if !name.is_empty() => Source::Query(name.to_owned()),
            ("form", Some(name)) if !name.is_empty() => Source::Form(name.to_owned()),
            ("param", Some(name)) if !name.is_empty() => Source::Param(name.to_owned()),
            ("json", Some(pointer)) => Source::Json(JsonPlace::new(pointer, self.pointers)?),
            ("part", Some(name)) => Source::Part(self.named(name, depth)?),
            _ => return Err(unknown(place)),
        })
    }

    fn named(&mut self, name: &str, depth: usize) -> Result<Vec<SignedPart>, SyntaxError> {
        let text = self.named.get(name);
        let text = text.ok_or_else(|| SyntaxError::NoPart(name.to_owned()))?;
        if depth == MAX_DEPTH {
            return Err(SyntaxError::PartInItself(name.to_owned()));
        }
        self.parts(text, depth + 1)
    }
}

fn add_literal(parts: &mut Vec<SignedPart>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(SignedPart::Literal(before)) => before.push_str(text),
        _ => parts.push(SignedPart::Literal(text.to_owned())),
    }
}

fn unknown(name: &str) -> SyntaxError {
    const KNOWN: [&str; 16] = [
        "body",
        "timestamp",
        "url",
        "header:NAME",
        "json:/POINTER",
        "form:NAME",
        "query:NAME",
        "param:NAME",
        "secret",
        "method",
        "path",
        "target",
        "sorted-form",
        "sorted-query",
        "form-values",
        "query-values",
    ];
    let name = name.to_owned();
    match nearest(&name, KNOWN) {
        Some(meant) => SyntaxError::Misspelled { name, meant },
        None => SyntaxError::Placeholder(name),
    }
}
