//! Keys that requests name and that are fetched from their provider, kept for a time.
//!
//! Anybody can send a request that names a key, so what one may make the gateway do is
//! bounded: each key is fetched once however many wait for it, one that could not be fetched
//! is not asked for again for a while, longer each time, and a source asks for so many unknown
//! ones a minute at most. Keys that were fetched once are fetched afresh by themselves and do not
//! count. Keys belong to the source's settings: with other ones they are asked for anew.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::settings::Source;
use tollgate_base::event::SourceName;
use tollgate_base::secret::equal;
use tollgate_base::time::{Clock, WallTime};
use tollgate_scheme::{CertificateTrust, FetchedKey, KeyError, KeyRequest, with_issuer};

/// A key is fetched afresh after so long: its provider may have ended it.
const FRESH: Duration = Duration::from_secs(12 * 3600);
/// A key that cannot be fetched afresh is used for so long all the same.
const USABLE: Duration = Duration::from_secs(7 * 86_400);
/// A key that could not be fetched is not asked for again before; each time in a row it is four
/// times as long, up to the most.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MOST: Duration = Duration::from_secs(30);
/// That a key could not be fetched is forgotten after so long.
const FAILURE: Duration = PAUSE_MOST.saturating_mul(2);
/// Unknown keys that one source asks for within [`WINDOW`].
const PER_WINDOW: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Keys that are kept for one source; providers have a handful.
const KEYS: usize = 64;
/// Providers wait for an answer for five seconds or more.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks providers for keys.
pub(crate) trait FetchKeys: Send + Sync + 'static {
    /// The body of a 200, or why there is none.
    fn fetch(&self, request: KeyRequest) -> Fetching;
}

/// A fetch under way.
pub(crate) type Fetching = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;

/// What became of a fetch.
type Outcome = Result<Arc<FetchedKey>, String>;

/// The keys of all sources.
pub(crate) struct KeyCache {
    fetch: Arc<dyn FetchKeys>,
    trust: CertificateTrust,
    clock: Arc<dyn Clock>,
    sources: Mutex<HashMap<SourceName, OfSource>>,
}

struct OfSource {
    /// The source as it was last seen.
    source: Arc<Source>,
    keys: HashMap<String, Entry>,
    window: WallTime,
    asked: u32,
}

/// A key, or what is known of it.
#[derive(Default)]
struct Entry {
    /// With the time at which it was fetched.
    key: Option<(Arc<FetchedKey>, WallTime)>,
    failed: Option<Failed>,
    /// Set while it is fetched.
    fetching: Option<watch::Receiver<Option<Outcome>>>,
}

/// That a key could not be fetched.
struct Failed {
    why: String,
    /// When it was last tried.
    at: WallTime,
    /// How often in a row.
    times: u32,
}

/// What to do about a key.
enum Step {
    /// It is known.
    Known(Arc<FetchedKey>),
    /// Somebody fetches it.
    Wait(watch::Receiver<Option<Outcome>>),
    /// It cannot be had now.
    Not(String),
}

impl KeyCache {
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

    /// The key of this name for a source: as it was fetched before, or fetched now. The fetch
    /// goes on if the caller goes away.
    pub(crate) async fn key(self: &Arc<Self>, source: &Arc<Source>, id: &str) -> Outcome {
        let mut fetching = match self.step(source, id) {
            Step::Known(key) => return Ok(key),
            Step::Not(why) => return Err(why),
            Step::Wait(fetching) => fetching,
        };
        let done = timeout(PATIENCE, fetching.wait_for(Option::is_some)).await;
        match done {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(ended())),
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(format!("no answer within {PATIENCE:?}")),
        }
    }

    fn step(self: &Arc<Self>, source: &Arc<Source>, id: &str) -> Step {
        let now = self.clock.now();
        let mut sources = self.sources.lock();
        let of = of_source(&mut sources, source);
        of.forget(now);
        if let Some(entry) = of.keys.get_mut(id) {
            if let Some((key, fetched)) = entry.key.clone() {
                // A stale key is used while it is fetched afresh.
                if now.since(fetched) >= FRESH && entry.may_try(now) {
                    entry.fetching = Some(self.start(source, id, now));
                }
                return Step::Known(key);
            }
            if let Some(fetching) = &entry.fetching {
                return Step::Wait(fetching.clone());
            }
            if let Some(failed) = &entry.failed
                && !entry.may_try(now)
            {
                return Step::Not(failed.why.clone());
            }
        }
        if !of.admit(id, now) {
            return Step::Not("too many unknown keys are asked for".to_owned());
        }
        let fetching = self.start(source, id, now);
        of.keys.entry(id.to_owned()).or_default().fetching = Some(fetching.clone());
        Step::Wait(fetching)
    }

    /// Begins to fetch a key.
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
            let outcome = cache.fetched(&source, &id, request).await;
            if let Err(why) = &outcome {
                tracing::warn!(
                    source = source.name.as_str(),
                    key = id,
                    why,
                    "cannot fetch a key"
                );
            }
            cache.note(&source, &id, &outcome);
            done.send_replace(Some(outcome));
        });
        fetching
    }

    async fn fetched(&self, source: &Source, id: &str, request: Option<KeyRequest>) -> Outcome {
        let request = request.ok_or_else(|| "the source cannot ask for it now".to_owned())?;
        let answer = self.fetch.fetch(request).await?;
        let read = |answer: &[u8]| {
            let now = self.clock.now();
            source.verifier.read_key(id, answer, &self.trust, now)
        };
        let key = match read(&answer) {
            Err(KeyError::IssuerNeeded { request, source }) => {
                let url = request.url.clone();
                let issuer = self.fetch.fetch(request).await;
                let issuer = issuer.map_err(|error| format!("{source} ({url}: {error})"))?;
                read(&with_issuer(&answer, &issuer))
            }
            read => read,
        };
        key.map(Arc::new).map_err(|trouble| trouble.to_string())
    }

    /// Notes what became of a fetch, unless the source has other settings by now.
    fn note(&self, source: &Source, id: &str, outcome: &Outcome) {
        let now = self.clock.now();
        let mut sources = self.sources.lock();
        let Some(of) = sources.get_mut(&source.name) else {
            return;
        };
        if !same_settings(&of.source, source) {
            return;
        }
        let entry = of.keys.entry(id.to_owned()).or_default();
        entry.fetching = None;
        match outcome {
            Ok(key) => (entry.key, entry.failed) = (Some((key.clone(), now)), None),
            Err(why) => {
                let before = entry.failed.as_ref().map_or(0, |failed| failed.times);
                entry.failed = Some(Failed {
                    why: why.clone(),
                    at: now,
                    times: before.saturating_add(1),
                });
            }
        }
    }
}

/// What is known for a source. What was fetched under other settings is no longer.
fn of_source<'s>(
    sources: &'s mut HashMap<SourceName, OfSource>,
    source: &Arc<Source>,
) -> &'s mut OfSource {
    let of = sources
        .entry(source.name.clone())
        .or_insert_with(|| OfSource {
            source: source.clone(),
            keys: HashMap::new(),
            window: WallTime::EPOCH,
            asked: 0,
        });
    if !Arc::ptr_eq(&of.source, source) {
        if !same_settings(&of.source, source) {
            of.keys.clear();
        }
        of.source = source.clone();
    }
    of
}

/// Whether two sources fetch the same keys, and trust them as much.
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

impl OfSource {
    /// Drops what is too old to be of use.
    fn forget(&mut self, now: WallTime) {
        self.keys.retain(|_, entry| {
            if entry
                .key
                .as_ref()
                .is_some_and(|(_, at)| now.since(*at) >= USABLE)
            {
                entry.key = None;
            }
            let fails = |failed: &Failed| failed.at <= now && now.since(failed.at) < FAILURE;
            let failed = entry.failed.as_ref().is_some_and(fails);
            entry.key.is_some() || entry.fetching.is_some() || failed
        });
    }

    /// Whether an unknown key may be asked for.
    fn admit(&mut self, id: &str, now: WallTime) -> bool {
        if now.since(self.window) >= WINDOW || now < self.window {
            (self.window, self.asked) = (now, 0);
        }
        let full = self.keys.len() >= KEYS && !self.keys.contains_key(id);
        if self.asked >= PER_WINDOW || full {
            return false;
        }
        self.asked += 1;
        true
    }
}

impl Entry {
    /// Whether it is time to ask for it again.
    fn may_try(&self, now: WallTime) -> bool {
        let paused = |failed: &Failed| failed.at <= now && now.since(failed.at) < failed.pause();
        self.fetching.is_none() && !self.failed.as_ref().is_some_and(paused)
    }
}

impl Failed {
    fn pause(&self) -> Duration {
        let factor = 4_u32.saturating_pow(self.times.saturating_sub(1));
        PAUSE.saturating_mul(factor).min(PAUSE_MOST)
    }
}

fn ended() -> String {
    "the fetch ended without an outcome".to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
