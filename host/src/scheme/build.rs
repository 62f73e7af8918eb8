//! Mistakes in a source's settings, each with the setting that it is about.

use super::builtin;

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
    let nearest = builtin::names()
        .map(|known| (distance(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().min(name.len()) / 3 + 1);
    let hint = match nearest {
        Some((_, known)) => format!("did you mean `{known}`?"),
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

/// How many letters must be changed to turn one word into the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}
