//! The settings of a source that its scheme reads, and mistakes in them.

use std::collections::BTreeMap;
use std::fmt;
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

/// What a source does with a rightly signed event that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnreadable {
    /// The event is recorded with the type `unreadable`.
    #[default]
    Record,
    /// The request is refused.
    Refuse,
}

/// What tells events apart if their id is not signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DedupChoice {
    /// The id with the bytes: equal bytes under another id are marked and go to handlers.
    #[default]
    Id,
    /// The bytes: while the provider resends, equal bytes under another id are marked, recorded and
    /// go to no handler.
    Bytes,
}

/// The further settings that are secrets. A manifest takes them from the environment or a file, as
/// it does `secrets`.
pub const SECRET_PARAMS: [&str; 1] = ["api_v3_key"];

/// The settings of a source that its scheme reads.
#[derive(Clone, Default)]
pub struct Settings {
    /// The secrets. One valid secret is enough, so that secrets can be rotated.
    pub secrets: Vec<SourceSecret>,
    /// How far a signed timestamp may lie in the past or future. `None` for the scheme's own
    /// tolerance.
    pub tolerance: Option<Duration>,
    /// The URL as the provider knows it, for schemes that sign the URL.
    pub url: Option<String>,
    /// What to do with an event that cannot be read.
    pub on_unreadable: OnUnreadable,
    /// What tells events apart if their id is not signed. `None` for the scheme's own choice.
    pub dedup_by: Option<DedupChoice>,
    /// Whether only events of live mode (true) or of test mode (false) go to handlers. `None` for
    /// both.
    pub livemode: Option<bool>,
    /// Further settings, such as `webhook_id`.
    pub params: BTreeMap<String, String>,
}

impl fmt::Debug for Settings {
    /// Shows the names of further settings alone: some of them are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<_> = self.params.keys().collect();
        f.debug_struct("Settings")
            .field("secrets", &self.secrets)
            .field("tolerance", &self.tolerance)
            .field("url", &self.url)
            .field("on_unreadable", &self.on_unreadable)
            .field("dedup_by", &self.dedup_by)
            .field("livemode", &self.livemode)
            .field("params", &params)
            .finish()
    }
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
    /// `dedup`
    Dedup,
    /// `livemode`
    Livemode,
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
