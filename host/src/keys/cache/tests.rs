use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::RootCertStore;
use tokio::sync::Semaphore;

use bytes::Bytes;

use super::*;
use crate::keys::fetching::Fetching;
use crate::manifest;
use tollgate_base::time::{ManualClock, WallTime};

const NOW: WallTime = WallTime::from_millis(1_760_000_000_000);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
const KID: &str = "k1";

/// A provider that answers as it is told, when it is told.
struct Provider {
    asked: AtomicUsize,
    may_answer: Semaphore,
    answer: Mutex<Result<Bytes, FetchError>>,
}

struct Shared(Arc<Provider>);

impl FetchKeys for Shared {
    fn fetch(&self, request: KeyRequest) -> Fetching {
        assert_eq!(
            request.url,
            "https://production.plaid.com/webhook_verification_key/get"
        );
        let provider = self.0.clone();
        Box::pin(async move {
            provider.asked.fetch_add(1, Ordering::SeqCst);
            provider.may_answer.acquire().await.unwrap().forget();
            provider.answer.lock().clone()
        })
    }
}

struct Setup {
    provider: Arc<Provider>,
    cache: Arc<KeyCache>,
    clock: ManualClock,
    source: Arc<Source>,
}

/// A key of this name, as Plaid answers it; any point will do.
fn jwk(kid: &str) -> Result<Bytes, FetchError> {
    let coordinate = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    Ok(Bytes::from(format!(
        r#"{{"key":{{"kty":"EC","crv":"P-256","alg":"ES256","kid":"{kid}","x":"{coordinate}","y":"{coordinate}","expired_at":null}}}}"#
    )))
}

/// A Plaid source with this secret.
fn source(secret: &str) -> Arc<Source> {
    let text = format!(
        "version = 1\n[sources.plaid]\npath = \"/x\"\nscheme = \"plaid\"\n\
         client_id = \"c\"\nsecrets = [\"{secret}\"]\n"
    );
    let read = manifest::parse(&text, Path::new("t.toml"), &|_| None).unwrap();
    read.sources.values().next().unwrap().clone()
}

impl Setup {
    /// A provider that answers `answers` times without waiting.
    fn new(answers: usize) -> Self {
        let provider = Arc::new(Provider {
            asked: AtomicUsize::new(0),
            may_answer: Semaphore::new(answers),
            answer: Mutex::new(jwk(KID)),
        });
        let clock = ManualClock::at(NOW);
        Self {
            cache: KeyCache::new(
                Arc::new(Shared(provider.clone())),
                CertificateTrust::new(RootCertStore::empty()),
                Arc::new(clock.clone()),
            ),
            source: source("hush"),
            provider,
            clock,
        }
    }

    async fn key(&self, id: &str) -> Outcome {
        self.cache.key(&self.source, id).await
    }

    fn asked(&self) -> usize {
        self.provider.asked.load(Ordering::SeqCst)
    }

    fn answers(&self, answer: Result<Bytes, FetchError>) {
        *self.provider.answer.lock() = answer;
    }

    /// Lets tasks run until the provider was asked so often and nothing is under way.
    async fn settled(&self, asked: usize) {
        for _ in 0..10_000 {
            let quiet = self
                .cache
                .sources
                .lock()
                .values()
                .all(|of| of.keys.values().all(|entry| entry.fetching.is_none()));
            if self.asked() == asked && quiet {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("asked {} times", self.asked());
    }
}

#[tokio::test]
async fn a_key_is_fetched_once_for_all_who_wait_and_kept() {
    let setup = Setup::new(0);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (cache, source) = (setup.cache.clone(), setup.source.clone());
            tokio::spawn(async move { cache.key(&source, KID).await })
        })
        .collect();
    tokio::task::yield_now().await;
    setup.provider.may_answer.add_permits(1);
    for waiting in waiting {
        assert!(waiting.await.unwrap().is_ok());
    }
    assert!(setup.key(KID).await.is_ok());
    assert_eq!(setup.asked(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_end_the_fetch() {
    let setup = Setup::new(0);
    let (cache, source) = (setup.cache.clone(), setup.source.clone());
    let gone = tokio::spawn(async move { cache.key(&source, KID).await });
    while setup.asked() == 0 {
        tokio::task::yield_now().await;
    }
    gone.abort();
    setup.provider.may_answer.add_permits(1);
    setup.settled(1).await;
    assert!(setup.key(KID).await.is_ok());
    assert_eq!(setup.asked(), 1);
}

#[tokio::test]
async fn a_failure_is_kept_for_a_while() {
    let setup = Setup::new(100);
    setup.answers(Err(FetchError::Status(500)));
    for _ in 0..20 {
        let why = setup.key(KID).await.unwrap_err();
        assert_eq!(why.to_string(), "answered 500");
    }
    assert_eq!(setup.asked(), 1);
    setup.clock.advance(BACKOFF - ms(1));
    setup.key(KID).await.unwrap_err();
    assert_eq!(setup.asked(), 1);
    setup.answers(jwk("another"));
    setup.clock.advance(ms(1));
    let why = setup.key(KID).await.unwrap_err().to_string();
    assert!(why.contains("another key"), "{why}");
    assert_eq!(setup.asked(), 2);
    setup.clock.advance(4 * BACKOFF - ms(1));
    setup.key(KID).await.unwrap_err();
    assert_eq!(setup.asked(), 2, "it waits longer each time");
    setup.answers(jwk(KID));
    setup.clock.advance(ms(1));
    assert!(setup.key(KID).await.is_ok());
}

#[tokio::test]
async fn one_that_fails_for_an_hour_is_asked_for_now_and_then() {
    let setup = Setup::new(1000);
    setup.answers(Err(FetchError::Status(500)));
    for _ in 0..3600 {
        setup.key(KID).await.unwrap_err();
        setup.clock.advance(ms(1000));
    }
    let every = (3600 / BACKOFF_MAX.as_secs()) as usize;
    assert!(
        (every..every + 4).contains(&setup.asked()),
        "{}",
        setup.asked()
    );
    setup.answers(jwk(KID));
    setup.clock.advance(BACKOFF_MAX);
    assert!(setup.key(KID).await.is_ok());
}

#[tokio::test]
async fn keys_belong_to_the_settings_that_they_were_fetched_with() {
    let setup = Setup::new(1);
    assert!(setup.key(KID).await.is_ok());
    // A reload makes sources anew; where nothing has changed, nothing is asked for.
    assert!(setup.cache.key(&source("hush"), KID).await.is_ok());
    assert_eq!(setup.asked(), 1);
    // A fetch under way when the settings change counts only for those who wait for it.
    let (cache, other) = (setup.cache.clone(), source("another"));
    let waiting = tokio::spawn(async move { cache.key(&other, KID).await });
    while setup.asked() < 2 {
        tokio::task::yield_now().await;
    }
    let (cache, third) = (setup.cache.clone(), source("a third"));
    let changed = tokio::spawn(async move { cache.key(&third, KID).await });
    while setup.asked() < 3 {
        tokio::task::yield_now().await;
    }
    setup.answers(Err(FetchError::Status(403)));
    setup.provider.may_answer.add_permits(2);
    assert!(waiting.await.unwrap().is_err());
    assert!(changed.await.unwrap().is_err());
    setup.settled(3).await;
    assert!(setup.cache.key(&source("a third"), KID).await.is_err());
    assert_eq!(setup.asked(), 3, "it failed a moment ago");
    setup.answers(jwk(KID));
    setup.provider.may_answer.add_permits(1);
    assert!(setup.cache.key(&source("hush"), KID).await.is_ok());
    assert_eq!(setup.asked(), 4);
}

#[tokio::test]
async fn a_flood_of_unknown_names_asks_for_few() {
    let setup = Setup::new(10_000);
    assert!(setup.key(KID).await.is_ok());
    setup.answers(Err(FetchError::Status(400)));
    for n in 0..1000 {
        setup.key(&format!("flood-{n}")).await.unwrap_err();
    }
    assert_eq!(setup.asked(), PER_WINDOW as usize);
    assert!(setup.key(KID).await.is_ok(), "what is known stays known");
    // However long it goes on, what is kept is bounded, and so is what is asked for.
    for minute in 1..100 {
        setup.clock.advance(WINDOW);
        for n in 0..30 {
            setup.key(&format!("flood-{minute}-{n}")).await.unwrap_err();
        }
    }
    assert_eq!(setup.asked(), PER_WINDOW as usize * 100);
    assert!(setup.cache.sources.lock()[&setup.source.name].keys.len() <= KEYS);
    assert!(setup.key(KID).await.is_ok());
}

#[tokio::test]
async fn a_stale_key_serves_while_it_is_fetched_afresh() {
    let setup = Setup::new(1);
    assert!(setup.key(KID).await.is_ok());
    setup.clock.advance(FRESH);
    assert!(setup.key(KID).await.is_ok(), "at once");
    assert!(setup.key(KID).await.is_ok());
    setup.answers(Err(FetchError::Status(500)));
    setup.provider.may_answer.add_permits(100);
    setup.settled(2).await;
    assert!(
        setup.key(KID).await.is_ok(),
        "that failed, and is no reason to refuse"
    );
    setup.clock.advance(BACKOFF);
    assert!(setup.key(KID).await.is_ok());
    setup.settled(3).await;
    setup.clock.set(NOW + USABLE);
    assert!(setup.key(KID).await.is_err(), "but not for ever");
}
