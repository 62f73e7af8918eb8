//! Which secrets have expired, and which soon will.

use std::time::Duration;

use super::quantity::show_duration;
use crate::settings::{Manifest, Source};
use tollgate_base::rfc3339;
use tollgate_base::time::WallTime;
use tollgate_scheme::SourceSecret;

/// How long before its end a secret is warned of: time enough for somebody to read it.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// How a secret stands at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretState {
    /// It counts, and does not end soon.
    InForce,
    /// It counts for less than a week more.
    ExpiresSoon,
    /// It counts no more.
    Expired,
}

impl SecretState {
    /// How this secret stands at `now`.
    pub fn of(secret: &SourceSecret, now: WallTime) -> Self {
        match secret.expires {
            Some(expires) if expires <= now => Self::Expired,
            Some(expires) if expires.since(now) <= SOON => Self::ExpiresSoon,
            _ => Self::InForce,
        }
    }

    /// The name in status.
    pub fn name(self) -> &'static str {
        match self {
            Self::InForce => "in force",
            Self::ExpiresSoon => "expires soon",
            Self::Expired => "expired",
        }
    }
}

impl Manifest {
    /// What an operator should know at `now` about secrets that end.
    pub fn expiry_warnings(&self, now: WallTime) -> Vec<String> {
        let sources = self.sources.values();
        sources.flat_map(|source| warnings(source, now)).collect()
    }
}

fn warnings(source: &Source, now: WallTime) -> Vec<String> {
    let secrets = &source.settings.secrets;
    let state = |secret| SecretState::of(secret, now);
    let mut warnings: Vec<String> = (1..)
        .zip(secrets)
        .filter_map(|(number, secret)| {
            let said = ending(secret.expires?, state(secret), now)?;
            Some(format!(
                "source `{}`: secret {number} {said}",
                source.name.as_str()
            ))
        })
        .collect();
    let none_left = secrets
        .iter()
        .all(|secret| state(secret) == SecretState::Expired);
    if none_left && !secrets.is_empty() {
        warnings.push(format!(
            "source `{}`: every secret has expired, so that it refuses every request",
            source.name.as_str()
        ));
    }
    warnings
}

/// What to say of a secret that ends.
fn ending(expires: WallTime, state: SecretState, now: WallTime) -> Option<String> {
    let at = rfc3339::format(expires);
    let minutes = expires.since(now).max(now.since(expires)).as_secs() / 60;
    let distance = show_duration(Duration::from_secs(minutes * 60));
    match state {
        SecretState::InForce => None,
        SecretState::ExpiresSoon => Some(format!("expires in {distance} ({at})")),
        SecretState::Expired => Some(format!(
            "expired {distance} ago ({at}): leave it out once `tollgate status` shows that \
             nobody uses it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tollgate_base::rfc3339;

    fn warnings_at(secrets: &str, now: &str) -> Vec<String> {
        let text = format!(
            "version = 1\n[sources.shop]\npath = \"/x\"\nscheme = \"stripe\"\nsecrets = [{secrets}]\n"
        );
        let read = super::super::parse(&text, Path::new("t.toml"), &|_| None);
        let now = rfc3339::parse(now).expect("a date");
        read.expect("a sound manifest").expiry_warnings(now)
    }

    #[test]
    fn secrets_are_warned_of_before_and_after_their_end() {
        const OLD: &str = "\"new\", { value = \"old\", expires = \"2026-12-01T00:00:00Z\" }";
        let none: [&str; 0] = [];
        assert_eq!(warnings_at(OLD, "2026-11-01T00:00:00Z"), none);
        assert_eq!(warnings_at(OLD, "2026-11-23T23:59:59Z"), none);
        assert_eq!(
            warnings_at(OLD, "2026-11-29T18:30:00Z"),
            ["source `shop`: secret 2 expires in 1d5h30m (2026-12-01T00:00:00Z)"]
        );
        let after = warnings_at(OLD, "2026-12-01T00:00:00Z");
        assert_eq!(after.len(), 1);
        assert!(
            after[0].starts_with("source `shop`: secret 2 expired 0s ago (2026-12-01T00:00:00Z)"),
            "{after:?}"
        );
        assert_eq!(warnings_at("\"only\"", "2999-01-01T00:00:00Z"), none);
    }

    #[test]
    fn a_source_without_a_secret_that_counts_is_warned_of() {
        const LAST: &str = "{ value = \"old\", expires = \"2026-12-01T00:00:00Z\" }";
        let said = warnings_at(LAST, "2027-01-01T00:00:00Z");
        assert_eq!(said.len(), 2);
        assert!(said[1].contains("every secret has expired"), "{said:?}");
    }
}
