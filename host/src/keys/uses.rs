//! Counts how often each secret of a source has matched, so that operators see when a rotation
//! is complete.
//!
//! A count belongs to the secret and not to its place in the manifest. So a reload that puts a new
//! secret in front of the old secret does not mix up their counts.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::SecretState;
use crate::settings::Source;
use tollgate_base::event::SourceName;
use tollgate_base::rfc3339;
use tollgate_base::secret::{Secret, equal};
use tollgate_base::time::WallTime;

/// The most secrets that are counted for one source: more than anybody rotates through before a
/// restart. One more replaces the least recently used secret.
const SECRETS: usize = 32;

/// The uses of secrets since the start, by source.
#[derive(Debug, Default)]
pub(crate) struct SecretUses(Mutex<HashMap<SourceName, Vec<Use>>>);

#[derive(Debug)]
struct Use {
    secret: Secret,
    matched: u64,
    last: WallTime,
}

impl SecretUses {
    /// Counts a request whose signature matched the secret with this index.
    pub(crate) fn count(&self, source: &Source, index: usize, now: WallTime) {
        let Some(given) = source.settings.secrets.get(index) else {
            return;
        };
        let mut all = self.0.lock();
        let Some(uses) = all.get_mut(&source.name) else {
            let first = Use::first(&given.secret, now);
            all.insert(source.name.clone(), vec![first]);
            return;
        };
        let known = uses
            .iter_mut()
            .find(|one| equal(one.secret.expose(), given.secret.expose()));
        if let Some(known) = known {
            known.matched += 1;
            known.last = known.last.max(now);
            return;
        }
        if uses.len() >= SECRETS {
            let oldest = (0..uses.len()).min_by_key(|at| uses[*at].last);
            uses.swap_remove(oldest.unwrap_or(0));
        }
        uses.push(Use::first(&given.secret, now));
    }

    /// The number of matches of each secret of the source, in the manifest's order.
    pub(crate) fn matched(&self, source: &Source) -> Vec<u64> {
        let all = self.0.lock();
        let uses = all.get(&source.name).map_or(&[][..], Vec::as_slice);
        let secrets = source.settings.secrets.iter();
        secrets
            .map(|given| used(uses, &given.secret).map_or(0, |used| used.matched))
            .collect()
    }

    /// The source's secrets with their uses, in the order of the manifest.
    pub(crate) fn views(&self, source: &Source, now: WallTime) -> Vec<SecretView> {
        let all = self.0.lock();
        let uses = all.get(&source.name).map_or(&[][..], Vec::as_slice);
        let shown = (1..).zip(&source.settings.secrets).map(|(number, given)| {
            let used = used(uses, &given.secret);
            SecretView {
                number,
                state: SecretState::of(given, now).name(),
                expires: given.expires.map(rfc3339::format),
                matched: used.map_or(0, |used| used.matched),
                last_matched: used.map(|used| rfc3339::format(used.last)),
            }
        });
        shown.collect()
    }
}

/// The uses of a secret.
fn used<'u>(uses: &'u [Use], secret: &Secret) -> Option<&'u Use> {
    let mut uses = uses.iter();
    uses.find(|one| equal(one.secret.expose(), secret.expose()))
}

/// A secret of a source, and its uses since the start. The secret itself is never shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// The place of the secret in the manifest, from 1.
    pub(crate) number: u32,
    /// `in force`, `expires soon` (within a week) or `expired`.
    state: &'static str,
    /// From when the secret no longer counts, by RFC 3339.
    expires: Option<String>,
    /// How many requests were signed with it.
    matched: u64,
    /// When the last of them came, by RFC 3339.
    last_matched: Option<String>,
}

impl Use {
    fn first(secret: &Secret, now: WallTime) -> Self {
        Self {
            secret: secret.clone(),
            matched: 1,
            last: now,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::manifest;

    fn source(secrets: &str) -> std::sync::Arc<Source> {
        let text = format!(
            "version = 1\n[sources.shop]\npath = \"/x\"\nscheme = \"stripe\"\nsecrets = [{secrets}]\n"
        );
        let read = manifest::parse(&text, "t.toml".as_ref(), &|_| None).unwrap();
        read.sources.values().next().unwrap().clone()
    }

    #[test]
    fn counts_follow_the_secret_through_a_rotation() {
        let uses = SecretUses::default();
        let before = source("\"hunter_old\"");
        let at = WallTime::from_millis;
        uses.count(&before, 0, at(1000));
        uses.count(&before, 0, at(2000));
        let during = source(
            "\"hunter_new\", { value = \"hunter_old\", expires = \"1970-01-01T00:01:00Z\" }",
        );
        let matched = |source: &Source, now, number: usize| {
            let shown = json!(uses.views(source, at(now)));
            assert!(!format!("{shown} {uses:?}").contains("hunter"), "{shown}");
            let one = &shown[number - 1];
            (
                one["matched"].as_u64().unwrap(),
                one["state"].as_str().unwrap().to_owned(),
            )
        };
        assert_eq!(matched(&during, 3000, 1), (0, "in force".to_owned()));
        assert_eq!(matched(&during, 3000, 2), (2, "expires soon".to_owned()));
        uses.count(&during, 1, at(3000));
        uses.count(&during, 0, at(4000));
        assert_eq!(matched(&during, 60_000, 1), (1, "in force".to_owned()));
        assert_eq!(matched(&during, 60_000, 2), (3, "expired".to_owned()));
        let shown = json!(uses.views(&during, WallTime::EPOCH));
        assert_eq!(shown[1]["expires"], "1970-01-01T00:01:00Z");
        assert_eq!(shown[1]["last_matched"], "1970-01-01T00:00:03Z");
        assert_eq!(shown[0]["expires"], Value::Null);
        // A request that began before the reload.
        uses.count(&before, 0, at(5000));
        assert_eq!(matched(&during, 0, 2).0, 4);
        uses.count(&during, 7, at(5000));
    }

    #[test]
    fn only_so_many_secrets_are_kept_in_mind() {
        let uses = SecretUses::default();
        for n in 0..1000 {
            uses.count(&source(&format!("\"s{n}\"")), 0, WallTime::from_millis(n));
        }
        assert_eq!(uses.0.lock().values().map(Vec::len).sum::<usize>(), SECRETS);
        assert_eq!(
            uses.views(&source("\"s999\""), WallTime::EPOCH)[0].matched,
            1
        );
        assert_eq!(uses.views(&source("\"s0\""), WallTime::EPOCH)[0].matched, 0);
    }
}
