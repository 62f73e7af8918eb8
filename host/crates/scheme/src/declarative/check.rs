//! Mistakes in a template.

use std::fmt;

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
