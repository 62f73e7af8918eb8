//! Sources for tests, and the events that the gateway records.

use tollgate_base::secret::Secret;
use tollgate_base::time::WallTime;
use tollgate_scheme::{
    BuildError, ProviderEvent, Rejection, Request, Settings, SignError, Verifier, build,
};

use crate::catalog::{self, NameError};
use crate::story::{SampleError, Story};

/// Why an event cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The event cannot be made.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The settings of the scheme are wrong. A test shows that none are.
    #[error("{0}")]
    Settings(BuildError),
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

/// The settings of a source of this scheme, with secrets for tests alone.
pub fn local_settings(scheme: &str) -> Result<Settings, NameError> {
    let file = catalog::file(scheme).ok_or_else(|| NameError::scheme(scheme))?;
    let secret = |text: &String| Secret::new(text.as_bytes()).into();
    Ok(Settings {
        secrets: file.settings.secrets.iter().map(secret).collect(),
        url: file.settings.url.clone(),
        params: file.settings.params.clone(),
        ..Settings::default()
    })
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
    let settings = local_settings(scheme)?;
    let first = |mut errors: Vec<BuildError>| errors.swap_remove(0);
    let verifier = build(scheme, settings).map_err(|errors| LocalError::Settings(first(errors)))?;
    let signed = verifier.sign(0, sample.unsigned(), now)?;
    verified(&verifier, &signed, now)?
        .into_iter()
        .next()
        .ok_or(LocalError::Empty)
}

/// The events of a signed request, as the gateway reads them.
fn verified(
    verifier: &Verifier,
    signed: &tollgate_scheme::SignedRequest,
    now: WallTime,
) -> Result<Vec<ProviderEvent>, Rejection> {
    let query = signed.query.as_ref().map(|query| format!("?{query}"));
    let request = Request {
        method: &http::Method::POST,
        url: &format!("/hook{}", query.unwrap_or_default()),
        headers: &signed.headers,
        body: &signed.body,
    };
    Ok(verifier.verify(&request, now)?.events.into_inner())
}
