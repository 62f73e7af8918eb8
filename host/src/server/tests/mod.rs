//! Tests of the two services over real sockets.

mod admin;
mod connections;
mod ingress;
mod proxies;
mod senders;
mod strangers;
mod strict;

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{
    Ingress, IngressBackend, Layers, LayersOf, Limits, Rejections, SenderRules, Service, serve,
};
use crate::keys::{FetchError, KeyUnavailable};
use crate::settings::{PerAddress, Source, Strict};
use crate::telemetry::traces::TraceContext;
use tollgate_base::event::{EventId, SourceName};
use tollgate_base::secret::Secret;
use tollgate_base::time::{ManualClock, WallTime};
use tollgate_ledger::{LedgerError, Recorded};
use tollgate_scheme::{Accepted, FetchedKey, Visit};

const NOW: WallTime = WallTime::from_millis(1_700_000_000_000);
const KEY: &str = "whsec_test";
const BODY_LIMIT: usize = 64 * 1024;
/// Nothing here may take this long; it bounds what would hang otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// A backend with a Stripe source at `/hooks/stripe` and a ledger that answers as it is told.
struct Fake {
    source: Arc<Source>,
    answers: Mutex<VecDeque<Result<Vec<Recorded>, LedgerError>>>,
    recorded: Mutex<Vec<Bytes>>,
    news: Notify,
    /// If set, recording waits for it.
    hold: Mutex<Option<Arc<Notify>>>,
    refuses: AtomicBool,
    body_timeout: Duration,
    sender_rules: SenderRules,
    /// The key that requests ask for; none: it cannot be had.
    key: Option<Arc<FetchedKey>>,
}

impl IngressBackend for Fake {
    type Source = Arc<Source>;

    fn source(&self, path: &str) -> Option<Arc<Source>> {
        (path == self.source.path).then(|| self.source.clone())
    }

    fn sender_rules(&self) -> SenderRules {
        self.sender_rules.clone()
    }

    fn body_timeout(&self, _: &Arc<Source>) -> Duration {
        self.body_timeout
    }

    async fn key(&self, _: &Arc<Source>, _: &str) -> Result<Arc<FetchedKey>, KeyUnavailable> {
        self.key.clone().ok_or(FetchError::Status(500).into())
    }

    async fn visit(&self, _: &Arc<Source>, _: Visit) -> Result<(), KeyUnavailable> {
        Ok(())
    }

    fn refuses(&self) -> bool {
        self.refuses.load(Ordering::SeqCst)
    }

    fn accept(
        &self,
        _: &Arc<Source>,
        accepted: Accepted,
        _: WallTime,
        _: Option<&TraceContext>,
    ) -> impl Future<Output = Result<Vec<Recorded>, LedgerError>> + Send {
        let events = accepted.events.into_inner();
        self.recorded
            .lock()
            .extend(events.into_iter().map(|event| event.payload));
        self.news.notify_one();
        let hold = self.hold.lock().clone();
        let answer = self.answers.lock().pop_front();
        async move {
            if let Some(hold) = hold {
                hold.notified().await;
            }
            answer.unwrap_or_else(|| Ok(vec![Recorded::New(id(1))]))
        }
    }
}

fn id(n: u8) -> EventId {
    EventId::from_bytes([n; 16])
}

fn fake() -> Fake {
    let settings = tollgate_scheme::Settings {
        secrets: vec![Secret::new(KEY).into()],
        ..tollgate_scheme::Settings::default()
    };
    Fake {
        source: Arc::new(Source {
            twins: false,
            resolve: None,
            name: SourceName::new("stripe"),
            path: "/hooks/stripe".to_owned(),
            verifier: tollgate_scheme::build("stripe", settings.clone()).unwrap(),
            settings,
            template: None,
            allow_from: None,
            body_limit: BODY_LIMIT,
            client_certificate: None,
            retention: tollgate_ledger::SourceRetention {
                keys: None,
                erase: None,
            },
        }),
        answers: Mutex::default(),
        recorded: Mutex::default(),
        news: Notify::new(),
        hold: Mutex::default(),
        refuses: AtomicBool::default(),
        body_timeout: PATIENCE,
        sender_rules: SenderRules {
            trusted_proxies: [].into(),
            require_https: false,
        },
        key: None,
    }
}

fn limits() -> Limits {
    Limits {
        connections: 64,
        header_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        shutdown_timeout: PATIENCE,
        connections_per_address: None,
        memory: 64 << 20,
        strict: Strict::ON,
    }
}

/// A listener that serves until it is told to end.
struct Server {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Server {
    async fn start<S: Service>(service: Arc<S>, limits: Limits) -> Self {
        Self::layered(service, limits, Layers::none()).await
    }

    async fn layered<S: Service>(service: Arc<S>, limits: Limits, layers: LayersOf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let serving = tokio::spawn(serve(listener, service, limits, layers, async {
            _ = ended.await;
        }));
        Self {
            address,
            end: Some(end),
            serving,
        }
    }

    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    fn shut_down(&mut self) {
        self.end.take().unwrap().send(()).unwrap();
    }

    async fn ended(self) {
        timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }
}

/// An ingress with what stands behind it.
struct Setup {
    server: Server,
    fake: Arc<Fake>,
    rejections: Arc<Rejections>,
}

impl Setup {
    async fn new() -> Self {
        Self::with(fake(), limits()).await
    }

    async fn with(fake: Fake, limits: Limits) -> Self {
        Self::limited(fake, limits, PerAddress::default()).await
    }

    async fn limited(fake: Fake, limits: Limits, per_address: PerAddress) -> Self {
        Self::layered(fake, limits, per_address, Layers::default()).await
    }

    async fn layered(fake: Fake, limits: Limits, per_address: PerAddress, layers: Layers) -> Self {
        let fake = Arc::new(fake);
        let rejections = Arc::new(Rejections::default());
        let clock = Arc::new(ManualClock::at(NOW));
        let service = Arc::new(Ingress::new(
            fake.clone(),
            clock,
            rejections.clone(),
            per_address,
            limits.strict,
        ));
        Self {
            server: Server::layered(service, limits, Arc::new(move || layers.clone())).await,
            fake,
            rejections,
        }
    }

    /// Sends bytes on a connection of their own and reads one answer.
    async fn exchange(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.server.connect().await;
        client.send(request).await;
        client.answer().await
    }

    fn codes(&self) -> Vec<(&'static str, u64)> {
        let all = self.rejections.snapshot();
        all.iter().map(|one| (one.code, one.count)).collect()
    }
}

/// The sending side, byte by byte.
struct Client(TcpStream);

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Client {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads one answer, interim ones skipped.
    async fn answer(&mut self) -> Answer {
        loop {
            let answer = self.next_answer().await;
            if answer.status != 100 {
                return answer;
            }
        }
    }

    async fn next_answer(&mut self) -> Answer {
        let reading = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await.expect("an answer"));
            }
            let head = String::from_utf8(head).unwrap();
            let mut answer = Answer {
                status: head[9..12].parse().unwrap(),
                head,
                body: String::new(),
            };
            let length = answer.header("content-length").unwrap_or("0");
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            answer.body = String::from_utf8(body).unwrap();
            answer
        };
        timeout(PATIENCE, reading).await.expect("an answer in time")
    }

    /// Everything until the server closes.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        // A reset ends the connection as well.
        _ = read.expect("the server closes in time");
        rest
    }
}

fn signature(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(format!("{}.", NOW.as_secs()).as_bytes());
    mac.update(body);
    let signature = hex::encode(mac.finalize().into_bytes());
    format!("stripe-signature: t={},v1={signature}\r\n", NOW.as_secs())
}

fn event(n: u32) -> Vec<u8> {
    let data = r#"{"object":{"id":"pi_1"}}"#;
    format!(r#"{{"id":"evt_{n}","type":"payment_intent.succeeded","created":1,"data":{data}}}"#)
        .into_bytes()
}

/// A rightly signed request.
fn signed(body: &[u8]) -> Vec<u8> {
    request("POST /hooks/stripe", &signature(body), body)
}

fn request(line: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}
