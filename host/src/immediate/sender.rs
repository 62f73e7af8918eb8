//! Sends the immediate requests of handlers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http::header::{self, HeaderName, HeaderValue};
use http_body_util::Full;
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tollgate_base::origin::Origin;
use tollgate_ledger::ExchangeAnswer;
use tollgate_sandbox::{NoAnswer, NoAnswerKind, RequestSender, SendFuture};

use crate::egress::{Answer, Clients, Destination, Failure, USER_AGENT, added_header, error_chain};
use crate::settings::{Allow, Handler};
use crate::telemetry::traces::{OutboundSpan, TraceContext};

/// Headers that the connection sets. `wasi:http` lets no guest set the others of the connection.
const OF_THE_CONNECTION: &[HeaderName] =
    &[header::EXPECT, header::HOST, header::TE, header::TRAILER];

/// The connections of all immediate requests, and the runtime that drives them: guests that compute
/// do not delay them.
pub(crate) struct ImmediateClients {
    clients: Clients,
    runtime: Handle,
}

impl ImmediateClients {
    /// No connections yet. `tls` says whom `https` origins must be certified by.
    pub(crate) fn new(tls: ClientConfig, runtime: Handle) -> Self {
        Self {
            clients: Clients::new(tls),
            runtime,
        }
    }
}

/// Sends the immediate requests of one handler.
#[derive(Clone)]
pub(crate) struct HandlerSender {
    clients: Arc<ImmediateClients>,
    handler: Arc<Handler>,
    /// The place of the attempt, if spans are made.
    trace: Option<TraceContext>,
}

impl HandlerSender {
    /// The sender of a handler.
    pub(crate) fn new(clients: Arc<ImmediateClients>, handler: Arc<Handler>) -> Self {
        Self {
            clients,
            handler,
            trace: None,
        }
    }

    /// The sender of one attempt, whose requests are parts of the attempt.
    pub(crate) fn in_trace(&self, trace: Option<&TraceContext>) -> Self {
        Self {
            trace: trace.cloned(),
            ..self.clone()
        }
    }

    /// Sends a request, and reads the whole answer.
    async fn exchange(self, request: Request<Bytes>) -> Result<ExchangeAnswer, NoAnswer> {
        let denied = |text: String| NoAnswer::new(NoAnswerKind::Denied, text);
        let origin = Origin::of(request.uri());
        let origin = origin.map_err(|error| denied(format!("the URL {error}")))?;
        let granted = |allow: &&Allow| allow.immediate && allow.origin == origin;
        let Some(allow) = self.handler.allow.iter().find(granted) else {
            return Err(denied(format!("{origin} is not granted")));
        };
        let mut request = with_headers(request, allow);
        let own = TraceContext::of_headers(request.headers());
        let (method, url) = (request.method(), request.uri());
        let mut span = OutboundSpan::begin(method, url, own, self.trace.as_ref());
        span.set("tollgate.handler", || self.handler.name.to_string());
        span.write(request.headers_mut());
        let clients = &self.clients.clients;
        let answer = clients.exchange(&Destination::new(allow), request).await;
        span.ends(answer.as_ref().ok().map(|answer| answer.status()));
        let (head, body) = answer.map_err(|error| no_answer(&error))?.into_parts();
        let limit = self.handler.guest.limits.response;
        let answer = Answer::read(&head.headers, body, allow, limit).await;
        if let Some(error) = answer.broke_off {
            return Err(NoAnswer::new(NoAnswerKind::Incomplete, error));
        }
        if answer.truncated {
            let text = format!(
                "the answer has more than {limit} bytes (`response` in the manifest), or very many \
                 headers"
            );
            return Err(NoAnswer::new(NoAnswerKind::AnswerTooLarge(limit), text));
        }
        Ok(ExchangeAnswer {
            status: head.status.as_u16(),
            headers: answer.headers,
            body: answer.body.into(),
        })
    }
}

impl RequestSender for HandlerSender {
    fn send(&self, request: Request<Bytes>) -> SendFuture {
        let exchange = self.clone().exchange(request);
        Box::pin(Sending(self.clients.runtime.spawn(exchange)))
    }
}

/// A request that is under way. Dropping this ends the request.
struct Sending(JoinHandle<Result<ExchangeAnswer, NoAnswer>>);

impl Future for Sending {
    type Output = Result<ExchangeAnswer, NoAnswer>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|joined| {
            joined.unwrap_or_else(|error| {
                let text = format!("the gateway gave the request up: {error}");
                Err(NoAnswer::new(NoAnswerKind::Failed, text))
            })
        })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The request with the guest's headers and then those of the manifest, which replace the guest's.
fn with_headers(request: Request<Bytes>, allow: &Allow) -> Request<Full<Bytes>> {
    let mut request = request.map(Full::new);
    let headers = request.headers_mut();
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    let agent = HeaderValue::from_static(USER_AGENT);
    headers.entry(header::USER_AGENT).or_insert(agent);
    for (name, secret) in &allow.headers {
        // The manifest's headers were checked when it was read.
        if let Some((name, value)) = added_header(name, secret) {
            headers.insert(name, value);
        }
    }
    request
}

fn no_answer(error: &(dyn std::error::Error + 'static)) -> NoAnswer {
    let kind = match Failure::of(error) {
        Failure::Prohibited => NoAnswerKind::Prohibited,
        Failure::Unresolved => NoAnswerKind::Unresolved,
        Failure::Refused => NoAnswerKind::Refused,
        Failure::Tls => NoAnswerKind::Tls,
        Failure::Other => NoAnswerKind::Failed,
    };
    NoAnswer::new(kind, error_chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::system_tls;
    use crate::manifest::default_handler;

    /// The answer to a request to `to`, where an entry allows `origin`.
    async fn ask(origin: &str, to: &str) -> Result<ExchangeAnswer, NoAnswer> {
        let handler = Handler {
            allow: vec![Allow {
                origin: Origin::parse(origin).unwrap(),
                addresses: Vec::new(),
                headers: Vec::new(),
                immediate: true,
            }],
            ..default_handler("asks")
        };
        let clients = ImmediateClients::new(system_tls(), Handle::current());
        let sender = HandlerSender::new(Arc::new(clients), Arc::new(handler));
        let request = Request::builder().uri(to).body(Bytes::new()).unwrap();
        sender.send(request).await
    }

    #[tokio::test]
    async fn a_private_address_is_not_connected_to_unless_listed() {
        let why = ask("http://localhost:9", "http://localhost:9/")
            .await
            .unwrap_err();
        assert_eq!(why.kind, NoAnswerKind::Prohibited, "{why:?}");
        assert!(why.text.contains("which is not public"), "{why:?}");
        let why = ask("https://a.example", "https://b.example/")
            .await
            .unwrap_err();
        assert_eq!(why.kind, NoAnswerKind::Denied, "{why:?}");
        let why = ask("http://127.0.0.1:9", "http://127.0.0.1:9/")
            .await
            .unwrap_err();
        assert_eq!(why.kind, NoAnswerKind::Refused, "{why:?}");
    }
}
