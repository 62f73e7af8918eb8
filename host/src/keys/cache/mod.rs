//! A cache of the keys that requests name and that are fetched from providers.
//!
//! Anybody can send a request that names a key, so the cache limits the fetches that requests
//! cause. All requests that need the same key wait for the same fetch. After a failure the cache
//! waits before it fetches the key again, longer after each failure in a row. Each source may
//! fetch only a few unknown keys a minute; a refresh of a known key does not count. Keys belong
//! to the settings of their source: a change of the settings empties the cache of the source.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use super::fetching::{FetchError, FetchKeys};
use crate::settings::Source;
use tollgate_base::event::SourceName;
use tollgate_base::secret::equal;
use tollgate_base::time::{Clock, WallTime};
use tollgate_scheme::{CertificateTrust, FetchedKey, KeyError, KeyRequest, Visit, with_issuer};

/// The age at which a key is fetched again: its provider may have revoked the key.
const FRESH: Duration = Duration::from_secs(12 * 3600);
/// The age up to which a key is used if it cannot be fetched again.
const USABLE: Duration = Duration::from_secs(7 * 86_400);
/// The wait after the first failed fetch of a key. Each further failure in a row makes the wait
/// four times as long, up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_secs(2);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// The age at which a failure is forgotten.
const FAILURE: Duration = BACKOFF_MAX.saturating_mul(2);
/// The most unknown keys that one source fetches within [`WINDOW`].
const PER_WINDOW: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// The most keys of one source in the cache. Providers use a few keys at a time.
const KEYS: usize = 64;
/// How long a request waits for a fetch. Providers wait at least five seconds for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

/// The outcome of a fetch, for all that wait for it.
type Outcome = Result<Arc<FetchedKey>, KeyUnavailable>;

/// Why there is no key for a request now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyUnavailable {
    /// The provider gave no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The answer lacks the certificate of its issuer, and the certificate cannot be fetched.
    #[error("{why} ({url}: {error})")]
    Issuer {
        /// Why the answer needs the certificate.
        why: String,
        /// The URL of the certificate.
        url: String,
        /// Why the certificate cannot be fetched.
        error: FetchError,
    },
    /// The answer holds no key that the scheme trusts.
    #[error("{0}")]
    Untrusted(Arc<KeyError>),
    /// The scheme makes no request for this key from the source's settings.
    #[error("the source cannot ask for the key now")]
    NoRequest,
    /// The source has fetched [`PER_WINDOW`] unknown keys within [`WINDOW`], or has [`KEYS`].
    #[error("too many unknown keys are asked for")]
    TooMany,
    /// The fetch goes on, but the request waits no longer.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The task that fetched the key has panicked.
    #[error("the fetch ended without an outcome")]
    Aborted,
}

/// The keys of all sources.
pub(crate) struct KeyCache {
    fetch: Arc<dyn FetchKeys>,
    trust: CertificateTrust,
    clock: Arc<dyn Clock>,
    sources: Mutex<HashMap<SourceName, SourceKeys>>,
}

/// The keys of one source.
struct SourceKeys {
    /// The source of the latest request.
    source: Arc<Source>,
    keys: HashMap<String, Entry>,
    /// Start of the present [`WINDOW`].
    window: WallTime,
    /// Unknown keys fetched since the start of the window.
    fetched: u32,
}

/// A key name with its key, its failure, or the fetch under way.
#[derive(Default)]
struct Entry {
    /// The key and the time at which it was fetched.
    key: Option<(Arc<FetchedKey>, WallTime)>,
    failure: Option<Failure>,
    /// The fetch under way, if there is one.
    fetching: Option<watch::Receiver<Option<Outcome>>>,
}

/// The latest failed fetch of a key.
struct Failure {
    why: KeyUnavailable,
    at: WallTime,
    /// Failures in a row.
    times: u32,
}

/// The result of looking a key up.
enum Lookup {
    /// The cache has the key.
    Found(Arc<FetchedKey>),
    /// A fetch is under way.
    Fetching(watch::Receiver<Option<Outcome>>),
    /// The key may not be fetched now.
    Unavailable(KeyUnavailable),
}

impl KeyCache {
    /// An empty cache. Certificates in answers are checked against `trust`.
    pub(crate) fn new(
        fetch: Arc<dyn FetchKeys>,
        trust: CertificateTrust,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            fetch,
            trust,
            clock,
            sources: Mutex::default(),
        })
    }

    /// The source's key of this name, from the cache or from the provider. The fetch goes on if
    /// the caller drops the future.
    pub(crate) async fn key(self: &Arc<Self>, source: &Arc<Source>, id: &str) -> Outcome {
        let mut fetching = match self.look_up(source, id) {
            Lookup::Found(key) => return Ok(key),
            Lookup::Unavailable(why) => return Err(why),
            Lookup::Fetching(fetching) => fetching,
        };
        let done = timeout(REQUEST_TIMEOUT, fetching.wait_for(Option::is_some)).await;
        match done {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or(Err(KeyUnavailable::Aborted)),
            Ok(Err(_)) => Err(KeyUnavailable::Aborted),
            Err(_) => Err(KeyUnavailable::Timeout(REQUEST_TIMEOUT)),
        }
    }

    /// Visits a URL of the source's provider. Counts as the fetch of an unknown key.
    pub(crate) async fn visit(
        &self,
        source: &Arc<Source>,
        visit: Visit,
    ) -> Result<(), KeyUnavailable> {
        let admitted = {
            let mut sources = self.sources.lock();
            keys_of(&mut sources, source).admit(&visit.url, self.clock.now())
        };
        if !admitted {
            return Err(KeyUnavailable::TooMany);
        }
        match timeout(REQUEST_TIMEOUT, self.fetch.fetch(visit.into())).await {
            Ok(answer) => Ok(answer.map(|_| ())?),
            Err(_) => Err(KeyUnavailable::Timeout(REQUEST_TIMEOUT)),
        }
    }

    fn look_up(self: &Arc<Self>, source: &Arc<Source>, id: &str) -> Lookup {
        let now = self.clock.now();
        let mut sources = self.sources.lock();
        let known = keys_of(&mut sources, source);
        known.forget(now);
        if let Some(entry) = known.keys.get_mut(id) {
            if let Some((key, fetched)) = entry.key.clone() {
                // A stale key is used while it is fetched again.
                if now.since(fetched) >= FRESH && entry.may_fetch(now) {
                    entry.fetching = Some(self.start(source, id, now));
                }
                return Lookup::Found(key);
            }
            if let Some(fetching) = &entry.fetching {
                return Lookup::Fetching(fetching.clone());
            }
            if let Some(failure) = &entry.failure
                && !entry.may_fetch(now)
            {
                return Lookup::Unavailable(failure.why.clone());
            }
        }
        if !known.admit(id, now) {
            return Lookup::Unavailable(KeyUnavailable::TooMany);
        }
        let fetching = self.start(source, id, now);
        known.keys.entry(id.to_owned()).or_default().fetching = Some(fetching.clone());
        Lookup::Fetching(fetching)
    }

    /// Starts a task that fetches a key. Returns the channel that gets the outcome.
    fn start(
        self: &Arc<Self>,
        source: &Arc<Source>,
        id: &str,
        now: WallTime,
    ) -> watch::Receiver<Option<Outcome>> {
        let (done, fetching) = watch::channel(None);
        let (cache, source, id) = (self.clone(), source.clone(), id.to_owned());
        let request = source.verifier.key_request(&id, now);
        tokio::spawn(async move {
            let outcome = cache.fetch(&source, &id, request).await;
            if let Err(why) = &outcome {
                tracing::warn!(
                    source = source.name.as_str(),
                    key = id,
                    %why,
                    "cannot fetch a key"
                );
            }
            cache.store(&source, &id, &outcome);
            done.send_replace(Some(outcome));
        });
        fetching
    }

    async fn fetch(&self, source: &Source, id: &str, request: Option<KeyRequest>) -> Outcome {
        let request = request.ok_or(KeyUnavailable::NoRequest)?;
        let answer = self.fetch.fetch(request).await?;
        let read = |answer: &[u8]| {
            let now = self.clock.now();
            source.verifier.read_key(id, answer, &self.trust, now)
        };
        let key = match read(&answer) {
            Err(KeyError::IssuerNeeded { request, why }) => {
                let url = request.url.clone();
                let issuer = self.fetch.fetch(request).await;
                let why = why.to_string();
                let issuer = issuer.map_err(|error| KeyUnavailable::Issuer { why, url, error })?;
                read(&with_issuer(&answer, &issuer))
            }
            read => read,
        };
        key.map(Arc::new)
            .map_err(|error| KeyUnavailable::Untrusted(Arc::new(error)))
    }

    /// Stores the outcome of a fetch, unless the source has got other settings meanwhile.
    fn store(&self, source: &Source, id: &str, outcome: &Outcome) {
        let now = self.clock.now();
        let mut sources = self.sources.lock();
        let Some(known) = sources.get_mut(&source.name) else {
            return;
        };
        if !same_settings(&known.source, source) {
            return;
        }
        let entry = known.keys.entry(id.to_owned()).or_default();
        entry.fetching = None;
        match outcome {
            Ok(key) => (entry.key, entry.failure) = (Some((key.clone(), now)), None),
            Err(why) => {
                let before = entry.failure.as_ref().map_or(0, |failure| failure.times);
                entry.failure = Some(Failure {
                    why: why.clone(),
                    at: now,
                    times: before.saturating_add(1),
                });
            }
        }
    }
}

/// The cached keys of a source. Keys that were fetched under other settings are dropped.
fn keys_of<'s>(
    sources: &'s mut HashMap<SourceName, SourceKeys>,
    source: &Arc<Source>,
) -> &'s mut SourceKeys {
    let known = sources
        .entry(source.name.clone())
        .or_insert_with(|| SourceKeys {
            source: source.clone(),
            keys: HashMap::new(),
            window: WallTime::EPOCH,
            fetched: 0,
        });
    if !Arc::ptr_eq(&known.source, source) {
        if !same_settings(&known.source, source) {
            known.keys.clear();
        }
        known.source = source.clone();
    }
    known
}

/// Whether two sources fetch the same keys and trust the same answers.
fn same_settings(one: &Source, other: &Source) -> bool {
    let (ours, theirs) = (&one.settings, &other.settings);
    one.verifier.scheme() == other.verifier.scheme()
        && ours.params == theirs.params
        && ours.secrets.len() == theirs.secrets.len()
        && ours
            .secrets
            .iter()
            .zip(&theirs.secrets)
            .all(|(a, b)| a.expires == b.expires && equal(a.secret.expose(), b.secret.expose()))
}

impl SourceKeys {
    /// Drops keys and failures that are too old.
    fn forget(&mut self, now: WallTime) {
        self.keys.retain(|_, entry| {
            if entry
                .key
                .as_ref()
                .is_some_and(|(_, at)| now.since(*at) >= USABLE)
            {
                entry.key = None;
            }
            let recent = |failure: &Failure| failure.at <= now && now.since(failure.at) < FAILURE;
            let failed = entry.failure.as_ref().is_some_and(recent);
            entry.key.is_some() || entry.fetching.is_some() || failed
        });
    }

    /// Whether an unknown key may be fetched. Counts the fetch if it may.
    fn admit(&mut self, id: &str, now: WallTime) -> bool {
        if now.since(self.window) >= WINDOW || now < self.window {
            (self.window, self.fetched) = (now, 0);
        }
        let full = self.keys.len() >= KEYS && !self.keys.contains_key(id);
        if self.fetched >= PER_WINDOW || full {
            return false;
        }
        self.fetched += 1;
        true
    }
}

impl Entry {
    /// Whether no fetch is under way and the backoff after the latest failure is over.
    fn may_fetch(&self, now: WallTime) -> bool {
        let waits =
            |failure: &Failure| failure.at <= now && now.since(failure.at) < failure.backoff();
        self.fetching.is_none() && !self.failure.as_ref().is_some_and(waits)
    }
}

impl Failure {
    fn backoff(&self) -> Duration {
        let factor = 4_u32.saturating_pow(self.times.saturating_sub(1));
        BACKOFF.saturating_mul(factor).min(BACKOFF_MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
