//! A request as it leaves: its target, its headers, and the reasons for which it may not leave.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::InvalidUri;
use http::{Method, Uri};
use http_body_util::Full;

use crate::alerts;
use crate::egress::{USER_AGENT, added_header};
use crate::outbox::parts::Target;
use crate::settings::{AlertReceiver, Allow, Handler};
use tollgate_base::origin::{Origin, OriginError};
use tollgate_ledger::OutboxRequest;
use tollgate_sandbox::refused_method;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EVENT_ID: HeaderName = HeaderName::from_static("tollgate-event-id");

/// Headers that a guest cannot set: headers of the connection and of the message's framing, where
/// two values would let an attacker smuggle requests, and the headers that the gateway sets.
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

/// Why a request cannot be sent. No later try would end otherwise.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsendable {
    /// The URL is malformed.
    #[error("the URL cannot be read: {0}")]
    Url(InvalidUri),
    /// The URL has no origin to which a request may go.
    #[error("the URL {0}")]
    Origin(OriginError),
    /// The handler may not send to this origin.
    #[error("the manifest's `allow` list of the handler has no {0}")]
    NotAllowed(Origin),
    /// The method is malformed.
    #[error("{0:?} is no HTTP method")]
    Method(String),
    /// No handler may send a request with this method.
    #[error("{0}")]
    Refused(&'static str),
    /// The name of a header is malformed.
    #[error("{0:?} is no header name")]
    HeaderName(String),
    /// The value of a header is malformed. The message does not repeat it.
    #[error("the value of the header `{0}` is not valid")]
    HeaderValue(HeaderName),
    /// The idempotency key cannot be in a header.
    #[error("the idempotency key is no header value")]
    IdempotencyKey,
    /// The notice about an alert cannot be read.
    #[error(transparent)]
    Notice(#[from] alerts::Unreadable),
    /// The event's id cannot be in a header.
    #[error("the event's id is no header value")]
    EventId,
    /// A header that the manifest adds is malformed. The message does not repeat its value.
    #[error("the `allow` entry's header {0:?} is not valid")]
    AddedHeader(String),
}

/// The request as it goes out, with the `allow` entry that lets it go.
pub(super) fn outgoing<'a>(
    target: &'a Target,
    request: &OutboxRequest,
) -> Result<(&'a Allow, http::Request<Full<Bytes>>), Unsendable> {
    match target {
        Target::Handler(handler) => of_handler(handler, request),
        Target::Receiver(receiver) => Ok((&receiver.allow, notice(receiver, request)?)),
    }
}

/// A notice about an alert, in the form and to the URL that the receiver has now. No message
/// repeats the URL, which may be a secret.
fn notice(
    receiver: &AlertReceiver,
    request: &OutboxRequest,
) -> Result<http::Request<Full<Bytes>>, Unsendable> {
    let uri = Uri::try_from(receiver.url.expose()).map_err(Unsendable::Url)?;
    let body = alerts::body(receiver, &request.request.body)?;
    let mut outgoing = http::Request::new(Full::new(body));
    *outgoing.method_mut() = Method::POST;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers(&receiver.allow, request)?;
    let json = HeaderValue::from_static("application/json");
    outgoing.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(outgoing)
}

/// A handler's request.
fn of_handler<'a>(
    handler: &'a Handler,
    request: &OutboxRequest,
) -> Result<(&'a Allow, http::Request<Full<Bytes>>), Unsendable> {
    let new = &request.request;
    let uri: Uri = new.url.parse().map_err(Unsendable::Url)?;
    let origin = Origin::of(&uri).map_err(Unsendable::Origin)?;
    let Some(allow) = handler.allow.iter().find(|allow| allow.origin == origin) else {
        return Err(Unsendable::NotAllowed(origin));
    };
    let method: Method = new
        .method
        .parse()
        .map_err(|_| Unsendable::Method(new.method.clone()))?;
    if let Some(why) = refused_method(&method) {
        return Err(Unsendable::Refused(why));
    }
    let mut outgoing = http::Request::new(Full::new(new.body.clone()));
    *outgoing.method_mut() = method;
    *outgoing.uri_mut() = uri;
    *outgoing.headers_mut() = headers(allow, request)?;
    Ok((allow, outgoing))
}

/// The guest's headers, then the gateway's, then the secret ones of the manifest. Later ones
/// replace earlier ones.
fn headers(allow: &Allow, request: &OutboxRequest) -> Result<HeaderMap, Unsendable> {
    let new = &request.request;
    let mut headers = HeaderMap::with_capacity(new.headers.len() + 4);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    let mut has_agent = false;
    for (name, value) in &new.headers {
        let name: HeaderName = name
            .parse()
            .map_err(|_| Unsendable::HeaderName(name.clone()))?;
        let Ok(value) = HeaderValue::from_str(value) else {
            return Err(Unsendable::HeaderValue(name));
        };
        if RESERVED.contains(&name.as_str()) {
            continue;
        }
        if name == header::USER_AGENT && !has_agent {
            has_agent = true;
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    let key = HeaderValue::from_str(&new.key).map_err(|_| Unsendable::IdempotencyKey)?;
    headers.insert(IDEMPOTENCY_KEY, key);
    let event =
        HeaderValue::from_str(&request.event.to_string()).map_err(|_| Unsendable::EventId)?;
    headers.insert(EVENT_ID, event);
    for (name, secret) in &allow.headers {
        let (name, value) =
            added_header(name, secret).ok_or_else(|| Unsendable::AddedHeader(name.clone()))?;
        headers.insert(name, value);
    }
    Ok(headers)
}
