//! Mistakes in a source's settings, each with the setting that it is about.

use super::builtin;
use crate::suggest::nearest;

/// The setting that a mistake is about, so that a manifest can point at its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `scheme`
    Scheme,
    /// `secrets`, with the index of the secret; 0 where there is none.
    Secret(usize),
    /// `tolerance`
    Tolerance,
    /// `url`
    Url,
    /// A setting of the scheme's own.
    Param(String),
}

/// A mistake in a source's settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// Which setting it is about.
    pub setting: Setting,
    /// What is wrong and what to write instead; never a secret.
    pub message: String,
}

impl BuildError {
    pub(super) fn new(setting: Setting, message: impl Into<String>) -> Self {
        Self {
            setting,
            message: message.into(),
        }
    }
}

/// A scheme that nobody has described; with the name that was probably meant.
pub(super) fn unknown_scheme(name: &str) -> BuildError {
    let hint = match nearest(name, builtin::names()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!(
            "the built-in ones are {}",
            builtin::names().collect::<Vec<_>>().join(", ")
        ),
    };
    BuildError::new(
        Setting::Scheme,
        format!("there is no scheme `{name}`: {hint}"),
    )
}
