//! Spans: what the gateway does with one request and its events, for a tracing system.
//!
//! `tracing` stays the front of logs. Spans go straight to OpenTelemetry's SDK, since their parents
//! are not on the stack: an attempt may run hours after its request, and after a restart. The place
//! in the trace is kept with the event, in its metadata.
//!
//! Without an exporter every call here does nothing. A trace that is not sampled has no spans, but
//! its ids are passed on all the same.

mod attempt;
mod context;
mod outbound;
mod request;

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::SystemTime;

use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span as SdkSpan};

pub(crate) use attempt::{TracedState, attempt, carry, ends};
pub(crate) use context::TraceContext;
pub(crate) use context::is_of_trace;
use context::{TRACEPARENT, TRACESTATE};
pub(crate) use outbound::OutboundSpan;
pub(crate) use request::{Named, RequestSpan};

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Makes spans from now on.
pub(super) fn begin(tracers: &SdkTracerProvider) {
    // A process has one exporter.
    let _ = TRACER.set(tracers.tracer("tollgate"));
}

/// Whether spans are made.
pub(crate) fn are_made() -> bool {
    TRACER.get().is_some()
}

/// What a span stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The answer to a request.
    Server,
    /// A request to somebody.
    Client,
    /// The handling of an event that somebody sent before.
    Consumer,
    /// A part of another span.
    Part,
}

/// Something that takes time. Dropping this ends the span.
#[derive(Debug, Default)]
pub(crate) struct Span(Option<SdkSpan>);

impl Span {
    /// Begins a span below `parent`; without a parent, at the top of a trace of its own.
    pub(crate) fn begin(
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        parent: Option<&TraceContext>,
    ) -> Self {
        Self::begin_at(name, kind, parent, None)
    }

    /// The same, of something that began before.
    pub(crate) fn begin_at(
        name: impl Into<Cow<'static, str>>,
        kind: Kind,
        parent: Option<&TraceContext>,
        began: Option<SystemTime>,
    ) -> Self {
        let Some(tracer) = TRACER.get() else {
            return Self(None);
        };
        let mut builder = SpanBuilder::from_name(name).with_kind(match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Part => SpanKind::Internal,
        });
        builder.start_time = began;
        let place = Context::new();
        let place = match parent {
            Some(TraceContext(parent)) => place.with_remote_span_context(parent.clone()),
            None => place,
        };
        Self(Some(tracer.build_with_context(builder, &place)))
    }

    /// A part of something that may be in a trace. Without a context there is no span.
    pub(crate) fn part(name: &'static str, of: Option<&TraceContext>) -> Self {
        match of {
            Some(_) => Self::begin(name, Kind::Part, of),
            None => Self(None),
        }
    }

    /// The place below this span; `None` if no spans are made.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        let context = self.0.as_ref()?.span_context();
        context.is_valid().then(|| TraceContext(context.clone()))
    }

    /// Whether the span is sampled: else nobody sees its attributes.
    pub(crate) fn is_seen(&self) -> bool {
        self.0.as_ref().is_some_and(|span| span.is_recording())
    }

    /// Sets an attribute. `value` is not made for a span that nobody sees.
    pub(crate) fn set<V: Into<Value>>(&mut self, name: &'static str, value: impl FnOnce() -> V) {
        if let Some(span) = self.0.as_mut().filter(|span| span.is_recording()) {
            span.set_attribute(KeyValue::new(name, value()));
        }
    }

    /// Notes that what the span stands for has failed. `why` is a word, or a text without anything
    /// that a log may not have.
    pub(crate) fn fail(&mut self, why: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why));
        }
    }
}
