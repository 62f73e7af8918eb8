//! Finds mistakes in a template.

use std::fmt;

use super::signature::Layout;
use super::template::Template;
use tollgate_base::json::PointerSet;

/// A mistake in a `[schemes.NAME]` section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct TemplateError {
    /// The key with the mistake, with dots for tables: `signature.name`.
    pub key: String,
    /// The mistake, and what to write instead.
    pub message: String,
}

/// Collects mistakes.
#[derive(Default)]
pub(super) struct Mistakes(Vec<TemplateError>);

impl Mistakes {
    /// Adds a mistake, once.
    pub(super) fn add(&mut self, key: &str, message: impl Into<String>) {
        let mistake = TemplateError {
            key: key.to_owned(),
            message: message.into(),
        };
        if !self.0.contains(&mistake) {
            self.0.push(mistake);
        }
    }

    /// All mistakes that were added.
    pub(super) fn into_all(self) -> Vec<TemplateError> {
        self.0
    }

    /// The value. Adds the error if there is none.
    pub(super) fn keep<T, E: fmt::Display>(
        &mut self,
        key: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.add(key, error.to_string()))
            .ok()
    }
}

/// Adds a mistake for each part of the template that does not fit the others.
pub(super) fn check_layout(template: &Template, mistakes: &mut Mistakes) {
    if let Some(pointer) = &template.events {
        mistakes.keep("events", PointerSet::new(&[pointer]));
    }
    let signature = &template.signature;
    let bare = signature.form == Layout::Bare;
    let nameless = signature.form.is_nameless();
    if nameless && signature.name.is_some() {
        mistakes.add(
            "signature.name",
            "a `bare` signature has no name; leave it out, or set `form`",
        );
    }
    if !nameless && signature.name.as_ref().is_none_or(String::is_empty) {
        mistakes.add(
            "signature.name",
            "say which of the header's entries is the signature",
        );
    }
    if !bare && signature.prefix.is_some() {
        mistakes.add("signature.prefix", "only a `bare` signature has one");
    }
    if signature.form != Layout::Pairs && signature.separator.is_some() {
        mistakes.add("signature.separator", "only `pairs` have one");
    }
    if nameless && !template.other_keys.is_empty() {
        mistakes.add(
            "other_keys",
            "signatures of several kinds need names: set `signature.form`",
        );
    }
    if !template.signed.contains("{body}") && !template.algorithm.sends_secret() {
        mistakes.add("signed", "without {body} anybody could change the body");
    }
    check_timestamp(template, mistakes);
    check_mode(template, mistakes);
    for challenge in &template.challenges {
        if let Some(problem) = challenge.problem() {
            mistakes.add("challenges", problem);
        }
    }
}

fn check_mode(template: &Template, mistakes: &mut Mistakes) {
    let Some(form) = &template.livemode else {
        return;
    };
    let both = |text: &String| form.test.iter().any(|test| test.eq_ignore_ascii_case(text));
    if form.live.iter().any(both) {
        mistakes.add("livemode", "a text cannot mean both modes");
    }
    if form.live.is_empty() && form.test.is_empty() {
        mistakes.add("livemode", "name a text of `live` or of `test` mode");
    }
}

fn check_timestamp(template: &Template, mistakes: &mut Mistakes) {
    let Some(form) = &template.timestamp else {
        if template.signed.contains("{timestamp}") {
            mistakes.add(
                "timestamp",
                "`signed` has a {timestamp}; say where it stands",
            );
        }
        return;
    };
    match (&form.header, &form.pair) {
        (Some(_), Some(_)) => mistakes.add("timestamp", "set `header` or `pair`, not both"),
        (None, None) => mistakes.add("timestamp", "say where it stands: `header` or `pair`"),
        (None, Some(_)) if !template.signature.form.holds_time() => {
            mistakes.add(
                "timestamp.pair",
                "only a signature header of `pairs` or `time-first` has one",
            );
        }
        _ => {}
    }
    let named = |name: &String| template.signed.contains(&format!("{{header:{name}}}"));
    if !template.signed.contains("{timestamp}") && !form.header.as_ref().is_some_and(named) {
        mistakes.add(
            "timestamp",
            "`signed` does not hold the {timestamp}, so anybody could change it",
        );
    }
}
