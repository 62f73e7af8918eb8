//! One try of a request together with its record in the ledger.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use super::attempt::attempt;
use super::outcome::{Meaning, Outcome};
use super::response;
use super::settler::Settler;
use crate::egress::Clients;
use crate::outbox::parts::{Parts, Target, Targets};
use crate::outbox::signals::Signals;
use crate::settings::OutboxSettings;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{LeasedRequest, OutboxNext, OutboxRequest, Requeued, Settled, Settlement};

/// The pause after the ledger could not be written.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest wait that a receiver may ask for, unless the policy's own `max` is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The parts that all tries share.
pub(in crate::outbox) struct Sender {
    targets: Arc<dyn Targets>,
    clients: Clients,
    settler: Settler,
    clock: Arc<SteadyClock>,
    signals: Arc<Signals>,
}

/// A try that has ended.
pub(in crate::outbox) struct Ended {
    /// The next state of the request.
    pub(in crate::outbox) next: OutboxNext,
    /// The ledger's answer to the record of the try; `None` if the ledger has been closed.
    pub(in crate::outbox) settled: Option<Settled>,
    /// When the try ended.
    pub(in crate::outbox) at: SteadyTime,
    /// For how long from then the receiver wants no requests at all, if it said so.
    pub(in crate::outbox) asked: Option<Duration>,
}

impl Sender {
    /// Starts the thread that settles.
    pub(in crate::outbox) fn start(parts: &Parts, signals: Arc<Signals>) -> Self {
        let ledger = parts.ledger.clone();
        Self {
            targets: parts.targets.clone(),
            clients: Clients::new(parts.tls.clone()),
            settler: Settler::start(
                move |settlement, then| ledger.settle(settlement, then),
                PAUSE,
            ),
            clock: parts.clock.clone(),
            signals,
        }
    }

    /// Makes one try and records it, under the lease of the request. Resolves when the record is
    /// durable.
    pub(in crate::outbox) async fn send(
        self: Arc<Self>,
        target: Target,
        leased: LeasedRequest,
        settings: OutboxSettings,
    ) -> Ended {
        // The lease lives until the record is durable.
        let LeasedRequest { request, lease } = leased;
        let begun = Instant::now();
        let outcome = attempt(
            &self.clients,
            &self.clock,
            &target,
            &request,
            settings.timeout,
        )
        .await;
        let tries = request.tries + 1;
        let (at, ended_at) = (self.clock.wall(), self.clock.now());
        let asked = outcome.asks_for_time();
        let next = next(&outcome, tries, request.requeued, &self.clock, &settings);
        self.signals.tries.count(next, begun.elapsed());
        Self::note(&request, tries, &outcome, next);
        let mut response = response::event(&*self.targets, &request, &outcome, tries, next, at);
        if let (Some(response), Some(trace)) = (&mut response, &outcome.trace) {
            response.event.metadata.extend(trace.to_owned_pairs());
        }
        let settlement = Settlement {
            request: request.id,
            token: lease.token(),
            at,
            status: outcome.status.map(|status| status.as_u16()),
            error: outcome.error,
            next,
            response: response.map(Box::new),
        };
        let settled = self.settler.settle(settlement).await;
        if settled == Some(Settled::LeaseLost) {
            let request = request.id.0;
            warn!(
                request,
                "the lease of an outbox request was lost: its try is not recorded"
            );
        }
        Ended {
            next,
            settled,
            at: ended_at,
            asked,
        }
    }

    /// Logs a try.
    fn note(request: &OutboxRequest, tries: u32, outcome: &Outcome, next: OutboxNext) {
        let (id, handler, event) = (request.id.0, &request.handler, &request.event);
        let error = &outcome.error;
        match next {
            OutboxNext::Sent => debug!(request = id, %handler, %event, tries, "sent"),
            OutboxNext::Waiting { due } => {
                debug!(request = id, %handler, %event, tries, error, due = due.as_millis(), "not sent, to be tried again");
            }
            OutboxNext::Dead => {
                warn!(request = id, %handler, %event, tries, error, "an outbox request is dead");
            }
        }
    }
}

/// The state that a request gets after a try that ended now.
fn next(
    outcome: &Outcome,
    tries: u32,
    requeued: Requeued,
    clock: &SteadyClock,
    settings: &OutboxSettings,
) -> OutboxNext {
    let policy = &settings.retry;
    let tries = tries.saturating_sub(requeued.tries_before);
    match outcome.meaning {
        Meaning::Sent => OutboxNext::Sent,
        Meaning::Dead => OutboxNext::Dead,
        Meaning::Retry(_) if tries >= policy.attempts => OutboxNext::Dead,
        Meaning::Retry(asked) => {
            let own = policy.delay(tries, fastrand::f64());
            let asked = asked.unwrap_or_default().min(policy.max.max(LONGEST_WAIT));
            let delay = own.max(asked);
            if policy.too_old(clock.since(requeued.since).saturating_add(delay)) {
                OutboxNext::Dead
            } else {
                OutboxNext::Waiting {
                    due: clock.now() + delay,
                }
            }
        }
    }
}
