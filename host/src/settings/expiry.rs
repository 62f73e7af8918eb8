//! Which secrets and certificates have expired, and which expire soon.

use std::time::Duration;

use tollgate_base::quantity::show_duration;
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;
use tollgate_scheme::SourceSecret;

use super::manifest::Manifest;
use super::source::Source;
use crate::certificates::{Certificate, CertificateState};

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
    /// Warnings for the operator about secrets and certificates that, at `now`, are not in force or
    /// expire soon.
    pub fn expiry_warnings(&self, now: WallTime) -> Vec<String> {
        let certificates = self.tls.iter().flat_map(|tls| &tls.certificates);
        let certificates = certificates.filter_map(|file| {
            let warning = certificate_warning(&file.certificate, now)?;
            Some(format!("{}: {warning}", file.path.display()))
        });
        let sources = self.sources.values();
        let secrets = sources.flat_map(|source| source_warnings(source, now));
        certificates.chain(secrets).collect()
    }
}

/// The warning about a certificate that, at `now`, is not in force or expires soon.
pub(crate) fn certificate_warning(certificate: &Certificate, now: WallTime) -> Option<String> {
    let name = certificate.name();
    let (from, until) = (certificate.not_before(), certificate.not_after());
    let (what, at, help) = match certificate.state(now) {
        CertificateState::InForce => return None,
        CertificateState::ExpiresSoon => ("expires in", until, "renew the certificate"),
        CertificateState::Expired => ("has been expired for", until, "peers refuse it; renew it"),
        CertificateState::NotYetValid => (
            "is in force only in",
            from,
            "peers refuse it; check the time of this machine",
        ),
    };
    let distance = distance(at, now);
    let at = rfc3339::format(at);
    Some(format!(
        "the certificate for {name} {what} {distance} ({at}): {help}"
    ))
}

/// The time between two moments, in whole minutes.
fn distance(at: WallTime, now: WallTime) -> String {
    let minutes = at.since(now).max(now.since(at)).as_secs() / 60;
    show_duration(Duration::from_secs(minutes * 60))
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
    let distance = distance(expires, now);
    match state {
        SecretState::InForce => None,
        SecretState::ExpiresSoon => Some(format!("expires in {distance} ({at})")),
        SecretState::Expired => Some(format!(
            "expired {distance} ago ({at}): remove the secret when `tollgate status` shows that \
             no request uses it"
        )),
    }
}
