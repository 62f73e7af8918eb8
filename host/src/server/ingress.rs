//! The ingress service: from a provider's request to a durable record, then the answer.
//!
//! The order is the promise. Nothing but the scheme sees the body before its signature
//! holds, and no 2xx is sent before the ledger says that the events are on disk.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;

use super::body::{self, BodyError, Budget};
use super::{Rejections, Request, Response, Service, text};
use crate::keys::KeyUnavailable;
use crate::settings::Source;
use tollgate_base::time::{Clock, WallTime};
use tollgate_ledger::{LedgerError, Recorded};
use tollgate_scheme::{Accepted, Answer, FetchedKey, Rejection, RequestOutcome};

/// The answer's header that names the recorded events: their ids, separated by commas.
const EVENT_ID: &str = "tollgate-event-id";
/// How many ids that header names at most; what a large batch became is to be looked
/// up by the first of them.
const EVENT_IDS: usize = 50;
/// Seconds after which to come back where too much waits: it takes a while to become less.
const BACKLOG_WAIT: RangeInclusive<u32> = 30..=60;
/// Bytes that request bodies under way may take together.
const BODY_BYTES: usize = 256 * 1024 * 1024;

/// What lies behind the ingress: the sources of the generation that serves now, and
/// the ledger.
pub trait Gateway: Send + Sync + 'static {
    /// A source, with the generation that it belongs to kept alive until it is dropped:
    /// a request ends on the generation that it began on.
    type Source: Deref<Target = Source> + Send + Sync;

    /// The source with this path, as it stands in the request line (without the query,
    /// percent-encoding kept).
    fn source(&self, path: &str) -> Option<Self::Source>;

    /// How long a body may take, from the end of the headers.
    fn body_timeout(&self, source: &Self::Source) -> Duration;

    /// The key that a request names, fetched from the provider; or why there is none now.
    fn key(
        &self,
        source: &Self::Source,
        id: &str,
    ) -> impl Future<Output = Result<Arc<FetchedKey>, KeyUnavailable>> + Send;

    /// Whether new events are refused, because too much waits. Must be quick.
    fn refuses(&self) -> bool {
        false
    }

    /// Routes the verified events and records them with their deliveries. Must have
    /// handed them to the ledger when first polled, so that they are recorded even if
    /// the sender hangs up and the future is dropped. Answers are in the events' order.
    fn accept(
        &self,
        source: &Self::Source,
        accepted: Accepted,
        now: WallTime,
    ) -> impl Future<Output = Result<Vec<Recorded>, LedgerError>> + Send;
}

/// Answers what providers post.
pub struct Ingress<G> {
    gateway: Arc<G>,
    clock: Arc<dyn Clock>,
    rejections: Arc<Rejections>,
    budget: Arc<Budget>,
}

impl<G: Gateway> Ingress<G> {
    /// A service in front of `gateway` that counts what it refuses in `rejections`.
    pub fn new(gateway: Arc<G>, clock: Arc<dyn Clock>, rejections: Arc<Rejections>) -> Self {
        Self {
            gateway,
            clock,
            rejections,
            budget: Budget::new(BODY_BYTES),
        }
    }

    async fn post(
        &self,
        source: &G::Source,
        peer: SocketAddr,
        head: &http::request::Parts,
        incoming: &mut Incoming,
    ) -> Response {
        if self.gateway.refuses() {
            return self.refuse_more(source, peer, head.version);
        }
        let after = self.gateway.body_timeout(source);
        let whole = match body::read(incoming, source.body_limit, after, &self.budget).await {
            Ok(whole) => whole,
            Err(error) => return self.refuse_body(source, peer, head.version, &error),
        };
        let now = self.clock.now();
        let url = target(&head.uri);
        let request = tollgate_scheme::Request {
            method: &head.method,
            url: &url,
            headers: &head.headers,
            body: &whole.bytes,
        };
        let accepted = match self.verify(source, peer, &request, now).await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(later)) => return later,
            Err(rejection) => {
                self.count(Some(source), rejection.code(), &rejection, peer);
                return answer(source.verifier.answer(RequestOutcome::Rejected));
            }
        };
        // From verifying to recording nothing is awaited: a sender that hangs up after
        // its last byte finds its events recorded.
        match self.gateway.accept(source, accepted, now).await {
            Ok(recorded) => acknowledge(source, &recorded),
            Err(error) => self.not_recorded(source, peer, &error),
        }
    }

    /// Verifies a request, with a key that is fetched where the scheme asks for one. Within
    /// is the answer to a sender that is to come again, since the key cannot be had now.
    async fn verify(
        &self,
        source: &G::Source,
        peer: SocketAddr,
        request: &tollgate_scheme::Request<'_>,
        now: WallTime,
    ) -> Result<Result<Accepted, Response>, Rejection> {
        let id = match source.verifier.verify(request, now) {
            Err(Rejection::KeyNeeded { id }) => id,
            outcome => return outcome.map(Ok),
        };
        match self.gateway.key(source, &id).await {
            Ok(key) => {
                let verifier = &source.verifier;
                verifier.verify_with(request, now, &id, &key).map(Ok)
            }
            Err(why) => {
                let why = format!("the key `{}` cannot be had: {why}", id.escape_default());
                self.count(Some(source), "key_unavailable", &why, peer);
                Ok(Err(try_later()))
            }
        }
    }

    /// Nothing of the request has been looked at but its path.
    fn refuse_more(&self, source: &Source, peer: SocketAddr, version: Version) -> Response {
        let reason = "too much waits to be handled";
        self.count(Some(source), "backlog", &reason, peer);
        let mut response = try_after(BACKLOG_WAIT);
        close(&mut response, version);
        response
    }

    fn refuse_body(
        &self,
        source: &Source,
        peer: SocketAddr,
        version: Version,
        error: &BodyError,
    ) -> Response {
        let (code, mut response) = match error {
            BodyError::TooLarge { .. } => (
                "body_too_large",
                text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large\n"),
            ),
            BodyError::Timeout { .. } => (
                "body_timeout",
                text(StatusCode::REQUEST_TIMEOUT, "the body took too long\n"),
            ),
            BodyError::Broken(_) => (
                "body_broken",
                text(StatusCode::BAD_REQUEST, "the body is broken\n"),
            ),
            BodyError::NoMemory => ("body_memory", try_later()),
        };
        close(&mut response, version);
        self.count(Some(source), code, error, peer);
        response
    }

    fn not_recorded(&self, source: &Source, peer: SocketAddr, error: &LedgerError) -> Response {
        let code = match error {
            LedgerError::Busy => "ledger_busy",
            LedgerError::Unavailable(_) | LedgerError::Unreadable(_) => "ledger_unavailable",
            LedgerError::Closed => "ledger_closed",
        };
        self.count(Some(source), code, error, peer);
        try_later()
    }

    fn count(
        &self,
        source: Option<&Source>,
        code: &'static str,
        reason: &dyn fmt::Display,
        peer: SocketAddr,
    ) {
        let source = source.map(|source| &source.name);
        self.rejections
            .count(source, code, reason, peer, self.clock.now());
    }

    /// The answer to a method that delivers nothing: the provider's challenge, or 405.
    fn other_method(
        &self,
        source: &Source,
        peer: SocketAddr,
        head: &http::request::Parts,
    ) -> Response {
        let challenge = tollgate_scheme::Request {
            method: &head.method,
            url: &target(&head.uri),
            headers: &head.headers,
            body: &Bytes::new(),
        };
        if let Some(challenge) = source.verifier.challenge(&challenge, self.clock.now()) {
            return answer(challenge);
        }
        let reason = format!("the method is {:?}", head.method.as_str());
        self.count(Some(source), "method", &reason, peer);
        let methods = source.verifier.methods();
        let allow: Vec<_> = methods.iter().map(Method::as_str).collect();
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        if let Ok(allow) = HeaderValue::from_str(&allow.join(", ")) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    fn unknown_path(&self, peer: SocketAddr, path: &str) -> Response {
        let shown: String = path.chars().take(200).collect();
        let reason = format!("no source has the path {shown:?}");
        self.count(None, "unknown_path", &reason, peer);
        text(StatusCode::NOT_FOUND, "not found\n")
    }
}

impl<G: Gateway> Service for Ingress<G> {
    async fn call(&self, peer: SocketAddr, request: Request) -> Response {
        let (head, mut incoming) = request.into_parts();
        let path = head.uri.path();
        let response = match self.gateway.source(path) {
            None => self.unknown_path(peer, path),
            Some(source) if source.verifier.methods().contains(&head.method) => {
                self.post(&source, peer, &head, &mut incoming).await
            }
            Some(source) => self.other_method(&source, peer, &head),
        };
        body::linger(incoming);
        response
    }
}

/// The request's target as it was received.
fn target(uri: &http::Uri) -> Cow<'_, str> {
    match (uri.authority(), uri.path_and_query()) {
        (None, Some(target)) => Cow::Borrowed(target.as_str()),
        _ => Cow::Owned(uri.to_string()),
    }
}

/// The scheme's answer to recorded events. A request all of whose events were there
/// already is a duplicate.
fn acknowledge(source: &Source, recorded: &[Recorded]) -> Response {
    let duplicate = !recorded.is_empty()
        && recorded
            .iter()
            .all(|one| matches!(one, Recorded::Duplicate { .. }));
    let to = if duplicate {
        RequestOutcome::Duplicate
    } else {
        RequestOutcome::Accepted
    };
    let mut response = answer(source.verifier.answer(to));
    let ids: Vec<_> = recorded
        .iter()
        .take(EVENT_IDS)
        .filter_map(|one| one.id())
        .map(|id| id.to_string())
        .collect();
    if !ids.is_empty() {
        let ids = HeaderValue::from_str(&ids.join(",")).expect("ids are hex digits and hyphens");
        response.headers_mut().insert(EVENT_ID, ids);
    }
    response
}

fn answer(answer: Answer) -> Response {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    let kind = answer.content_type.map(HeaderValue::try_from);
    if let Some(Ok(kind)) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// Where the rest of a body may still arrive, a connection of HTTP/1 is of no more use.
fn close(response: &mut Response, version: Version) {
    if version < Version::HTTP_2 {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

/// Nothing is wrong with the request, but it could not be recorded now.
fn try_later() -> Response {
    try_after(1..=5)
}

fn try_after(seconds: RangeInclusive<u32>) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, "try again later\n");
    // Spread, so that not all senders come back in the same second.
    let seconds = HeaderValue::from(fastrand::u32(seconds));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}
