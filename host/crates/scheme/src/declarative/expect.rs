//! Values that a request must have if its source has a setting for them, such as the id of the key
//! that signs.

use super::check::Mistakes;
use super::request_values::{RequestValues, describe, place};
use super::signed::Source;
use super::template::Template;
use crate::rejection::Rejection;
use crate::settings_reader::SettingsReader;
use tollgate_base::json::PointerSet;

/// A place, and the setting that names its values.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    place: Source,
    param: String,
}

/// A place with the values that a source expects there.
#[derive(Clone, Debug)]
pub(super) struct ExpectedValues {
    expected: Expected,
    values: Vec<String>,
}

impl Expected {
    /// The expectations of a template.
    pub(super) fn all(
        template: &Template,
        pointers: &mut PointerSet,
        mistakes: &mut Mistakes,
    ) -> Vec<Self> {
        let mut found = Vec::new();
        for form in &template.expect {
            if form.param.is_empty() {
                mistakes.add(
                    "expect",
                    "say which setting of a source has the value: `param`",
                );
            }
            let place = mistakes.keep("expect", place(&form.at, "", pointers));
            found.extend(place.map(|place| Self {
                place,
                param: form.param.clone(),
            }));
        }
        found
    }

    /// The expectation with the values of a source. `None` if the source has no such setting.
    pub(super) fn with(&self, reader: &mut SettingsReader<'_>) -> Option<ExpectedValues> {
        let text = reader.optional_param(&self.param)?;
        let values = text.split(',').map(|value| value.trim().to_owned());
        let values: Vec<String> = values.filter(|value| !value.is_empty()).collect();
        if values.is_empty() {
            reader.empty_param(&self.param);
        }
        Some(ExpectedValues {
            expected: self.clone(),
            values,
        })
    }
}

impl ExpectedValues {
    /// Refuses a request that has another value.
    pub(super) fn check(&self, request: &RequestValues<'_>) -> Result<(), Rejection> {
        let Expected { place, param } = &self.expected;
        let found = request.one(place)?;
        let is_it = |value: &String| found.as_deref() == Some(value.as_bytes());
        if self.values.iter().any(is_it) {
            return Ok(());
        }
        Err(Rejection::Unexpected {
            place: describe(place),
            setting: param.clone(),
        })
    }
}
