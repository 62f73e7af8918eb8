//! Which secrets have expired, and which expire soon.

use std::time::Duration;

use tollgate_base::quantity::show_duration;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;
use tollgate_scheme::SourceSecret;

use super::manifest::Manifest;
use super::source::Source;

/// The warning about a secret begins this long before its end: one week, so that somebody has time
/// to read the warning.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// Whether a secret counts at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// The secret counts, and for more than a week yet.
    InForce,
    /// The secret counts for at most one more week.
    ExpiresSoon,
    /// The secret no longer counts.
    Expired,
}

impl SecretState {
    /// The state of this secret at `now`.
    pub fn of(secret: &SourceSecret, now: WallTime) -> Self {
        match secret.expires {
            Some(expires) if expires <= now => Self::Expired,
            Some(expires) if expires.since(now) <= SOON => Self::ExpiresSoon,
            _ => Self::InForce,
        }
    }

    /// The state's name in the gateway's status.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::ExpiresSoon => "expires soon",
            Self::Expired => "expired",
        }
    }
}

impl Manifest {
    /// Warnings for the operator about secrets that, at `now`, have expired or expire soon.
    pub fn expiry_warnings(&self, now: WallTime) -> Vec<String> {
        let sources = self.sources.values();
        sources
            .flat_map(|source| source_warnings(source, now))
            .collect()
    }
}

fn source_warnings(source: &Source, now: WallTime) -> Vec<String> {
    let secrets = &source.settings.secrets;
    let state = |secret| SecretState::of(secret, now);
    let mut warnings: Vec<String> = (1..)
        .zip(secrets)
        .filter_map(|(number, secret)| {
            let warning = secret_warning(secret.expires?, state(secret), now)?;
            Some(format!(
                "source `{}`: secret {number} {warning}",
                source.name.as_str()
            ))
        })
        .collect();
    let all_expired = secrets
        .iter()
        .all(|secret| state(secret) == SecretState::Expired);
    if all_expired && !secrets.is_empty() {
        warnings.push(format!(
            "source `{}`: every secret has expired, so the source refuses every request",
            source.name.as_str()
        ));
    }
    warnings
}

/// The warning about a secret that has an end, without the secret's number.
fn secret_warning(expires: WallTime, state: SecretState, now: WallTime) -> Option<String> {
    let at = rfc3339::format(expires);
    let minutes = expires.since(now).max(now.since(expires)).as_secs() / 60;
    let distance = show_duration(Duration::from_secs(minutes * 60));
    match state {
        SecretState::InForce => None,
        SecretState::ExpiresSoon => Some(format!("expires in {distance} ({at})")),
        SecretState::Expired => Some(format!(
            "expired {distance} ago ({at}): remove the secret when `tollgate status` shows that \
             no request uses it"
        )),
    }
}
