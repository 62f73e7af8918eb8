//! An open ledger with the calls that scenarios make.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use super::engine::Engine;
use super::values::{LATEST, START, event, handler, ms};
use crate::*;
use tollgate_base::event::{EventId, HandlerName, SourceName};
use tollgate_base::time::{ManualClock, SteadyTime, WallTime};

/// An open ledger, and the deliveries and requests that its sink received.
pub(crate) struct Open {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) sink: Arc<Collected>,
    pub(crate) clock: ManualClock,
}

/// The result of firing the entries that were due.
#[derive(PartialEq, Eq, Debug, Default)]
pub(crate) struct FiredStep {
    pub(crate) events: u64,
    /// When the next entry is due.
    pub(crate) next: Option<WallTime>,
}

/// A sink that keeps the deliveries and requests that it receives, and the leases of the scenario.
#[derive(Default)]
pub(crate) struct Collected {
    deliveries: Mutex<Vec<Delivery>>,
    released: Mutex<Vec<Delivery>>,
    leases: Mutex<HashMap<DeliveryId, (HandlerName, Lease<DeliveryId>)>>,
    requests: Mutex<Vec<OutboxRequest>>,
    pub(super) request_leases: Mutex<HashMap<RequestId, Lease<RequestId>>>,
    scheduled: Mutex<Option<WallTime>>,
    unresolved: Mutex<bool>,
}

impl LedgerSink for Collected {
    fn recorded(&self, deliveries: Vec<LeasedDelivery>) {
        self.deliveries.lock().extend(self.hold(deliveries));
    }

    fn released(&self, deliveries: Vec<LeasedDelivery>) {
        self.released.lock().extend(self.hold(deliveries));
    }

    fn queued(&self, requests: Vec<LeasedRequest>) {
        self.requests.lock().extend(self.hold_requests(requests));
    }

    fn scheduled(&self, due: WallTime) {
        *self.scheduled.lock() = Some(due);
    }

    fn unresolved(&self) {
        *self.unresolved.lock() = true;
    }
}

impl Collected {
    /// Keeps the leases.
    fn hold(&self, leased: Vec<LeasedDelivery>) -> Vec<Delivery> {
        let mut leases = self.leases.lock();
        let hold = |LeasedDelivery { delivery, lease }| {
            let held = (delivery.handler.clone(), lease);
            leases.insert(delivery.id, held);
            delivery
        };
        leased.into_iter().map(hold).collect()
    }

    /// Keeps the leases of requests.
    pub(super) fn hold_requests(&self, leased: Vec<LeasedRequest>) -> Vec<OutboxRequest> {
        let mut leases = self.request_leases.lock();
        let hold = |LeasedRequest { request, lease }: LeasedRequest| {
            leases.insert(request.id, lease);
            request
        };
        leased.into_iter().map(hold).collect()
    }

    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries.lock())
    }

    pub(crate) fn released(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.released.lock())
    }

    pub(crate) fn requests(&self) -> Vec<OutboxRequest> {
        std::mem::take(&mut self.requests.lock())
    }

    pub(crate) fn scheduled(&self) -> Option<WallTime> {
        self.scheduled.lock().take()
    }

    /// Whether the sink was told that events wait for their objects, since it was last asked.
    pub(crate) fn unresolved(&self) -> bool {
        std::mem::take(&mut self.unresolved.lock())
    }
}

impl Open {
    pub(crate) fn new(engine: &dyn Engine) -> Self {
        Self::with(engine, ManualClock::at(START))
    }

    pub(crate) fn with(engine: &dyn Engine, clock: ManualClock) -> Self {
        let sink = Arc::<Collected>::default();
        Self {
            ledger: engine.open(clock.clone(), sink.clone()),
            sink,
            clock,
        }
    }

    /// Closes the ledger and opens it again, an hour later.
    pub(crate) fn reopen(self, engine: &dyn Engine) -> Self {
        let clock = self.clock.clone();
        drop(self);
        clock.advance(ms(3_600_000));
        Self::with(engine, clock)
    }

    pub(crate) fn record(&self, events: Vec<NewEvent>) -> Vec<Recorded> {
        block_on(self.ledger.record(events)).unwrap()
    }

    /// Records one event for these handlers and returns its deliveries.
    pub(crate) fn deliver(&self, id: &str, handlers: &[&str]) -> Vec<Delivery> {
        let recorded = self.record(vec![event(id, b"{}", handlers)]);
        assert!(matches!(recorded[..], [Recorded::New(_)]));
        self.sink.deliveries()
    }

    /// Completes under the lease that the scenario holds or, where it holds none, under one
    /// that it claims; without a lease if it gets none.
    pub(crate) fn complete(&self, mut completion: Completion) -> Result<Completed, LedgerError> {
        let delivery = completion.delivery;
        if self.leases(delivery, &completion.handler) {
            completion.token = self.under(delivery, Lease::token);
        }
        let answer = self.complete_as(completion);
        let goes_on = matches!(
            answer,
            Ok(Completed::Conflict | Completed::Inapplicable(_)) | Err(_)
        );
        if !goes_on {
            self.sink.leases.lock().remove(&delivery);
        }
        answer
    }

    /// Completes under the token that the completion names.
    pub(crate) fn complete_as(&self, completion: Completion) -> Result<Completed, LedgerError> {
        let (answer, answered) = mpsc::channel();
        self.ledger.complete_then(
            completion,
            Box::new(move |result| answer.send(result).unwrap()),
        );
        answered.recv().expect("the callback is called")
    }

    /// Whether the scenario holds a lease of the delivery, or gets one now.
    pub(crate) fn leases(&self, delivery: DeliveryId, of: &HandlerName) -> bool {
        let holds = || self.sink.leases.lock().contains_key(&delivery);
        holds() || {
            let claimed = self.claim(of, LATEST);
            self.sink.hold(claimed);
            holds()
        }
    }

    /// Does something with the lease that the scenario holds.
    pub(crate) fn under<T>(
        &self,
        delivery: DeliveryId,
        act: impl FnOnce(&Lease<DeliveryId>) -> T,
    ) -> T {
        // The ledger may give the sink further ones meanwhile.
        let (of, lease) = self.sink.leases.lock().remove(&delivery).unwrap();
        let came = act(&lease);
        self.sink.leases.lock().insert(delivery, (of, lease));
        came
    }

    /// Does something with a lease of the delivery, which the scenario gets now if it holds none.
    pub(crate) fn leased<T>(
        &self,
        delivery: &Delivery,
        act: impl FnOnce(&Lease<DeliveryId>) -> T,
    ) -> T {
        assert!(self.leases(delivery.id, &delivery.handler), "{delivery:?}");
        self.under(delivery.id, act)
    }

    /// Gives a delivery up, and its lease with it.
    pub(crate) fn give_up(&self, delivery: &Delivery, order: OrderEffect) {
        self.leased(delivery, |lease| self.ledger.give_up(lease, order))
            .unwrap();
        self.sink.leases.lock().remove(&delivery.id);
    }

    /// Claims all that may run at `now` and that nobody holds.
    pub(crate) fn claim(&self, of: &HandlerName, now: SteadyTime) -> Vec<LeasedDelivery> {
        let all = usize::MAX >> 1;
        let claimed = self.ledger.claim(of, now, 10_000, all).unwrap();
        assert!(!claimed.more);
        claimed.leased
    }

    /// Gives all leases of a handler back, but for deliveries that are to be kept.
    pub(crate) fn give_back(&self, of: &str, keep: impl Fn(DeliveryId) -> bool) {
        let mut leases = self.sink.leases.lock();
        leases.retain(|delivery, (handler, _)| handler.as_str() != of || keep(*delivery));
    }

    /// Registers these handlers; how many deliveries became held, and pending again.
    pub(crate) fn serve(&self, handlers: &[&str]) -> (u64, u64) {
        let handlers: Vec<_> = handlers.iter().map(|name| handler(name)).collect();
        let Served { held, resumed } = self.ledger.serve(&handlers).unwrap();
        (held, resumed)
    }

    /// Leases the resolution of an event of the source `stripe`.
    pub(crate) fn lease_resolution(&self, event: EventId) -> LeasedResolution {
        let source = SourceName::new("stripe");
        let claimed = self.ledger.claim_resolutions(&source, LATEST, 10_000);
        let mut leased = claimed.unwrap().leased.into_iter();
        let found = leased.find(|leased| leased.resolution.event.id == event);
        found.expect("the event waits for its object")
    }

    /// Commits the end of a try.
    pub(crate) fn resolve(&self, tried: TriedResolution) -> ResolutionSettled {
        let (answer, answered) = mpsc::channel();
        let then = move |result| answer.send(result).unwrap();
        self.ledger.resolve(tried, Box::new(then));
        answered.recv().expect("the callback is called").unwrap()
    }

    /// Fires the first entries that are due, without an order.
    pub(crate) fn fire(&self, now: WallTime) -> FiredStep {
        self.fire_to(now, |entry| entry.handler.clone().into())
    }

    /// Fires the first entries that are due, each to its recipient. Nothing changes in between,
    /// so no entry is left out.
    pub(crate) fn fire_to(&self, now: WallTime, to: impl Fn(&Scheduled) -> Recipient) -> FiredStep {
        let DueEntries { entries, next } = self.ledger.due(now).unwrap();
        let addressed = entries.into_iter().map(|due| {
            let recipient = to(&due.entry);
            (due, recipient)
        });
        let fired = self.ledger.fire(now, addressed.collect()).unwrap();
        assert_eq!(fired.left_out, 0);
        FiredStep {
            events: fired.events,
            next,
        }
    }

    /// All that a handler may run whatever the time. The scenario holds the leases.
    pub(crate) fn pending(&self, of: &str) -> Vec<Delivery> {
        self.due(of, SteadyTime::ZERO)
    }

    /// All that a handler may run at `now`. The scenario holds the leases.
    pub(crate) fn due(&self, of: &str, now: SteadyTime) -> Vec<Delivery> {
        self.due_beside(of, now, |_| false)
    }

    /// The same, but for deliveries of which the scenario is to keep its leases.
    pub(crate) fn due_beside(
        &self,
        of: &str,
        now: SteadyTime,
        keep: impl Fn(DeliveryId) -> bool,
    ) -> Vec<Delivery> {
        self.give_back(of, keep);
        let claimed = self.claim(&handler(of), now);
        self.sink.hold(claimed)
    }

    pub(crate) fn deliveries_in(&self, state: DeliveryState) -> u64 {
        let counts = self.ledger.counts().unwrap();
        counts
            .deliveries
            .iter()
            .find(|(of, _)| *of == state)
            .unwrap()
            .1
    }

    pub(crate) fn outbox_in(&self, state: OutboxState) -> u64 {
        let counts = self.ledger.counts().unwrap();
        counts.outbox.iter().find(|(of, _)| *of == state).unwrap().1
    }

    pub(crate) fn value(&self, of: &str, key: &str) -> Option<Vec<u8>> {
        self.ledger.state_get(&handler(of), key).unwrap().value
    }
}

/// Waits until something holds that the ledger does by itself.
pub(crate) fn until(holds: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "it takes too long"
        );
        std::thread::sleep(ms(20));
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}
