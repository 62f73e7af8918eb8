//! The settings of a source that its scheme reads, and mistakes in them.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// A secret of a source.
#[derive(Clone, Debug)]
pub struct SourceSecret {
    /// The secret.
    pub secret: Secret,
    /// The time at which the secret expires. `None` if it never expires.
    pub expires: Option<WallTime>,
}

impl From<Secret> for SourceSecret {
    /// A secret that never expires.
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            expires: None,
        }
    }
}

/// The settings of a source that its scheme reads.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The secrets. One valid secret is enough, so that secrets can be rotated.
    pub secrets: Vec<SourceSecret>,
    /// How far a signed timestamp may lie in the past or future. `None` for the scheme's own
    /// tolerance.
    pub tolerance: Option<Duration>,
    /// The URL as the provider knows it, for schemes that sign the URL.
    pub url: Option<String>,
    /// Further settings, such as `webhook_id`.
    pub params: BTreeMap<String, String>,
}

/// The setting with a mistake. The manifest points at its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `scheme`
    Scheme,
    /// `secrets`, with the index of the secret, or 0 if there is no secret.
    Secret(usize),
    /// `tolerance`
    Tolerance,
    /// `url`
    Url,
    /// A further setting.
    Param(String),
}

/// A mistake in the settings of a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BuildError {
    /// The setting.
    pub setting: Setting,
    /// The mistake, and what to write instead. Never a secret.
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
