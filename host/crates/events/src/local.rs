//! Sources for tests, and the events that the gateway records.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use tollgate_scheme::{
    BuildError, InvalidKey, ProviderEvent, Rejection, Settings, SignError, SignedRequest,
    StandInKey, UnsignedRequest, Verifier, build,
};

use crate::catalog::{self, NameError};
use crate::key::{KeyError, KeyKind, LocalKey};
use crate::story::{SampleError, Story};

/// Why an event cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The event cannot be made.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The settings of the scheme are wrong. A test shows that none are.
    #[error("{}", .0.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; "))]
    Settings(Vec<BuildError>),
    /// There is no key pair.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The private key cannot be read.
    #[error("the private key {0}")]
    InvalidKey(InvalidKey),
    /// The scheme cannot sign the event.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The gateway refuses the event. A test shows that it takes every event of the catalog.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The request has no event.
    #[error("the request has no event")]
    Empty,
}

impl From<NameError> for LocalError {
    fn from(error: NameError) -> Self {
        Self::Sample(error.into())
    }
}

/// A new key pair that stands in for the provider's of this scheme. `None` if the scheme signs with
/// a secret that is shared, or not at all.
pub fn new_key(scheme: &str) -> Result<Option<LocalKey>, LocalError> {
    let file = catalog::file(scheme).ok_or_else(|| NameError::scheme(scheme))?;
    let made = file.settings.key.map(LocalKey::generate);
    Ok(made.transpose()?)
}

/// A secret in the form that the scheme wants, and worth nothing. `None` if the scheme has no
/// shared secret.
pub fn secret_example(scheme: &str) -> Option<&'static str> {
    let secrets = &catalog::file(scheme)?.settings.secrets;
    secrets.first().map(String::as_str)
}

/// A source for tests: its secrets are worth nothing.
pub struct LocalSource {
    /// The verifier of the source.
    pub verifier: Verifier,
    /// The key that stands in for the provider's, if the provider signs with a private key.
    pub key: Option<StandInKey>,
}

impl LocalSource {
    /// A source of this scheme.
    pub fn new(scheme: &str) -> Result<Self, LocalError> {
        let file = catalog::file(scheme).ok_or_else(|| NameError::scheme(scheme))?;
        Self::with_secrets(scheme, &file.settings.secrets)
    }

    /// A source of this scheme with these secrets, for a scheme whose secrets are shared.
    pub fn with_secrets(scheme: &str, secrets: &[String]) -> Result<Self, LocalError> {
        let file = catalog::file(scheme).ok_or_else(|| NameError::scheme(scheme))?;
        let data = &file.settings;
        let key = data.key.map(key_of_process).transpose()?;
        let secrets = key.iter().map(|key| &key.secret).chain(secrets);
        let secret = |text: &String| Secret::new(text.as_bytes()).into();
        let settings = Settings {
            secrets: secrets.map(secret).collect(),
            url: data.url.clone(),
            params: data.params.clone(),
            ..Settings::default()
        };
        let key = key.map(|key| StandInKey::read(key.private.as_bytes()));
        let key = key.transpose().map_err(LocalError::InvalidKey)?;
        Ok(Self {
            verifier: build(scheme, settings).map_err(LocalError::Settings)?,
            key,
        })
    }

    /// The request, signed as the provider signs it.
    pub fn sign(
        &self,
        unsigned: UnsignedRequest,
        now: WallTime,
    ) -> Result<SignedRequest, SignError> {
        match &self.key {
            Some(key) => self.verifier.sign_with_key(key, unsigned, now),
            None => self.verifier.sign(0, unsigned, now),
        }
    }
}

/// The key pair of this kind that this process uses. To make one takes a while.
fn key_of_process(kind: KeyKind) -> Result<LocalKey, KeyError> {
    static KEYS: LazyLock<Mutex<BTreeMap<KeyKind, LocalKey>>> = LazyLock::new(Mutex::default);
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(key) = keys.get(&kind) {
        return Ok(key.clone());
    }
    let key = LocalKey::generate(kind)?;
    keys.insert(kind, key.clone());
    Ok(key)
}

/// An event as the gateway would record it from a source of this scheme: type, id, subject,
/// account, time, headers and the exact payload that a handler gets. The same arguments give the
/// same event.
pub fn recorded(
    scheme: &str,
    name: &str,
    seed: u64,
    now: WallTime,
) -> Result<ProviderEvent, LocalError> {
    let sample = Story::new(scheme, seed)?.tell(name, now, &[])?;
    let source = LocalSource::new(scheme)?;
    let signed = source.sign(sample.unsigned(), now)?;
    let accepted = source.verifier.verify_signed(&signed, "/hook", now)?;
    let mut events = accepted.events.into_inner().into_iter();
    events.next().ok_or(LocalError::Empty)
}
