//! A template without mistakes, ready to verify requests.

use std::time::Duration;

use http::HeaderMap;

use super::answers::OwnAnswers;
use super::challenge::ChallengeForm;
use super::check::{Mistakes, TemplateError, check_layout};
use super::family::HeaderFamily;
use super::signed::SignedPart;
use super::template::{Template, TimeUnit, TimestampForm};
use crate::answer::{Answer, RequestOutcome};
use crate::tolerance::Tolerance;
use crate::verifier::RESENDS_FOR;
use crate::warnings;
use tollgate_base::quantity::parse_duration;

/// The tolerance if neither the template nor the source has one.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// A template without mistakes.
pub(super) struct CheckedTemplate {
    template: Template,
    families: Vec<HeaderFamily>,
    /// The template's tolerance. `None` if no timestamp is signed.
    pub(super) tolerance: Option<Tolerance>,
    /// For how long the provider resends an event.
    pub(super) resends: Duration,
    answers: OwnAnswers,
}

impl Template {
    /// Every mistake in the template.
    pub fn check(&self) -> Vec<TemplateError> {
        CheckedTemplate::new(self).err().unwrap_or_default()
    }

    /// The weaknesses of the scheme, for an operator. Empty if the template has mistakes.
    pub fn warnings(&self) -> Vec<String> {
        CheckedTemplate::new(self)
            .map(|checked| checked.warnings())
            .unwrap_or_default()
    }
}

impl CheckedTemplate {
    /// The template, ready, or every mistake in it.
    pub(super) fn new(template: &Template) -> Result<Self, Vec<TemplateError>> {
        let mut mistakes = Mistakes::default();
        let no_family = [String::new()];
        let prefixes = match template.families.as_slice() {
            [] => no_family.as_slice(),
            families => families,
        };
        let families = prefixes
            .iter()
            .filter_map(|prefix| HeaderFamily::new(template, prefix, &mut mistakes))
            .collect();
        check_layout(template, &mut mistakes);
        let timestamp = template.timestamp.as_ref();
        let tolerance = timestamp.map(|form| tolerance(form, &mut mistakes));
        let resends = resends(template, &mut mistakes);
        let answers = OwnAnswers::new(&template.answers, &mut mistakes);
        let mistakes = mistakes.into_all();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            template: template.clone(),
            families,
            tolerance,
            resends,
            answers,
        })
    }

    /// The first family whose signature header is in the request; else the first family.
    pub(super) fn family(&self, headers: &HeaderMap) -> &HeaderFamily {
        self.families
            .iter()
            .find(|family| headers.contains_key(&family.signature_header))
            .unwrap_or(&self.families[0])
    }

    /// The family in which requests are signed.
    pub(super) fn first_family(&self) -> &HeaderFamily {
        &self.families[0]
    }

    /// The name of the timestamp's pair in the signature header, if it stands there.
    pub(super) fn timestamp_pair(&self) -> Option<&str> {
        self.template.timestamp.as_ref()?.pair.as_deref()
    }

    /// The unit of the timestamp.
    pub(super) fn unit(&self) -> TimeUnit {
        let form = self.template.timestamp.as_ref();
        form.map_or_else(TimeUnit::default, |form| form.unit)
    }

    /// Whether a timestamp is signed.
    pub(super) fn signs_time(&self) -> bool {
        self.template.timestamp.is_some()
    }

    /// Whether the URL is signed.
    pub(super) fn signs_url(&self) -> bool {
        self.families[0].signed.contains(&SignedPart::Url)
    }

    /// The challenges of the provider.
    pub(super) fn challenges(&self) -> &[ChallengeForm] {
        &self.template.challenges
    }

    /// The answer to a request with this outcome.
    pub(super) fn answer(&self, outcome: RequestOutcome) -> Answer {
        self.answers.answer(outcome)
    }

    /// The weaknesses of the scheme, for an operator.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.template.algorithm.sends_secret() {
            found.push(warnings::SECRET_IN_REQUEST.to_owned());
        }
        if !self.signs_time() {
            found.push(warnings::NO_TIMESTAMP.to_owned());
        }
        let family = self.first_family();
        found.extend(family.fields.warnings(&family.signed));
        found
    }
}

fn resends(template: &Template, mistakes: &mut Mistakes) -> Duration {
    let Some(text) = &template.resends_for else {
        return RESENDS_FOR;
    };
    let length = parse_duration(text).filter(|length| !length.is_zero() && *length <= RESENDS_FOR);
    length.unwrap_or_else(|| {
        let message = format!("`{text}` is no length of time up to 35 days, such as `72h` or `3d`");
        mistakes.add("resends_for", message);
        RESENDS_FOR
    })
}

fn tolerance(form: &TimestampForm, mistakes: &mut Mistakes) -> Tolerance {
    let mut read = |key: &str, text: &Option<String>, default: Duration| {
        let Some(text) = text else {
            return default;
        };
        let length = parse_duration(text).filter(|length| !length.is_zero());
        length.unwrap_or_else(|| {
            let message = format!("`{text}` is no length of time such as `300s` or `5m`");
            mistakes.add(key, message);
            default
        })
    };
    let past = read("timestamp.tolerance", &form.tolerance, DEFAULT_TOLERANCE);
    let future = read("timestamp.future", &form.future, past);
    Tolerance { past, future }
}
