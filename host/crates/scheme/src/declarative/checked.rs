//! A template without mistakes, ready to verify requests.

use std::time::Duration;

use http::HeaderMap;

use super::answers::OwnAnswers;
use super::challenge::ChallengeForm;
use super::check::{Mistakes, TemplateError};
use super::expect::Expected;
use super::family::{HeaderFamily, Signature};
use super::inside::inside;
use super::keys::AlgorithmPlace;
use super::layout::{check_layout, check_signed};
use super::request_values::RequestValues;
use super::signed::{SignedText, Source};
use super::template::{Template, TimeUnit, TimestampForm};
use crate::answer::{Answer, RequestOutcome};
use crate::tolerance::Tolerance;
use crate::verifier::RESENDS_FOR;
use crate::warnings;
use tollgate_base::json::PointerSet;
use tollgate_base::quantity::parse_duration;

/// The tolerance if neither the template nor the source has one.
const DEFAULT_TOLERANCE: Duration = Duration::from_secs(300);

/// The tolerance of a template whose timestamp is checked only if the source asks for it.
pub(crate) const NO_TOLERANCE: &str = "none";

/// A template without mistakes.
pub(super) struct CheckedTemplate {
    template: Template,
    /// The signatures, each with the headers of each family, in the order of the template.
    families: Vec<HeaderFamily>,
    /// The JSON pointers of signatures, times and signed values.
    pub(super) pointers: PointerSet,
    /// The values that a request must have.
    pub(super) expected: Vec<Expected>,
    /// The place where a request names its algorithm.
    pub(super) algorithm_at: Option<AlgorithmPlace>,
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
        let jws = template.jws.as_ref();
        let inside = jws.map(|form| inside(form, template, &mut mistakes));
        let template = inside.as_ref().unwrap_or(template);
        let no_family = [String::new()];
        let prefixes = match template.families.as_slice() {
            [] => no_family.as_slice(),
            families => families,
        };
        let mut pointers = PointerSet::default();
        let mut families = Vec::new();
        for signature in signatures(template) {
            let found = prefixes.iter().filter_map(|prefix| {
                HeaderFamily::new(template, signature, prefix, &mut pointers, &mut mistakes)
            });
            families.extend(found);
        }
        let expected = Expected::all(template, &mut pointers, &mut mistakes);
        let algorithm_at = AlgorithmPlace::of(template, &mut pointers, &mut mistakes);
        check_layout(template, &mut mistakes);
        check_signed(template, &families, &mut mistakes);
        let timestamp = template.timestamp.as_ref();
        let checked = timestamp.filter(|form| form.tolerance.as_deref() != Some(NO_TOLERANCE));
        let tolerance = checked.map(|form| tolerance(form, &mut mistakes));
        let resends = resends(template, &mut mistakes);
        let answers = OwnAnswers::new(&template.answers, &mut mistakes);
        let mistakes = mistakes.into_all();
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            template: template.clone(),
            families,
            pointers,
            expected,
            algorithm_at,
            tolerance,
            resends,
            answers,
        })
    }

    /// The signatures that a request has, each in the first family whose place is there; without
    /// any, the first family of the first signature.
    pub(super) fn families(&self, values: &RequestValues<'_>) -> Vec<&HeaderFamily> {
        let mut found: Vec<&HeaderFamily> = Vec::new();
        if let [only] = self.families.as_slice() {
            return vec![only];
        }
        for family in self.families.iter().filter(|family| family.is_in(values)) {
            if found.last().is_none_or(|last| last.number != family.number) {
                found.push(family);
            }
        }
        if found.is_empty() {
            found.push(&self.families[0]);
        }
        found
    }

    /// Whether the headers hold a signature.
    pub(super) fn is_signed(&self, headers: &HeaderMap) -> bool {
        let mut families = self.families.iter();
        families.any(|family| family.is_in_headers(headers))
    }

    /// The names of the fields that hold signatures.
    pub(super) fn own_fields(&self) -> Vec<String> {
        let names = self.families.iter().filter_map(HeaderFamily::own_field);
        names.cloned().collect()
    }

    /// The template.
    pub(super) fn template(&self) -> &Template {
        &self.template
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
        self.any_holds(&|source| *source == Source::Url)
    }

    /// Whether the path is signed, which a configured URL may have.
    pub(super) fn signs_path(&self) -> bool {
        self.any_holds(&|source| matches!(source, Source::Path | Source::Target))
    }

    /// The settings of the source that are signed, each with whether every text needs it.
    pub(super) fn params(&self) -> Vec<(String, bool)> {
        let mut found: Vec<(String, bool)> = Vec::new();
        let texts = || self.families.iter().flat_map(|family| &family.signed.0);
        for source in texts().flat_map(SignedText::sources) {
            let Source::Param(name) = source else {
                continue;
            };
            if !found.iter().any(|(known, _)| known == name) {
                found.push((
                    name.clone(),
                    texts().all(|text| text.holds(&|it| it == source)),
                ));
            }
        }
        found
    }

    fn any_holds(&self, wanted: &dyn Fn(&Source) -> bool) -> bool {
        let mut families = self.families.iter();
        families.any(|family| family.signed.any_holds(wanted))
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
        let jws = self.template.jws.as_ref();
        let timed = self.tolerance.is_some() || jws.is_some_and(|form| form.time.is_some());
        if !timed {
            found.push(warnings::NO_TIMESTAMP.to_owned());
        }
        if self.template.unsigned_body {
            found.push(warnings::UNSIGNED_BODY.to_owned());
        }
        let family = self.first_family();
        found.extend(family.fields.warnings(&family.signed));
        found
    }
}

/// The signatures of a template, with what each covers.
fn signatures(template: &Template) -> impl Iterator<Item = Signature<'_>> {
    let first = Signature {
        number: 0,
        form: &template.signature,
        signed: &template.signed,
        once: &template.once,
    };
    let others = (1..).zip(&template.other_signatures);
    let others = others.map(|(number, other)| Signature {
        number,
        form: &other.signature,
        signed: other.signed.as_ref().unwrap_or(&template.signed),
        once: other.once.as_ref().unwrap_or(&template.once),
    });
    std::iter::once(first).chain(others)
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
