//! The immediate requests of one run.
//!
//! Request and answer are read as a whole, each within its limit: what is recorded is what the
//! guest was given. Redirects are answers like any other: the guest sees where the receiver points
//! to, and may ask there if the manifest grants that origin.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use super::answers::{Answers, RequestSender};
use super::no_answer::{NoAnswer, NoAnswerKind};
use super::refused_method;
use crate::guest::Guest;
use crate::trace::micros;
use tollgate_base::origin::Origin;
use tollgate_ledger::{Exchange, ExchangeAnswer, RequestDigest, Unanswered, without_query};

/// The most bytes that the answers of a run may have together, so that the record of an attempt is
/// bounded.
const MAX_ANSWERS: usize = 8 << 20;

type Answered = Result<ExchangeAnswer, NoAnswer>;
/// The second part is work that goes on beside the answer. There is none: an answer is whole.
type Sent = (
    Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

/// The most bytes of the headers of a request or an answer, by wasmtime's count.
const MAX_FIELDS: usize = 64 << 10;

/// The most bytes of a body that wait in one stream.
const CHUNK: usize = 64 << 10;

/// The immediate requests of one run.
pub(crate) struct Requests {
    guest: Arc<Guest>,
    sender: Option<Arc<dyn RequestSender>>,
    made: u32,
    shared: Arc<Shared>,
}

/// The part of a run's requests that outlives a call of the guest.
struct Shared {
    began: Instant,
    recorded: Mutex<HashMap<RequestDigest, VecDeque<ExchangeAnswer>>>,
    exchanges: Mutex<Vec<Exchange>>,
    /// The bytes that further answers may have.
    left: Mutex<usize>,
}

impl Requests {
    /// The requests of a run that begins now.
    pub(crate) fn new(guest: &Arc<Guest>, answers: &Answers) -> Self {
        Self {
            guest: guest.clone(),
            sender: answers.sender.clone(),
            made: 0,
            shared: Arc::new(Shared {
                began: Instant::now(),
                recorded: Mutex::new(answers.by_request()),
                exchanges: Mutex::default(),
                left: Mutex::new(MAX_ANSWERS),
            }),
        }
    }

    /// The limits of wasmtime's part.
    pub(crate) fn ctx() -> WasiHttpCtx {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(MAX_FIELDS);
        ctx
    }

    /// The exchanges so far, in the order of the requests.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.shared.exchanges.lock().clone()
    }

    /// Why the guest may not send such a request to this URL; `None` if it may.
    fn denied(&self, method: &Method, uri: &Uri) -> Option<NoAnswer> {
        let denied = |text| Some(NoAnswer::new(NoAnswerKind::Denied, text));
        if let Some(why) = refused_method(method) {
            return denied(why.to_owned());
        }
        let most = self.guest.limits.requests;
        if self.made > most {
            return denied(format!(
                "the handler's limit on immediate requests was reached: {most} are allowed \
                 (`requests` in the manifest)"
            ));
        }
        let origin = match Origin::of(uri) {
            Ok(origin) => origin,
            Err(error) => return denied(format!("the URL {error}")),
        };
        let grant = self.guest.grants.iter().find(|one| one.origin == origin);
        match grant {
            Some(grant) if grant.immediate => None,
            Some(_) => denied(format!(
                "{origin} is granted for the outbox alone: write `immediate = true` into its \
                 `[[handlers.{}.allow]]`",
                self.guest.name
            )),
            None => denied(format!(
                "{origin} is not granted: write `[[handlers.{}.allow]]` with `origin = \
                 \"{origin}\"` and `immediate = true`",
                self.guest.name
            )),
        }
    }
}

impl Requests {
    /// Makes a request whose body is there.
    pub(crate) fn send(
        &mut self,
        request: Request<Bytes>,
        patience: Option<Duration>,
    ) -> impl Future<Output = Answered> + Send + use<> {
        let most = self.guest.limits.effects;
        let prepared = self.prepare(request.method(), request.uri());
        let request = match request.body().len() > most {
            false => Ok(request),
            true => Err(too_large(most)),
        };
        prepared.answer(std::future::ready(request), patience)
    }

    /// Counts a request, and checks whether the guest may make it.
    fn prepare(&mut self, method: &Method, uri: &Uri) -> Prepared {
        self.made = self.made.saturating_add(1);
        let denied = self.denied(method, uri);
        let exchange = match denied {
            Some(_) if self.made > self.guest.limits.requests.saturating_add(1) => None,
            _ => Some(self.shared.begin(method, uri)),
        };
        Prepared {
            denied,
            exchange,
            shared: self.shared.clone(),
            sender: self.sender.clone(),
        }
    }
}

impl WasiHttpHooks for Requests {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let patience = patience(options);
        let most = self.guest.limits.effects;
        let head = *request.method() == Method::HEAD;
        let prepared = self.prepare(request.method(), request.uri());
        Box::new(async move {
            let answered = prepared.answer(collect(request, most), patience).await;
            match answered {
                Ok(answer) => Ok((response(answer, head), Box::new(async { Ok(()) }) as Box<_>)),
                Err(why) => Err(why.error()),
            }
        })
    }
}

/// A request that is about to be made.
struct Prepared {
    denied: Option<NoAnswer>,
    /// The number of its exchange; `None` beyond the limit on requests, so that a guest that goes
    /// on makes the record no longer.
    exchange: Option<usize>,
    shared: Arc<Shared>,
    sender: Option<Arc<dyn RequestSender>>,
}

impl Prepared {
    /// The answer to `request`, which may still be on its way from the guest.
    async fn answer(
        self,
        request: impl Future<Output = Result<Request<Bytes>, NoAnswer>>,
        patience: Option<Duration>,
    ) -> Answered {
        let began = Instant::now();
        let Self {
            denied,
            exchange,
            shared,
            sender,
        } = self;
        let answered = match (denied, exchange) {
            (Some(denied), _) => Err(denied),
            (None, Some(exchange)) => match request.await {
                Ok(request) => shared.answer(exchange, request, sender, patience).await,
                Err(why) => Err(why),
            },
            // Only a denied request has no exchange.
            (None, None) => unreachable!("a request that is sent has an exchange"),
        };
        let answered = answered.and_then(|answer| shared.admit(answer));
        if let Some(exchange) = exchange {
            shared.end(exchange, began, &answered);
        }
        answered
    }
}

impl Shared {
    /// Notes that a request begins. Returns the number of its exchange.
    fn begin(&self, method: &Method, uri: &Uri) -> usize {
        let after = micros(self.began.elapsed());
        let mut exchanges = self.exchanges.lock();
        exchanges.push(Exchange::begun(method.as_str(), &uri.to_string(), after));
        exchanges.len() - 1
    }

    async fn answer(
        &self,
        exchange: usize,
        mut request: Request<Bytes>,
        sender: Option<Arc<dyn RequestSender>>,
        patience: Option<Duration>,
    ) -> Answered {
        let url = request.uri().to_string();
        let digest = RequestDigest::of(request.method().as_str(), &url, request.body());
        self.exchanges.lock()[exchange].digest = Some(digest);
        if let Some(answer) = self.take_recorded(&digest) {
            self.exchanges.lock()[exchange].recorded = true;
            return Ok(answer);
        }
        let Some(sender) = sender else {
            return Err(NoAnswer::new(
                NoAnswerKind::Denied,
                unanswered(request.method(), &url),
            ));
        };
        // The connection's host and the length of the body that goes out count.
        request.headers_mut().remove(header::HOST);
        request.headers_mut().remove(header::CONTENT_LENGTH);
        let sending = sender.send(request);
        match patience {
            None => sending.await,
            Some(patience) => tokio::time::timeout(patience, sending)
                .await
                .unwrap_or_else(|_| {
                    let text = format!("no answer within {patience:?}, as the handler asked for");
                    Err(NoAnswer::new(NoAnswerKind::Timeout, text))
                }),
        }
    }

    fn take_recorded(&self, digest: &RequestDigest) -> Option<ExchangeAnswer> {
        self.recorded.lock().get_mut(digest)?.pop_front()
    }

    /// Counts an answer. An error if the answers of the run are too large together.
    fn admit(&self, answer: ExchangeAnswer) -> Answered {
        let mut left = self.left.lock();
        match left.checked_sub(answer.len()) {
            Some(rest) => {
                *left = rest;
                Ok(answer)
            }
            None => {
                let kind = NoAnswerKind::AnswerTooLarge(MAX_ANSWERS);
                let text = format!("the answers of a run have at most {MAX_ANSWERS} bytes");
                Err(NoAnswer::new(kind, text))
            }
        }
    }

    fn end(&self, exchange: usize, began: Instant, answered: &Answered) {
        let exchange = &mut self.exchanges.lock()[exchange];
        exchange.duration_us = micros(began.elapsed());
        exchange.answer = match answered {
            Ok(answer) => Ok(answer.clone()),
            Err(why) => Err(Unanswered(why.text.clone())),
        };
    }
}

/// How long the guest wants to wait for an answer, if it says so.
fn patience(options: Option<RequestOptions>) -> Option<Duration> {
    let options = options?;
    let first = options.first_byte_timeout?;
    Some(first + options.connect_timeout.unwrap_or_default())
}

/// The text for a run that sends nothing.
fn unanswered(method: &Method, url: &str) -> String {
    let url = without_query(url);
    format!("this run sends nothing, and has no answer for {method} {url}")
}

/// The request with its whole body.
///
/// The length that the handler gives counts at each part: a guest whose write fails, since the body
/// is longer, may wait for the answer without ending the body.
async fn collect(request: Request<WasiBody>, most: usize) -> Result<Request<Bytes>, NoAnswer> {
    let (head, mut body) = request.into_parts();
    let length = length_of(&head.headers);
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame
            .map_err(|error| unfinished(&error, whole.len(), length))?
            .into_data()
        else {
            // Trailers, which no request of a handler has use for.
            continue;
        };
        whole.extend_from_slice(&data);
        if whole.len() > most {
            return Err(too_large(most));
        }
        if let Some(length) = length.filter(|length| whole.len() as u64 > *length) {
            return Err(of_other_length("more", whole.len(), length));
        }
    }
    Ok(Request::from_parts(head, whole.into()))
}

/// The `content-length` that the handler gives; wasmtime has checked its form.
fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Why a body ended before its end, after so many bytes.
fn unfinished(error: &Error, bytes: usize, length: Option<u64>) -> NoAnswer {
    match length {
        Some(length) if (bytes as u64) < length => of_other_length("fewer", bytes, length),
        _ => NoAnswer::new(
            NoAnswerKind::Failed,
            format!("the handler did not finish the request's body: {error}"),
        ),
    }
}

fn of_other_length(than: &str, bytes: usize, length: u64) -> NoAnswer {
    NoAnswer::new(
        NoAnswerKind::RequestOfOtherLength(bytes),
        format!(
            "the handler wrote {than} bytes of the request's body than its `content-length` of \
             {length} says; leave the header out, and the gateway sets it"
        ),
    )
}

fn too_large(most: usize) -> NoAnswer {
    let kind = NoAnswerKind::RequestTooLarge(most);
    let text = "the body of a request has at most";
    NoAnswer::new(
        kind,
        format!("{text} {most} bytes (`effects` in the manifest)"),
    )
}

/// The answer as the guest gets it.
fn response(answer: ExchangeAnswer, head: bool) -> Response<WasiBody> {
    let length = answer.body.len();
    let body = Full::new(answer.body).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    // An answer of a sender has a status that is one.
    if let Ok(status) = answer.status.try_into() {
        *response.status_mut() = status;
    }
    for (name, value) in answer.headers {
        let name = http::HeaderName::try_from(name);
        let value = http::HeaderValue::try_from(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    // The body may be shorter than what came, since credentials are taken out.
    let lengths = response.headers_mut().entry(header::CONTENT_LENGTH);
    if let (http::header::Entry::Occupied(mut entry), false) = (lengths, head) {
        entry.insert(length.into());
    }
    response
}
