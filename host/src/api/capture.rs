//! Captures: requests as they come to a source, sent to the operator who watches.
//!
//! The answer is a stream of lines. A task of its own reads the tap, so that the capture ends in
//! time even if the client does not read.

use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use http::{StatusCode, header};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use utoipa::ToSchema;

use super::answers::{ApiError, ChangeErrors};
use super::calls::Calls;
use super::extract::Posted;
use super::intervention::Attribution;
use crate::capture::{
    Capture, CaptureEnd, CaptureLine, CapturedAnswer, CapturedEvent, CapturedId, CapturedRequest,
    CapturedStep, EndReason, Raw, redact,
};
use crate::run::{Core, metadata};
use crate::server::{OpenTap, Operator, Tapped, Wanted, WantedSource, is_harmless};
use tollgate_base::event::SourceName;
use tollgate_base::json::minified;
use tollgate_ledger::Recorded;
use tollgate_scheme::ProviderEvent;

/// The most requests of one capture.
const LIMIT: u64 = 10_000;
/// The longest capture, in seconds.
const SECONDS: u64 = 3600;
/// The time without a request after which an empty line says that the stream lives.
const ALIVE: Duration = Duration::from_secs(10);
/// How long a client may take to read what waits at the end.
const GRACE: Duration = Duration::from_secs(10);
/// The name of the source in a request for paths that no source has, as in rejections.
const NO_SOURCE: &str = "-";

/// Which requests an operator wants to see, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CaptureRequest {
    /// The source; `-` for paths that no source has. Default: all.
    pub(crate) source: Option<String>,
    /// Whether only refused requests are wanted.
    pub(crate) rejected: bool,
    /// Whether values of bodies, queries and headers are replaced, so that nobody is named. The
    /// signatures do not hold any more.
    pub(crate) redact: bool,
    /// The number of requests after which the stream ends.
    #[schema(minimum = 1, maximum = 10_000)]
    pub(crate) limit: u64,
    /// The time after which the stream ends, in seconds.
    #[schema(minimum = 1, maximum = 3600)]
    pub(crate) seconds: u64,
    /// The name of the operator, for the log.
    pub(crate) who: Option<String>,
    /// The reason, for the log.
    pub(crate) why: Option<String>,
}

impl Default for CaptureRequest {
    fn default() -> Self {
        Self {
            source: None,
            rejected: false,
            redact: false,
            limit: 100,
            seconds: 300,
            who: None,
            why: None,
        }
    }
}

impl CaptureRequest {
    fn check(&self) -> Result<(), ApiError> {
        if !(1..=LIMIT).contains(&self.limit) {
            let message = format!("`limit` is 1 to {LIMIT}");
            return Err(ApiError::bad_request(message));
        }
        if !(1..=SECONDS).contains(&self.seconds) {
            let message = format!("`seconds` is 1 to {SECONDS}");
            return Err(ApiError::bad_request(message));
        }
        Ok(())
    }

    fn wanted(&self, core: &Core) -> Result<Wanted, ApiError> {
        let source = match self.source.as_deref() {
            None => WantedSource::Any,
            Some(NO_SOURCE) => WantedSource::None,
            Some(name) => {
                let name = SourceName::new(name);
                if !core.current.load().manifest.sources.contains_key(&name) {
                    return Err(ApiError::not_found(format!("there is no source `{name}`")));
                }
                WantedSource::Named(name)
            }
        };
        Ok(Wanted {
            source,
            rejected: self.rejected,
        })
    }
}

/// Captures the requests that come to a source from now on, with the answers to them: each with
/// its headers and its body, in a line of JSON (`{"capture": …}`). The last line says how the
/// capture ended (`{"end": …}`). The role `read` may not capture.
///
/// A request that comes faster than the client reads is counted and left out: no sender waits for a
/// capture. Secrets of the source are in no capture, only marks in their place.
#[utoipa::path(
    post,
    path = "/api/capture",
    tag = "sources",
    request_body = CaptureRequest,
    responses(
        (
            status = 200,
            description = "Lines of JSON, until the limit or the time.",
            content_type = "application/x-ndjson",
            body = CaptureLine,
        ),
        ChangeErrors,
    ),
)]
pub(super) async fn capture(
    State(calls): State<Calls>,
    Extension(operator): Extension<Operator>,
    Extension(ended): Extension<watch::Receiver<bool>>,
    Posted(asked): Posted<CaptureRequest>,
) -> Result<Response, ApiError> {
    asked.check()?;
    let core = calls.core();
    let tap = core.taps.open(asked.wanted(core)?);
    let tap = tap.map_err(|error| ApiError::new(StatusCode::CONFLICT, error.to_string()))?;
    let by = Attribution {
        who: asked.who.clone(),
        why: asked.why.clone(),
    };
    let by = by.by(&operator);
    let source = asked.source.as_deref().unwrap_or("every source");
    tracing::info!(
        source,
        who = by.who,
        why = by.why,
        "an operator captures requests"
    );
    let (lines, sent) = mpsc::channel(1);
    let capturing = Capturing {
        until: Instant::now() + Duration::from_secs(asked.seconds),
        asked,
        tap,
        ended,
        captured: 0,
    };
    tokio::spawn(capturing.run(lines));
    let body = unfold(sent, |mut sent: mpsc::Receiver<Bytes>| async {
        let line = sent.recv().await?;
        Some((Ok::<_, Infallible>(line), sent))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(body)).into_response())
}

/// A capture under way.
struct Capturing {
    asked: CaptureRequest,
    tap: OpenTap,
    until: Instant,
    ended: watch::Receiver<bool>,
    captured: u64,
}

/// What comes next.
enum Next {
    Request(Box<Tapped>),
    Nothing,
    End(EndReason),
}

impl Capturing {
    /// Sends lines until the capture ends or the client is gone.
    async fn run(mut self, lines: mpsc::Sender<Bytes>) {
        let why = loop {
            let line = match self.next(&lines).await {
                None => return,
                Some(Next::End(why)) => break why,
                Some(Next::Nothing) => Bytes::from_static(b"\n"),
                Some(Next::Request(tapped)) => {
                    self.captured += 1;
                    self.line(*tapped).await
                }
            };
            tokio::select! {
                sent = lines.send(line) => match sent {
                    Ok(()) => {}
                    Err(_) => return,
                },
                () = sleep_until(self.until + GRACE) => return,
            }
        };
        let end = CaptureLine::End(CaptureEnd {
            why,
            captured: self.captured,
            dropped: self.tap.dropped(),
        });
        // The client may be gone, or slow.
        let _ = timeout(GRACE, lines.send(text(&end))).await;
    }

    /// What comes next; `None` if the client is gone.
    async fn next(&mut self, lines: &mpsc::Sender<Bytes>) -> Option<Next> {
        if self.captured >= self.asked.limit {
            return Some(Next::End(EndReason::Limit));
        }
        tokio::select! {
            biased;
            () = lines.closed() => None,
            _ = self.ended.wait_for(|ended| *ended) => Some(Next::End(EndReason::Shutdown)),
            () = sleep_until(self.until) => Some(Next::End(EndReason::Time)),
            tapped = self.tap.next() => Some(Next::Request(Box::new(tapped))),
            () = sleep(ALIVE) => Some(Next::Nothing),
        }
    }

    /// The line of a request. A large body takes a while.
    async fn line(&self, tapped: Tapped) -> Bytes {
        let mark = tapped.is_marked.then(|| self.tap.mark().to_owned());
        let redacts = self.asked.redact;
        let made = tokio::task::spawn_blocking(move || {
            let mut capture = capture_of(tapped, mark);
            if redacts {
                redact(&mut capture, is_harmless);
            }
            text(&CaptureLine::Capture(Box::new(capture)))
        });
        made.await.unwrap_or_default()
    }
}

/// A line of JSON.
fn text(line: &CaptureLine) -> Bytes {
    // The line is made of texts, numbers and JSON, which are all JSON.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

/// The capture of a request.
fn capture_of(tapped: Tapped, secret_mark: Option<String>) -> Capture {
    let recorded = tapped.verdict.recorded.iter();
    let recorded = recorded.map(|one| CapturedId {
        id: one.id().map(|id| id.to_string()),
        duplicate: matches!(one, Recorded::Duplicate { .. }),
    });
    let recorded = recorded.collect::<Vec<_>>();
    let refused = tapped.verdict.refused.clone();
    let (code, reason) = refused.unzip();
    // A request that was verified and then not recorded, as the disk was full, has no event here.
    let events = match code {
        Some(_) => Vec::new(),
        None => tapped.verdict.events.iter().collect(),
    };
    let mut events = events.into_iter().map(|event| event_of(event, &tapped));
    let (event, steps) = match events.len() {
        0 | 1 => (events.next(), None),
        _ => (
            None,
            Some(events.map(|event| CapturedStep { event }).collect()),
        ),
    };
    Capture {
        event,
        steps,
        answer: CapturedAnswer {
            status: tapped.status,
            code: code.map(str::to_owned),
            reason,
            recorded,
        },
        request: CapturedRequest {
            source: tapped.source.as_ref().map(ToString::to_string),
            received_ms: tapped.at,
            peer: tapped.peer,
            method: tapped.method,
            target: String::from_utf8_lossy(&tapped.target).into_owned(),
            headers: tapped
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), Raw::of(value)))
                .collect(),
            body: tapped.body.as_deref().map(Raw::of),
            secret_mark,
            redacted: None,
        },
    }
}

/// An event as a fixture has it.
fn event_of(event: &ProviderEvent, tapped: &Tapped) -> CapturedEvent {
    let source = tapped.source.as_ref().map(ToString::to_string);
    let pairs = event.headers.iter();
    CapturedEvent {
        kind: event.kind.clone(),
        source: source.unwrap_or_default(),
        provider_id: event.provider_id.clone(),
        subject: event.subject.clone(),
        account: event.account.clone(),
        created_ms: event.created,
        received_ms: tapped.at,
        headers: pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        metadata: metadata(event, None).into_iter().collect(),
        payload: payload(&event.payload),
    }
}

/// The payload: JSON on one line with its numbers as they are, or a string. A string stands for its
/// bytes in a fixture, so a payload that is a string of JSON becomes one, too.
fn payload(bytes: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes);
    let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
    let raw = match is_json && !text.trim_start().starts_with('"') {
        true => String::from_utf8(minified(text.as_bytes())).ok(),
        false => None,
    };
    let raw = raw.and_then(|raw| RawValue::from_string(raw).ok());
    // A string is JSON.
    raw.or_else(|| to_raw_value(&text).ok())
        .unwrap_or_else(|| RawValue::NULL.to_owned())
}
