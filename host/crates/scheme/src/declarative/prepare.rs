//! From what the TOML says to what verifies; every mistake at once.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::check::{Mistakes, TemplateError, check_layout};
use super::family::{Names, names};
use super::signed::SignedPart;
use super::template::{AnswerForm, Template, TimeUnit, TimestampForm};
use crate::answer::{Answer, AnswerTo};
use crate::key::Algorithm;
use crate::time;
use crate::tolerance::Tolerance;

/// How far a timestamp may lie from now where neither scheme nor source says.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// A template, checked.
pub(super) struct Prepared {
    template: Template,
    families: Vec<Names>,
    /// The description's own, where a timestamp is signed.
    pub(super) tolerance: Option<Tolerance>,
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
    pub(super) fn new(template: &Template) -> Result<Self, Vec<TemplateError>> {
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
        let form = self.template.timestamp.as_ref();
        form.map_or_else(TimeUnit::default, |form| form.unit)
    }

    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    pub(super) fn answer(&self, to: AnswerTo) -> Answer {
        self.answers[to as usize].clone()
    }

    pub(super) fn signs_url(&self) -> bool {
        self.families[0].signed.contains(&SignedPart::Url)
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
        warnings.extend(names.fields.warnings(&names.signed));
        warnings
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
