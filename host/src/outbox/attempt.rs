//! One try of one request: what is sent, and what the answer means.

use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;

use super::response::Answer;
use super::retry_after::retry_after;
use crate::egress::{Clients, Destination, USER_AGENT, error_chain};
use crate::settings::{Allow, Handler};
use tollgate_base::origin::Origin;
use tollgate_base::time::{SteadyClock, WallTime};
use tollgate_ledger::OutboxRequest;

/// What is read of an answer's body that nobody asked for: reading it to its end lets the
/// connection be used again.
const ANSWER_BYTES: usize = 64 * 1024;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EVENT_ID: HeaderName = HeaderName::from_static("tollgate-event-id");
/// Headers that are not the guest's to set: those of the connection and the message's
/// framing, where a second opinion is how requests are smuggled.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "tollgate-event-id",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// How one try ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The answer's status, if there was an answer.
    pub(super) status: Option<StatusCode>,
    /// What went wrong, in words; empty when nothing did.
    pub(super) error: String,
    pub(super) verdict: Verdict,
    /// The answer, if there was one and the handler asked for it.
    pub(super) answer: Option<Answer>,
}

/// What is to become of a request after a try.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Verdict {
    /// The receiver has it.
    Sent,
    /// It may succeed later; not before this, if the receiver says so.
    Again(Option<Duration>),
    /// No further try would end otherwise.
    Dead,
}

impl Outcome {
    /// For how long the receiver wants nothing more, from anybody: `Retry-After` with a status
    /// that speaks of the receiver (RFC 6585, section 4; RFC 9110, section 15.6.4). With others
    /// it speaks of the request.
    pub(super) fn asks_for_time(&self) -> Option<Duration> {
        match (self.status?.as_u16(), self.verdict) {
            (429 | 503, Verdict::Again(asked)) => asked,
            _ => None,
        }
    }

    pub(super) fn dead(error: impl Into<String>) -> Self {
        Self {
            status: None,
            error: error.into(),
            verdict: Verdict::Dead,
            answer: None,
        }
    }

    fn again(error: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Again(None),
            ..Self::dead(error)
        }
    }
}

/// Tries to send a request as `handler`'s `allow` list has it now.
pub(super) async fn attempt(
    clients: &Clients,
    clock: &SteadyClock,
    handler: &Handler,
    request: &OutboxRequest,
    limit: Duration,
) -> Outcome {
    let (allow, prepared) = match prepare(handler, request) {
        Ok(prepared) => prepared,
        Err(error) => return Outcome::dead(error),
    };
    let destination = Destination::new(allow);
    let sending = async {
        let answer = match clients.get(&destination).request(prepared).await {
            Ok(answer) => answer,
            Err(error) => return Outcome::again(error_chain(&error)),
        };
        let (head, body) = answer.into_parts();
        let mut outcome = judge(head.status, &head.headers, clock.wall());
        // The status has decided; a body that breaks off or is too long changes nothing.
        if request.request.respond.is_some() {
            let limit = handler.guest.limits.response;
            outcome.answer = Some(Answer::read(&head.headers, body, allow, limit).await);
        } else {
            _ = Limited::new(body, ANSWER_BYTES).collect().await;
        }
        outcome
    };
    match timeout(limit, sending).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::again(format!("no whole answer within {limit:?}")),
    }
}

/// The request as it goes out, with the `allow` entry that lets it; or why it may not.
fn prepare<'a>(
    handler: &'a Handler,
    request: &OutboxRequest,
) -> Result<(&'a Allow, http::Request<Full<bytes::Bytes>>), String> {
    let new = &request.request;
    let uri: Uri = new
        .url
        .parse()
        .map_err(|error| format!("the URL cannot be read: {error}"))?;
    let origin = Origin::of(&uri).map_err(|error| format!("the URL {error}"))?;
    let allow = handler
        .allow
        .iter()
        .find(|allow| allow.origin == origin)
        .ok_or_else(|| format!("the manifest's `allow` list of the handler has no {origin}"))?;
    let method: Method = new
        .method
        .parse()
        .map_err(|_| format!("{:?} is no HTTP method", new.method))?;
    if method == Method::CONNECT {
        return Err("CONNECT asks for a tunnel, which is no request".to_owned());
    }
    let mut prepared = http::Request::new(Full::new(new.body.clone()));
    *prepared.method_mut() = method;
    *prepared.uri_mut() = uri;
    *prepared.headers_mut() = headers(allow, request)?;
    Ok((allow, prepared))
}

/// The guest's headers, then the gateway's, then the manifest's secret ones: the later
/// win.
fn headers(allow: &Allow, request: &OutboxRequest) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(request.request.headers.len() + 4);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    let mut own_agent = false;
    for (name, value) in &request.request.headers {
        let name: HeaderName = name
            .parse()
            .map_err(|_| format!("{name:?} is no header name"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| format!("the value of the header `{name}` is not valid"))?;
        if RESERVED.contains(&name.as_str()) {
            continue;
        }
        if name == header::USER_AGENT && !own_agent {
            own_agent = true;
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    let key = HeaderValue::from_str(&request.request.key)
        .map_err(|_| "the idempotency key is no header value".to_owned())?;
    headers.insert(IDEMPOTENCY_KEY, key);
    let event = HeaderValue::from_str(&request.event.to_string())
        .map_err(|_| "the event's id is no header value".to_owned())?;
    headers.insert(EVENT_ID, event);
    for (name, secret) in &allow.headers {
        let bad = || format!("the `allow` entry's header {name:?} is not valid");
        let name: HeaderName = name.parse().map_err(|_| bad())?;
        let mut value = HeaderValue::from_bytes(secret.expose()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// What an answer means. Redirects are not followed: where they lead has not been
/// allowed, and a POST that was redirected is a GET to most clients.
fn judge(status: StatusCode, headers: &HeaderMap, now: WallTime) -> Outcome {
    let verdict = match status.as_u16() {
        200..=299 => Verdict::Sent,
        408 | 425 | 429 | 500..=599 => Verdict::Again(retry_after(headers, now)),
        _ => Verdict::Dead,
    };
    let error = match verdict {
        Verdict::Sent => String::new(),
        _ if status.is_redirection() => {
            format!("answered {}: redirects are not followed", status.as_u16())
        }
        _ => format!("answered {}", status.as_u16()),
    };
    Outcome {
        status: Some(status),
        error,
        verdict,
        answer: None,
    }
}
