//! The span of one request of a provider.

use std::net::IpAddr;
use std::time::SystemTime;

use http::request::Parts;
use http::{StatusCode, Version};
use opentelemetry::Value;

use super::{Kind, Span, TraceContext, are_made};

/// The span of a request. It is made once the request is verified: the context that the request
/// brings counts only then, so that no stranger chooses what is sampled or writes into another's
/// trace.
#[derive(Debug, Default)]
pub(crate) struct RequestSpan {
    /// When the head was there; `None` if no spans are made.
    began: Option<SystemTime>,
    /// When the body was there.
    read: Option<SystemTime>,
    span: Option<Span>,
}

impl RequestSpan {
    /// The span of a request whose head has come.
    pub(crate) fn begin() -> Self {
        Self {
            began: are_made().then(SystemTime::now),
            ..Self::default()
        }
    }

    /// Notes that the body has come.
    pub(crate) fn has_body(&mut self) {
        self.read = self.began.map(|_| SystemTime::now());
    }

    /// Notes the end of the verification: `Ok`, or the word for the reason of the refusal.
    pub(crate) fn verified(&mut self, head: &Parts, path: &str, outcome: Result<(), &'static str>) {
        if self.began.is_none() {
            return;
        }
        let from = TraceContext::of_headers(&head.headers).filter(|_| outcome.is_ok());
        let mut span = self.make(head, path, from.as_ref());
        let context = span.context();
        let mut verifying = Span::begin_at("verify", Kind::Part, context.as_ref(), self.read);
        if let Err(code) = outcome {
            verifying.fail(code);
            span.set("tollgate.rejection", || code);
        }
        self.span = Some(span);
    }

    fn make(&self, head: &Parts, path: &str, parent: Option<&TraceContext>) -> Span {
        let name = format!("{} {path}", head.method);
        let mut span = Span::begin_at(name, Kind::Server, parent, self.began);
        span.set("http.request.method", || head.method.to_string());
        // The path of a source has no secret. The query may have one.
        span.set("http.route", || path.to_owned());
        span.set("url.path", || path.to_owned());
        span.set("network.protocol.version", || match head.version {
            Version::HTTP_2 => "2",
            Version::HTTP_10 => "1.0",
            _ => "1.1",
        });
        span
    }

    /// The place below the span; `None` before the request is verified.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        self.span.as_ref().and_then(Span::context)
    }

    /// Begins a part of the span.
    pub(crate) fn part(&self, name: &'static str) -> Span {
        Span::part(name, self.context().as_ref())
    }

    /// Sets an attribute.
    pub(crate) fn set<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if let Some(span) = &mut self.span {
            span.set(name, value);
        }
    }

    /// Ends the span with the answer. A request that was refused before it was verified begins a
    /// trace of its own.
    pub(crate) fn answered(mut self, head: &Parts, source: Named<'_>, status: StatusCode) {
        if self.began.is_none() {
            return;
        }
        let span = self.span.take();
        let mut span = span.unwrap_or_else(|| self.make(head, source.path, None));
        span.set("url.scheme", || if source.https { "https" } else { "http" });
        span.set("client.address", || source.sender.to_string());
        span.set("tollgate.source", || source.name.to_owned());
        span.set("http.response.status_code", || i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set("error.type", || status.as_u16().to_string());
            span.fail("");
        }
    }
}

/// What the span says of the source and the sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) sender: IpAddr,
    pub(crate) https: bool,
}
