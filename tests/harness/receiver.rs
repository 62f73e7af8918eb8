//! The receiver of the outbox's requests: an HTTP server that remembers them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// The receiver's reaction to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Responds with this status.
    Status(u16),
    /// Responds with this status and body.
    Body(u16, String),
    /// Responds with this status and `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// Redirects to this URL.
    Redirect(String),
    /// Closes the connection without a response.
    Reset,
    /// Responds 200 after this time.
    Hang(Duration),
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
    /// The `Idempotency-Key`.
    pub(crate) key: String,
    /// The number of earlier requests with this key.
    pub(crate) before: usize,
    /// The time at which it arrived.
    pub(crate) at: Instant,
}

type Policy = Box<dyn Fn(&ReceivedRequest) -> Reply + Send + Sync>;

/// The server. It ends when dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    policy: Policy,
    received: Mutex<Received>,
}

#[derive(Default)]
struct Received {
    requests: Vec<ReceivedRequest>,
    keys: HashMap<String, usize>,
}

impl Receiver {
    /// Starts a receiver that responds 200 to every request.
    pub(crate) fn start() -> Self {
        Self::with(|_| Reply::Status(200))
    }

    /// Starts a receiver that reacts as `policy` says.
    pub(crate) fn with(policy: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), None, policy)
    }

    /// Starts a receiver at this address, optionally with TLS.
    pub(crate) fn at(
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        policy: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shared = Arc::new(Shared {
            policy: Box::new(policy),
            received: Mutex::default(),
        });
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(serve(listener, tls, shared.clone()));
        Self {
            address,
            shared,
            _runtime: runtime,
        }
    }

    /// Returns an absolute URL of this receiver.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all received requests, in order, with repetitions.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.received.lock().unwrap().requests.clone()
    }

    /// Returns the number of different idempotency keys.
    pub(crate) fn effects(&self) -> usize {
        self.shared.received.lock().unwrap().keys.len()
    }

    /// Returns the idempotency keys of each body.
    pub(crate) fn keys_by_body(&self) -> HashMap<String, HashSet<String>> {
        let mut found: HashMap<_, HashSet<_>> = HashMap::new();
        for request in self.requests() {
            found.entry(request.body).or_default().insert(request.key);
        }
        found
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), shared.clone());
        tokio::spawn(async move {
            match tls {
                None => converse(stream, shared).await,
                // A client that does not trust the certificate ends the handshake.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let service = service_fn(|request| answer(shared.clone(), request));
    // A killed gateway just ends its connections.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: Arc<Shared>,
    request: hyper::Request<Incoming>,
) -> io::Result<hyper::Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let mut response = hyper::Response::new(Full::new(Bytes::new()));
    let Ok(body) = body.collect().await else {
        *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let reply = shared.receive(&head, &body.to_bytes());
    let (status, extra) = match reply {
        Reply::Status(status) => (status, None),
        Reply::Body(status, body) => {
            *response.body_mut() = Full::from(body);
            (status, None)
        }
        Reply::RetryAfter(status, seconds) => (status, Some(("retry-after", seconds.to_string()))),
        Reply::Redirect(to) => (307, Some(("location", to))),
        Reply::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
        Reply::Hang(period) => {
            tokio::time::sleep(period).await;
            (200, None)
        }
    };
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    if let Some((name, value)) = extra {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    Ok(response)
}

impl Shared {
    fn receive(&self, head: &hyper::http::request::Parts, body: &Bytes) -> Reply {
        let headers: HashMap<String, String> = head
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into(),
                )
            })
            .collect();
        let key = headers.get("idempotency-key").cloned().unwrap_or_default();
        let mut received = self.received.lock().unwrap();
        let seen = received.keys.entry(key.clone()).or_default();
        let before = *seen;
        *seen += 1;
        let request = ReceivedRequest {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            body: String::from_utf8_lossy(body).into_owned(),
            headers,
            key,
            before,
            at: Instant::now(),
        };
        received.requests.push(request.clone());
        drop(received);
        (self.policy)(&request)
    }
}
