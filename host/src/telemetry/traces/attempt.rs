//! The span of an attempt, and what the attempt passes on.

use std::sync::Arc;

use super::{Kind, Span, TRACEPARENT, TraceContext};
use tollgate_base::event::HandlerName;
use tollgate_ledger::{Attempt, Delivery, Effects, LedgerError, StateEntry, StateStore, Versioned};

/// Begins the span of an attempt, in the trace of its event. An event that was recorded while no
/// spans were made begins a trace with each attempt.
pub(crate) fn attempt(delivery: &Delivery) -> Span {
    if !super::are_made() {
        return Span::default();
    }
    let pairs = delivery.event.metadata.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    let name = format!("handle {}", delivery.handler);
    let mut span = Span::begin(name, Kind::Consumer, TraceContext::of_pairs(pairs).as_ref());
    if span.is_seen() {
        let event = &delivery.event;
        span.set("tollgate.handler", || delivery.handler.to_string());
        span.set("tollgate.event.id", || event.id.to_string());
        span.set("tollgate.event.type", || event.kind.clone());
        span.set("tollgate.source", || event.source.to_string());
        span.set("tollgate.delivery", || delivery.id.0);
        span.set("tollgate.attempt", || i64::from(delivery.attempts) + 1);
        span.set("tollgate.run", || i64::from(delivery.run));
    }
    span
}

/// Notes the end of an attempt. Its reason is the handler's text, which may hold personal data.
pub(crate) fn ends(span: &mut Span, attempt: &Attempt) {
    use tollgate_ledger::AttemptOutcome::{Done, Ignored};
    span.set("tollgate.outcome", || attempt.outcome.name());
    span.set("tollgate.component", || attempt.component.to_string());
    if !matches!(attempt.outcome, Done | Ignored) {
        span.fail(attempt.outcome.name());
    }
}

/// Gives what an attempt made its place in the trace: requests that do not bring one, and events.
pub(crate) fn carry(effects: &mut Effects, context: &TraceContext) {
    for request in &mut effects.outbox {
        let names = request.headers.iter().map(|(name, _)| name);
        let mut names = names.filter(|name| name.eq_ignore_ascii_case(TRACEPARENT));
        if names.next().is_none() {
            request.headers.extend(context.to_owned_pairs());
        }
    }
    for emitted in &mut effects.emitted {
        emitted.event.metadata.extend(context.to_owned_pairs());
    }
}

/// A handler's state whose reads are parts of an attempt.
pub(crate) struct TracedState {
    /// The state.
    pub(crate) state: Arc<dyn StateStore>,
    /// The attempt's span.
    pub(crate) of: TraceContext,
}

impl StateStore for TracedState {
    fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        let _span = Span::part("state.get", Some(&self.of));
        self.state.state_get(handler, key)
    }

    fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        let _span = Span::part("state.list", Some(&self.of));
        self.state.state_list(handler, prefix, after, limit)
    }
}
