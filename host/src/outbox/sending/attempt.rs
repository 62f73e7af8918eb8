//! One try of one request: connects, sends, and reads the answer.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;

use super::outcome::Outcome;
use super::outgoing::outgoing;
use crate::egress::{Answer, Clients, Destination, error_chain};
use crate::outbox::parts::Target;
use crate::telemetry::traces::{self, OutboundSpan, TraceContext};
use tollgate_base::time::SteadyClock;
use tollgate_ledger::OutboxRequest;

/// The most bytes that are read of a body that nobody asked for. A body that is read to its end
/// lets the next request use the connection.
const MAX_UNUSED_BODY: usize = 64 * 1024;

/// Tries to send a request, by the present settings of its target. A try without a whole answer
/// within `limit` fails.
pub(super) async fn attempt(
    clients: &Clients,
    clock: &SteadyClock,
    target: &Target,
    request: &OutboxRequest,
    limit: Duration,
) -> Outcome {
    let (allow, mut outgoing) = match outgoing(target, request) {
        Ok(outgoing) => outgoing,
        Err(error) => return Outcome::dead(error.to_string()),
    };
    let mut span = begin(target, request, &outgoing);
    span.write(outgoing.headers_mut());
    let destination = Destination::new(allow);
    let sending = async {
        let answer = match clients.exchange(&destination, outgoing).await {
            Ok(answer) => answer,
            Err(error) => return Outcome::failed(error_chain(&error)),
        };
        let (head, body) = answer.into_parts();
        let mut outcome = Outcome::of_answer(head.status, &head.headers, clock.wall());
        // The status decides, also where the body breaks off or is too long.
        if let Target::Handler(handler) = target
            && request.request.respond.is_some()
        {
            let limit = handler.guest.limits.response;
            outcome.answer = Some(Answer::read(&head.headers, body, allow, limit).await);
        } else {
            _ = Limited::new(body, MAX_UNUSED_BODY).collect().await;
        }
        outcome
    };
    let mut outcome = match timeout(limit, sending).await {
        Ok(outcome) => outcome,
        Err(_) => Outcome::failed(format!("no whole answer within {limit:?}")),
    };
    span.ends(outcome.status);
    outcome.trace = span.context();
    outcome
}

/// Begins the span of a try: below the attempt that queued the request.
fn begin(
    target: &Target,
    request: &OutboxRequest,
    outgoing: &http::Request<Full<Bytes>>,
) -> OutboundSpan {
    if !traces::are_made() {
        return OutboundSpan::default();
    }
    let own = TraceContext::of_headers(outgoing.headers());
    let receiver;
    let url = match target {
        Target::Handler(_) => outgoing.uri(),
        // The path of an alert's receiver may be a secret.
        Target::Receiver(to) => {
            receiver = to.allow.origin.to_string().parse().unwrap_or_default();
            &receiver
        }
    };
    let mut span = OutboundSpan::begin(outgoing.method(), url, own, None);
    span.set("tollgate.handler", || request.handler.to_string());
    span.set("tollgate.event.id", || request.event.to_string());
    span.set("tollgate.request", || request.id.0);
    if request.tries > 0 {
        span.set("http.request.resend_count", || i64::from(request.tries));
    }
    span
}
