//! What a source's section of the manifest says for its scheme, and mistakes in it, each with
//! the setting that it is about.

use std::collections::BTreeMap;
use std::time::Duration;

use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;

/// One of a source's secrets.
#[derive(Clone, Debug)]
pub struct SourceSecret {
    /// The secret.
    pub secret: Secret,
    /// From when on it counts no more; `None`: it does not end.
    pub expires: Option<WallTime>,
}

impl From<Secret> for SourceSecret {
    /// A secret that does not end.
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            expires: None,
        }
    }
}

/// What a source's section of the manifest says for its scheme.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The secrets; any may match, so that they can be rotated.
    pub secrets: Vec<SourceSecret>,
    /// How far a signed timestamp may lie back or ahead; `None`: the scheme's own.
    pub tolerance: Option<Duration>,
    /// The URL as the provider knows it, for schemes that sign it.
    pub url: Option<String>,
    /// Settings of the scheme's own, such as `webhook_id`.
    pub params: BTreeMap<String, String>,
}

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
