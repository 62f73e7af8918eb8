//! Whether an event is of live mode or of test mode.

use serde::Deserialize;

use super::field::{Field, FieldInputs, Selectors};

/// Where an event says whether it is of live mode or of test mode.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveMode {
    /// The place of the flag.
    pub at: Selectors,
    /// The flag's texts in live mode, in any case. Default `true`.
    #[serde(default = "default_live")]
    pub live: Vec<String>,
    /// The flag's texts in test mode, in any case. Default `false`.
    #[serde(default = "default_test")]
    pub test: Vec<String>,
}

pub(super) fn default_live() -> Vec<String> {
    vec!["true".to_owned()]
}

pub(super) fn default_test() -> Vec<String> {
    vec!["false".to_owned()]
}

impl LiveMode {
    /// A flag with the default texts.
    pub fn flag(at: Selectors) -> Self {
        Self {
            at,
            live: default_live(),
            test: default_test(),
        }
    }
}

/// The flag, ready to be looked up.
#[derive(Clone, Debug)]
pub(super) struct Mode {
    at: Field,
    live: Vec<String>,
    test: Vec<String>,
}

impl Mode {
    pub(super) fn new(form: &LiveMode, at: Field) -> Self {
        Self {
            at,
            live: form.live.clone(),
            test: form.test.clone(),
        }
    }

    /// The field with the flag.
    pub(super) fn field(&self) -> &Field {
        &self.at
    }

    /// Whether the event is of live mode. `None` if the event does not say.
    pub(super) fn is_live(&self, inputs: FieldInputs<'_>) -> Option<bool> {
        let text = self.at.text(inputs)?;
        let is_one = |texts: &[String]| texts.iter().any(|one| one.eq_ignore_ascii_case(&text));
        match (is_one(&self.live), is_one(&self.test)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }
}
