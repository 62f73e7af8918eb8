//! A receiver on 127.0.0.1 that answers by a script.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::harness::PATIENCE;
use crate::server::{self, Request, Response, Service};

/// A request as it was received.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(super) fn key(&self) -> &str {
        self.header("idempotency-key").unwrap()
    }
}

/// How a receiver answers a request.
pub(super) enum Reply {
    Status(u16),
    Header(u16, &'static str, String),
    /// With this body, and these headers.
    Body(u16, Vec<u8>, Vec<(&'static str, String)>),
    /// Not at all, until the receiver is let go on.
    Hang,
}

type Script = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// Somebody to send to, on 127.0.0.1.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

struct State {
    received: Mutex<Vec<Received>>,
    script: Script,
    go_on: Notify,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    peers: Mutex<std::collections::HashSet<SocketAddr>>,
}

impl Service for State {
    type Body = Full<Bytes>;

    async fn call(&self, caller: server::Caller, request: Request) -> Response {
        self.peers.lock().insert(caller.address);
        let (head, body) = request.into_parts();
        let received = Received {
            method: head.method,
            target: head.uri.to_string(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        let reply = (self.script)(&received);
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
        // Before anybody can see the request and let it go on.
        let gone_on = self.go_on.notified();
        self.received.lock().push(received);
        let mut response = Response::new(Full::from("answer"));
        match reply {
            Reply::Status(status) => {
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
            }
            Reply::Header(status, name, value) => {
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            Reply::Body(status, body, headers) => {
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                *response.body_mut() = Full::from(body);
                for (name, value) in headers {
                    response.headers_mut().append(name, value.parse().unwrap());
                }
            }
            Reply::Hang => gone_on.await,
        }
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        response
    }

    fn refused(&self, peer: SocketAddr, refusal: server::Refusal) {
        panic!("{peer}: {refusal}");
    }
}

impl Receiver {
    pub(super) async fn new(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            received: Mutex::default(),
            script: Box::new(script),
            go_on: Notify::new(),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            peers: Mutex::default(),
        });
        let limits = server::Limits {
            connections: 1000,
            header_timeout: PATIENCE,
            idle_timeout: PATIENCE,
            shutdown_timeout: PATIENCE,
            connections_per_address: None,
            strict: crate::settings::Strict::ON,
            memory: 1 << 30,
        };
        let serving = tokio::spawn(server::serve(
            listener,
            state.clone(),
            limits,
            server::Layers::none(),
            std::future::pending(),
        ));
        Self {
            address,
            state,
            serving,
        }
    }

    pub(super) async fn answering(status: u16) -> Self {
        Self::new(move |_| Reply::Status(status)).await
    }

    pub(super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.lock().clone()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let received = self.received();
        received.iter().map(|one| one.key().to_owned()).collect()
    }

    /// How many requests it had at once at most.
    pub(super) fn most_under_way(&self) -> usize {
        self.state.most_under_way.load(Ordering::Relaxed)
    }

    /// How many connections requests came on.
    pub(super) fn connections(&self) -> usize {
        self.state.peers.lock().len()
    }

    pub(super) fn go_on(&self) {
        self.state.go_on.notify_waiters();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
