//! The ingress service: verifies a provider's request, records its events durably, then answers.
//!
//! The order is the promise. Only the scheme sees the body before the signature is verified, and no
//! 2xx is sent before the ledger says that the events are on disk.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;

use super::arrival::Arrival;
use super::body::{self, BodyError};
use super::conditions::Unmet;
use super::forwarded::Sender;
use super::ingress_backend::{IngressBackend, SenderRules};
use super::kept::Refused;
use super::per_address::{Over, PerAddressLimits};
use super::refusal::Refusal;
use super::rejections::Rejections;
use super::response::{text, try_after, try_later};
use super::service::{Caller, Request, Response, Service};
use super::tap::{Answered, Taps};
use crate::settings::{Network, PerAddress, Source, Strict};
use crate::telemetry::traces::{Named, RequestSpan, Span};
use tollgate_base::time::{Clock, WallTime};
use tollgate_ledger::{LedgerError, Recorded};
use tollgate_scheme::{Accepted, Answer, Rejection, RequestOutcome};

/// The response header with the ids of the recorded events, separated by commas.
const EVENT_ID: &str = "tollgate-event-id";
/// The most ids in that header. The events of a larger batch can be found by the first ids.
const EVENT_IDS: usize = 50;
/// `Retry-After` in seconds while the backlog is too large: it takes a while to shrink.
const BACKLOG_WAIT: RangeInclusive<u32> = 30..=60;

/// Answers the requests of providers.
pub struct Ingress<B> {
    backend: Arc<B>,
    clock: Arc<dyn Clock>,
    rejections: Arc<Rejections>,
    taps: Arc<Taps>,
    per_address: PerAddressLimits,
    strict: Strict,
}

impl<B: IngressBackend> Ingress<B> {
    /// A service in front of `backend`. Counts refused requests in `rejections`. `limits` are those
    /// of each address, and `strict` says which odd requests are refused.
    pub fn new(
        backend: Arc<B>,
        clock: Arc<dyn Clock>,
        rejections: Arc<Rejections>,
        limits: PerAddress,
        strict: Strict,
    ) -> Self {
        Self {
            backend,
            clock,
            taps: Arc::default(),
            rejections,
            per_address: PerAddressLimits::new(limits),
            strict,
        }
    }

    /// The same service, whose requests operators can watch by `taps`.
    pub(crate) fn tapped_by(self, taps: Arc<Taps>) -> Self {
        Self { taps, ..self }
    }

    /// The sender of a request. Tells the operator if proxies leave doubt about the sender.
    fn sender(&self, caller: &Caller, head: &http::request::Parts, trusted: &[Network]) -> Sender {
        let secured = caller.secured.is_some();
        let sender = Sender::of(caller.address, secured, &head.headers, trusted);
        if let Some(doubt) = sender.doubt {
            let now = self.clock.now();
            self.rejections
                .count_odd(doubt.code(), &doubt, &sender, now);
        }
        sender
    }

    async fn post(
        &self,
        source: &B::Source,
        sender: &Arrival<'_>,
        caller: &mut Caller,
        head: &http::request::Parts,
        incoming: &mut Incoming,
    ) -> Response {
        let mut trace = RequestSpan::begin();
        let response = match self.body(source, sender, caller, head, incoming).await {
            Ok(body) => {
                trace.has_body();
                self.event(source, sender, (head, &body), &mut trace).await
            }
            Err(refused) => refused,
        };
        let named = Named {
            name: source.name.as_str(),
            path: &source.path,
            sender: sender.address(),
            https: sender.sender.https,
        };
        trace.answered(head, named, response.status());
        response
    }

    /// The whole body, or the refusal.
    async fn body(
        &self,
        source: &B::Source,
        sender: &Arrival<'_>,
        caller: &mut Caller,
        head: &http::request::Parts,
        incoming: &mut Incoming,
    ) -> Result<Bytes, Response> {
        if self.backend.refuses() {
            return Err(self.refuse_more(source, sender, head.version));
        }
        let after = self.backend.body_timeout(source);
        let whole = body::read(incoming, source.body_limit, after, &mut caller.share).await;
        let whole =
            whole.map_err(|error| self.refuse_body(source, sender, head.version, &error))?;
        if self.rejections.keeps_body() || self.taps.any() {
            sender.has_body(&whole);
        }
        Ok(whole)
    }

    /// The response to a request that is there as a whole.
    async fn event(
        &self,
        source: &B::Source,
        sender: &Arrival<'_>,
        (head, body): (&http::request::Parts, &Bytes),
        trace: &mut RequestSpan,
    ) -> Response {
        let arrived = Instant::now();
        let now = self.clock.now();
        let url = target(&head.uri);
        let request = tollgate_scheme::Request {
            method: &head.method,
            url: &url,
            headers: &head.headers,
            body,
        };
        if let Some(challenge) = source.verifier.challenge(&request, now) {
            return answer(challenge);
        }
        let mut accepted = match self.verify(source, sender, &request, now).await {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(later)) => {
                trace.verified(head, &source.path, Err("key_unavailable"));
                return later;
            }
            Err(rejection) => {
                trace.verified(head, &source.path, Err(rejection.code()));
                self.count(Some(source), rejection.code(), &rejection, sender);
                self.per_address
                    .failed(sender.address(), self.clock.uptime());
                return answer(source.verifier.answer(RequestOutcome::Rejected));
            }
        };
        trace.verified(head, &source.path, Ok(()));
        if let Some(visit) = accepted.visit.take()
            && let Err(why) = self.backend.visit(source, visit).await
        {
            let why = format!("the provider's URL cannot be visited: {why}");
            self.count(Some(source), "visit_failed", &why, sender);
            return try_later();
        }
        let mut recording = trace.part("record");
        let context = trace.context();
        if self.taps.any() {
            sender.verdict.lock().events = accepted.events.get().clone();
        }
        // But for a visit, nothing is awaited between the verification and the record: if a sender
        // hangs up after its last byte, its events are recorded.
        let recorded = self.backend.accept(source, accepted, now, context.as_ref());
        match recorded.await {
            Ok(recorded) => {
                note(trace, &mut recording, &recorded);
                if self.taps.any() {
                    sender.verdict.lock().recorded.clone_from(&recorded);
                }
                self.per_address
                    .accepted(sender.address(), self.clock.uptime());
                self.backend.acknowledged(source, arrived.elapsed());
                acknowledge(source, &recorded)
            }
            Err(error) => {
                recording.fail("");
                self.not_recorded(source, sender, &error)
            }
        }
    }

    /// Verifies a request. Fetches the key if the scheme needs one; the inner error is the response
    /// to a sender that must try again later because the key is not available now.
    async fn verify(
        &self,
        source: &B::Source,
        sender: &Arrival<'_>,
        request: &tollgate_scheme::Request<'_>,
        now: WallTime,
    ) -> Result<Result<Accepted, Response>, Rejection> {
        let id = match source.verifier.verify(request, now) {
            Err(Rejection::KeyNeeded { id }) => id,
            outcome => return outcome.map(Ok),
        };
        match self.backend.key(source, &id).await {
            Ok(key) => {
                let verifier = &source.verifier;
                verifier.verify_with(request, now, &id, &key).map(Ok)
            }
            Err(why) => {
                let why = format!("the key `{}` is not available: {why}", id.escape_default());
                self.count(Some(source), "key_unavailable", &why, sender);
                Ok(Err(try_later()))
            }
        }
    }

    /// Refuses a request because the backlog is too large. Only the path of the request was read.
    fn refuse_more(&self, source: &Source, sender: &Arrival<'_>, version: Version) -> Response {
        let reason = "the backlog is too large";
        self.count(Some(source), "backlog", &reason, sender);
        let mut response = try_after(StatusCode::SERVICE_UNAVAILABLE, BACKLOG_WAIT);
        close(&mut response, version);
        response
    }

    /// The refusal of a request by its head alone; `None` if the request may go on.
    fn refuse_head(
        &self,
        source: Option<&Source>,
        sender: &Arrival<'_>,
        caller: &Caller,
        rules: &SenderRules,
        head: &http::request::Parts,
    ) -> Option<Response> {
        let now = self.clock.uptime();
        if let Err(over) = self.per_address.admit(sender.address(), now) {
            return Some(self.refuse_rate(source, sender, head.version, &over));
        }
        let unmet = Unmet::by(head, sender, source, rules, self.strict)
            .or_else(|| Unmet::by_certificate(caller, source?))?;
        self.count(source, unmet.code(), &unmet, sender);
        let mut response = unmet.response();
        close(&mut response, head.version);
        Some(response)
    }

    /// Refuses a request of an address that sends too many.
    fn refuse_rate(
        &self,
        source: Option<&Source>,
        sender: &Arrival<'_>,
        version: Version,
        over: &Over,
    ) -> Response {
        self.count(source, over.code(), over, sender);
        let seconds = over.seconds();
        let mut response = try_after(StatusCode::TOO_MANY_REQUESTS, seconds..=seconds);
        close(&mut response, version);
        response
    }

    fn refuse_body(
        &self,
        source: &Source,
        sender: &Arrival<'_>,
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
            BodyError::NoMemory(_) => ("body_memory", try_later()),
        };
        close(&mut response, version);
        self.count(Some(source), code, error, sender);
        response
    }

    fn not_recorded(&self, source: &Source, sender: &Arrival<'_>, error: &LedgerError) -> Response {
        let code = match error {
            LedgerError::Busy => "ledger_busy",
            LedgerError::Unavailable(_) | LedgerError::Unreadable(_) => "ledger_unavailable",
            LedgerError::Closed => "ledger_closed",
        };
        self.count(Some(source), code, error, sender);
        try_later()
    }

    fn count(
        &self,
        source: Option<&Source>,
        code: &'static str,
        reason: &dyn fmt::Display,
        sender: &Arrival<'_>,
    ) {
        if self.taps.any() {
            sender.verdict.lock().refused = Some((code, reason.to_string()));
        }
        let source = source.map(|source| &source.name);
        let at = self.clock.now();
        let kept = self
            .rejections
            .count(source, code, reason, &sender.sender, at);
        if let Some(more) = kept {
            let refused = Refused {
                source,
                code,
                reason: reason.to_string(),
                peer: sender.sender.to_string(),
                head: sender.head,
                body: sender.body.get(),
                at,
            };
            self.rejections.keep(refused, more);
        }
    }

    /// Shows a request to the operators who watch.
    fn show(
        &self,
        source: Option<&Source>,
        sender: &Arrival<'_>,
        head: &http::request::Parts,
        status: StatusCode,
    ) {
        self.taps.offer(&Answered {
            source: source.map(|source| (&source.name, source.settings.secrets.as_slice())),
            at: self.clock.now(),
            peer: sender.sender.to_string(),
            head,
            target: &target(&head.uri),
            body: sender.body.get(),
            verdict: std::mem::take(&mut sender.verdict.lock()),
            status: status.as_u16(),
        });
    }

    /// The response to a method that delivers no event: the provider's challenge, or 405.
    fn other_method(
        &self,
        source: &Source,
        sender: &Arrival<'_>,
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
        self.count(Some(source), "method", &reason, sender);
        let methods = source.verifier.methods();
        let allow: Vec<_> = methods.iter().map(Method::as_str).collect();
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        if let Ok(allow) = HeaderValue::from_str(&allow.join(", ")) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    fn unknown_path(&self, sender: &Arrival<'_>, path: &str) -> Response {
        let shown: String = path.chars().take(200).collect();
        let reason = format!("no source has the path {shown:?}");
        self.count(None, "unknown_path", &reason, sender);
        text(StatusCode::NOT_FOUND, "not found\n")
    }
}

impl<B: IngressBackend> Service for Ingress<B> {
    type Body = Full<Bytes>;

    async fn call(&self, mut caller: Caller, request: Request) -> Response {
        let (head, mut incoming) = request.into_parts();
        let rules = self.backend.sender_rules();
        let sender = self.sender(&caller, &head, &rules.trusted_proxies);
        let sender = &Arrival::of(sender, &head);
        let path = head.uri.path();
        let source = self.backend.source(path);
        let refused = self.refuse_head(source.as_deref(), sender, &caller, &rules, &head);
        let response = match (refused, &source) {
            (Some(refused), _) => refused,
            (None, None) => self.unknown_path(sender, path),
            (None, Some(source)) if source.verifier.methods().contains(&head.method) => {
                let caller = &mut caller;
                self.post(source, sender, caller, &head, &mut incoming)
                    .await
            }
            (None, Some(source)) => self.other_method(source, sender, &head),
        };
        if self.taps.any() {
            self.show(source.as_deref(), sender, &head, response.status());
        }
        body::linger(incoming, Some(caller.share));
        response
    }

    fn refused(&self, peer: SocketAddr, refusal: Refusal) {
        let sender = Arrival::without_request(Sender::direct(peer));
        self.count(None, refusal.code(), &refusal, &sender);
    }
}

/// Notes what was recorded.
fn note(trace: &mut RequestSpan, recording: &mut Span, recorded: &[Recorded]) {
    if let [one] = recorded
        && let Some(id) = one.id()
    {
        trace.set("tollgate.event.id", || id.to_string());
    }
    let is_duplicate = |recorded: &&Recorded| matches!(recorded, Recorded::Duplicate { .. });
    recording.set("tollgate.events", || recorded.len() as i64);
    recording.set("tollgate.duplicates", || {
        recorded.iter().filter(is_duplicate).count() as i64
    });
}

/// The target of the request as it was received.
fn target(uri: &http::Uri) -> Cow<'_, str> {
    match (uri.authority(), uri.path_and_query()) {
        (None, Some(target)) => Cow::Borrowed(target.as_str()),
        _ => Cow::Owned(uri.to_string()),
    }
}

/// The scheme's answer to recorded events. A request is a duplicate if all of its events were
/// recorded before.
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

/// Closes an HTTP/1 connection after the response: the rest of the body may still arrive.
fn close(response: &mut Response, version: Version) {
    if version < Version::HTTP_2 {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}
