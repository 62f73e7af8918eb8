//! A real ledger and an outbox.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::outbox::memory::Bounds;
use crate::outbox::{Inbox, Outbox, Parts, Targets};
use crate::settings::{Allow, Handler, HostLimit, HostLimits, OnTrap, OutboxSettings, RetryPolicy};
use tollgate_base::event::{
    ComponentDigest, DedupBasis, DedupKey, Event, EventId, HandlerName, Headers, SourceName,
};
use tollgate_base::origin::Origin;
use tollgate_base::rate::Rate;
use tollgate_base::secret::Secret;
use tollgate_base::time::{Clock, ManualClock, SteadyClock, SteadyTime, WallTime};
use tollgate_ledger::{
    self, Attempt, AttemptOutcome, Completed, Completion, Delivery, Effects, LeasedDelivery,
    LeasedRequest, Ledger, LedgerSink, LedgerUrl, NewEvent, NewRequest, NextState, OrderEffect,
    OutboxEntry, OutboxState,
};
use tollgate_sandbox::{Guest, Limits};

pub(super) use super::receiver::{Receiver, Reply};

pub(super) const NOW: WallTime = WallTime::from_millis(1_700_000_000_000);

/// The beginning by the steady clock, which goes on from there whatever is set.
pub(super) const STEADY: SteadyTime = SteadyTime::from_millis(NOW.as_millis());

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
/// Nothing in these tests takes this long. The bound ends a test that would hang.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// The delay before the second try, with no chance in it.
pub(super) const FIRST: Duration = Duration::from_secs(1);

/// The same limit for each host.
pub(super) fn bears(concurrency: usize, rate: Option<Rate>) -> Arc<HostLimits> {
    Arc::new(HostLimits::all(HostLimit { concurrency, rate }))
}

/// Waits for something to become true.
pub(super) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The manifest's part.
pub(super) struct Manifest {
    pub(super) handlers: Mutex<HashMap<HandlerName, Arc<Handler>>>,
    pub(super) settings: Mutex<OutboxSettings>,
}

impl Targets for Manifest {
    fn handler(&self, name: &HandlerName) -> Option<Arc<Handler>> {
        self.handlers.lock().get(name).cloned()
    }

    fn names(&self) -> Vec<HandlerName> {
        self.handlers.lock().keys().cloned().collect()
    }

    fn settings(&self) -> OutboxSettings {
        self.settings.lock().clone()
    }
}

/// The ledger's sink: the inbox, and a list of deliveries.
struct Sink {
    inbox: Arc<Inbox>,
    deliveries: Mutex<Vec<LeasedDelivery>>,
}

impl LedgerSink for Sink {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.deliveries.lock().extend(deliveries);
    }

    fn released(&self, deliveries: Vec<LeasedDelivery>) {
        self.recorded(deliveries);
    }

    fn queued(&self, requests: Vec<LeasedRequest>) {
        self.inbox.queued(requests);
    }
}

pub(super) struct Setup {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) clock: ManualClock,
    steady: Arc<SteadyClock>,
    pub(super) manifest: Arc<Manifest>,
    pub(super) folder: TempDir,
    sink: Arc<Sink>,
    events: AtomicUsize,
}

impl Setup {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(NOW);
        let sink = Arc::new(Sink {
            inbox: Arc::default(),
            deliveries: Mutex::default(),
        });
        let url = LedgerUrl::Sqlite(folder.path().join("ledger.db"));
        let steady = clock.steady();
        let ledger = tollgate_ledger::open(&url, steady.clone(), sink.clone()).unwrap();
        let settings = OutboxSettings {
            concurrency: 16,
            hosts: bears(16, None),
            timeout: PATIENCE,
            retry: RetryPolicy {
                attempts: 4,
                first: FIRST,
                factor: 2.0,
                max: Duration::from_secs(3600),
                jitter: 0.0,
                total: None,
            },
        };
        let manifest = Arc::new(Manifest {
            handlers: Mutex::default(),
            settings: Mutex::new(settings),
        });
        Self {
            ledger,
            clock,
            steady,
            manifest,
            folder,
            sink,
            events: AtomicUsize::new(0),
        }
    }

    /// Puts a handler with these `allow` entries into the manifest.
    pub(super) fn allow(&self, handler: &str, allow: Vec<Allow>) {
        let name = HandlerName::new(handler);
        let handler = Handler {
            name: name.clone(),
            component: PathBuf::new(),
            concurrency: 1,
            rate: None,
            breaker: None,
            on_trap: OnTrap::Retry,
            rollback: true,
            order: None,
            retry: self.manifest.settings().retry,
            guest: Arc::new(Guest {
                name,
                config: Default::default(),
                limits: Limits {
                    timeout: PATIENCE,
                    memory: 0,
                    tables: 0,
                    output: 0,
                    logs: 0,
                    calls: 0,
                    effects: 0,
                    response: 100,
                    requests: 16,
                },
                grants: allow.iter().map(Allow::grant).collect(),
            }),
            allow,
            fixtures: None,
        };
        self.manifest
            .handlers
            .lock()
            .insert(handler.name.clone(), Arc::new(handler));
    }

    pub(super) fn start(&self) -> Outbox {
        self.start_with(no_tls(), Bounds::default())
    }

    pub(super) fn start_with(&self, tls: ClientConfig, bounds: Bounds) -> Outbox {
        let parts = Parts {
            ledger: self.ledger.clone(),
            inbox: self.sink.inbox.clone(),
            targets: self.manifest.clone(),
            clock: self.steady.clone(),
            tls,
        };
        Outbox::start_with(parts, bounds)
    }

    /// Commits requests of a handler, as a delivery of its own. Returns its event.
    pub(super) fn queue(&self, handler: &str, requests: Vec<NewRequest>) -> EventId {
        let n = self.events.fetch_add(1, Ordering::Relaxed);
        let source = SourceName::new("test");
        let handler = HandlerName::new(handler);
        let event = Event {
            id: EventId::generate(self.clock.now()),
            source: source.clone(),
            provider_id: None,
            kind: "test".to_owned(),
            subject: None,
            account: None,
            created: None,
            received: self.clock.now(),
            headers: Headers::default(),
            metadata: vec![],
            depth: 0,
            payload: Bytes::new(),
        };
        let id = event.id;
        let new = NewEvent {
            event,
            dedup: DedupKey::new(&source, &DedupBasis::SignedId(n.to_string())),
            more_dedup: Vec::new(),
            equal_bytes: tollgate_ledger::EqualBytes::SameFact,
            form: tollgate_ledger::EventForm::Whole,
            handlers: vec![handler.clone().into()],
        };
        let recorded = self.ledger.record(vec![new]);
        futures_block_on(recorded).unwrap();
        let LeasedDelivery { delivery, lease } = self.sink.deliveries.lock().pop().unwrap();
        let completion = Completion {
            delivery: delivery.id,
            token: lease.token(),
            handler,
            event: id,
            attempt: Attempt {
                number: 1,
                run: 0,
                started: self.clock.now(),
                duration_us: 1,
                outcome: AttemptOutcome::Done,
                detail: String::new(),
                logs: String::new(),
                component: ComponentDigest([0; 32]),
            },
            next: NextState::Done,
            reads: vec![],
            exchanges: Vec::new(),
            effects: Effects {
                outbox: requests,
                ..Effects::default()
            },
            order: OrderEffect::default(),
        };
        let (tell, told) = mpsc::channel();
        self.ledger
            .complete_then(completion, Box::new(move |done| tell.send(done).unwrap()));
        assert_eq!(told.recv().unwrap().unwrap(), Completed::Committed);
        id
    }

    /// The events that were recorded since the last look, with their handlers.
    pub(super) fn delivered(&self) -> Vec<Delivery> {
        let leased = std::mem::take(&mut *self.sink.deliveries.lock());
        leased.into_iter().map(|leased| leased.delivery).collect()
    }

    pub(super) fn list(&self, state: Option<OutboxState>) -> Vec<OutboxEntry> {
        self.ledger.outbox_list(state, 100_000).unwrap()
    }

    pub(super) fn count(&self, state: OutboxState) -> usize {
        self.list(Some(state)).len()
    }

    /// The one request that there is.
    pub(super) fn only(&self) -> OutboxEntry {
        let mut all = self.list(None);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    pub(super) async fn until_state(&self, state: OutboxState, count: usize) {
        let what = format!("{count} requests {state}");
        until(&what, || self.count(state) == count).await;
    }

    pub(super) async fn until_tries(&self, tries: u32) {
        until("tried", || self.only().request.tries == tries).await;
    }

    pub(super) fn advance(&self, outbox: &Outbox, passes: Duration) {
        self.clock.advance(passes);
        outbox.handle().wake();
    }
}

fn futures_block_on<F: Future>(future: F) -> F::Output {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

/// TLS that trusts nobody.
pub(super) fn no_tls() -> ClientConfig {
    trusting(RootCertStore::empty())
}

pub(super) fn trusting(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

pub(super) fn allow(origin: &str) -> Allow {
    Allow {
        origin: Origin::parse(origin).unwrap(),
        addresses: vec![],
        headers: vec![],
        immediate: false,
    }
}

pub(super) fn with_secret(mut allow: Allow, name: &str, secret: &str) -> Allow {
    allow.headers.push((name.to_owned(), Secret::new(secret)));
    allow
}

pub(super) fn post(url: &str, key: &str, order_key: Option<&str>) -> NewRequest {
    NewRequest {
        key: key.to_owned(),
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: Bytes::from(format!("body of {key}")),
        order_key: order_key.map(str::to_owned),
        respond: None,
    }
}
