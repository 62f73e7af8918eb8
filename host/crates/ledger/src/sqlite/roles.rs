//! The roles of the ledger that write, and the reads that only the serving process needs.
//! Writes go into the writer's queue, reads to the readers' connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::keep::{Erase, Sweeper};
use super::ledger::SqliteLedger;
use super::operations::{
    ChangeAlerts, Complete, Cursor, Fire, GiveUp, Hasten, Intervene, KeepRejections, Record,
    ReleaseKeys, ReleaseRestore, Resolve, RetryUncounted, Serve, ServeStep, SetPause, Settle,
    StartAlone,
};
use super::read::deliveries::{self, Wanted};
use super::read::outbox::{self, WantedRequests};
use super::read::{alerts, resolutions, schedule};
use super::write::task;
use crate::engine::Refused;
use crate::{
    AlertChange, AlertStore, Backlog, Claimed, ClaimedRequests, ClaimedResolutions, Commits,
    Completion, CompletionCallback, Deliveries, DeliveryId, DueEntries, DueEntry, Erased, Exchange,
    Fired, Gauges, Intake, Intervened, Intervention, LastingAlert, Lease, LeasedDelivery,
    LeasedRequest, LeasedResolution, LedgerError, LogSize, NewEvent, Operators, OrderEffect,
    OrderKey, OutboxEntry, OutboxRequest, OutboxState, OutboxStore, Pause, Rank, Recipient,
    RecordFuture, Rejection, RejectionBounds, RejectionStore, RequestHost, RequestId,
    ResolutionCallback, ResolutionStore, Restore, Retention, RetentionStore, ScheduleStore, Served,
    Settlement, SettlementCallback, Shutdown, Swept, Totals, TriedResolution, WaitingResolutions,
};
use tollgate_base::event::{ComponentDigest, EventId, HandlerName, SourceName};
use tollgate_base::time::{SteadyTime, WallTime};

/// Rejections wait while more operations than this wait for the writer.
const BUSY: usize = 16;

impl Intake for SqliteLedger {
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let record = task(Record::new(events), move |result| {
            // The sender may have hung up; the events are recorded all the same.
            let _ = answer.send(result);
        });
        match self.queue.offer(record) {
            Ok(()) => Box::pin(async { answered.await.unwrap_or(Err(LedgerError::Closed)) }),
            Err((_, Refused::Full)) => Box::pin(async { Err(LedgerError::Busy) }),
            Err((_, Refused::Closed)) => Box::pin(async { Err(LedgerError::Closed) }),
        }
    }
}

impl Deliveries for SqliteLedger {
    fn serve(&self, handlers: &[HandlerName]) -> Result<Served, LedgerError> {
        let mut all = Served::default();
        loop {
            let handlers = handlers.to_vec();
            let ServeStep { served, more } = self.wait(Serve { handlers })?;
            all.held += served.held;
            all.resumed += served.resumed;
            if !more {
                return Ok(all);
            }
        }
    }

    fn claim(
        &self,
        handler: &HandlerName,
        now: SteadyTime,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Claimed, LedgerError> {
        let claim = self.leases.deliveries.begin_claim();
        let wanted = Wanted {
            now,
            limit,
            max_bytes,
            is_free: &|delivery| claim.is_free(delivery),
        };
        let found = self.reader.read_for(handler, |conn, handler| {
            deliveries::find(conn, handler, wanted)
        })?;
        let leased = found.deliveries.into_iter().filter_map(|delivery| {
            let lease = claim.take(delivery.id)?;
            Some(LeasedDelivery { delivery, lease })
        });
        Ok(Claimed {
            leased: leased.collect(),
            more: found.more,
            next: found.next,
        })
    }

    fn started(&self, lease: &Lease<DeliveryId>) {
        self.running.started(lease.item());
    }

    fn stopped(&self, lease: &Lease<DeliveryId>) {
        self.running.stopped(lease.item());
    }

    fn start_alone(&self, lease: &Lease<DeliveryId>) -> Result<(), LedgerError> {
        let (delivery, token) = (lease.item(), lease.token());
        self.wait(StartAlone { delivery, token })
    }

    fn complete_then(&self, completion: Completion, then: CompletionCallback) {
        self.put(Complete::from(completion), then);
    }

    fn give_up(&self, lease: &Lease<DeliveryId>, order: OrderEffect) -> Result<(), LedgerError> {
        let (delivery, token) = (lease.item(), lease.token());
        self.wait(GiveUp {
            delivery,
            token,
            order,
        })
    }

    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError> {
        self.reader.newest(key)
    }

    fn exchanges(&self, delivery: DeliveryId, run: u32) -> Result<Vec<Exchange>, LedgerError> {
        self.reader.exchanges(delivery, run)
    }

    fn release_order_keys(&self, handlers: &[HandlerName]) -> Result<u64, LedgerError> {
        let mut passed = 0;
        loop {
            let handlers = handlers.to_vec();
            let step = self.wait(ReleaseKeys { handlers })?;
            passed += step;
            if step < ReleaseKeys::STEP {
                return Ok(passed);
            }
        }
    }

    fn retry_uncounted(
        &self,
        handler: &HandlerName,
        component: ComponentDigest,
    ) -> Result<u64, LedgerError> {
        let mut cursor = Some(Cursor::start(self.clock.now()));
        let mut retried = 0;
        while let Some(from) = cursor {
            let (deliveries, next) = self
                .reader
                .read_for(handler, |conn, handler| from.read(conn, handler, component))?;
            if !deliveries.is_empty() {
                retried += self.wait(RetryUncounted {
                    component,
                    deliveries,
                })?;
            }
            cursor = next;
        }
        Ok(retried)
    }
}

impl OutboxStore for SqliteLedger {
    fn waiting_hosts(&self, handler: &HandlerName) -> Result<Vec<RequestHost>, LedgerError> {
        self.reader.read_for(handler, outbox::hosts)
    }

    fn claim_requests(
        &self,
        handler: &HandlerName,
        host: &RequestHost,
        now: SteadyTime,
        limit: usize,
        max_bytes: usize,
    ) -> Result<ClaimedRequests, LedgerError> {
        let claim = self.leases.requests.begin_claim();
        let wanted = WantedRequests {
            host,
            now,
            limit,
            max_bytes,
            is_free: &|request| claim.is_free(request),
        };
        let found = self
            .reader
            .read_for(handler, |conn, handler| outbox::find(conn, handler, wanted))?;
        let leased = found.requests.into_iter().filter_map(|request| {
            let lease = claim.take(request.id)?;
            Some(LeasedRequest { request, lease })
        });
        Ok(ClaimedRequests {
            leased: leased.collect(),
            more: found.more,
            next: found.next,
        })
    }

    fn settle(&self, settlement: Settlement, then: SettlementCallback) {
        self.put(Settle::from(settlement), then);
    }

    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError> {
        self.reader.outbox_list(state, limit)
    }

    fn outbox_request(&self, id: RequestId) -> Result<Option<OutboxRequest>, LedgerError> {
        self.reader.read(|conn| outbox::request(conn, id))
    }
}

impl ScheduleStore for SqliteLedger {
    fn due(&self, now: WallTime) -> Result<DueEntries, LedgerError> {
        let ahead = self.clock.ahead();
        self.reader.read(|conn| schedule::due(conn, now, ahead))
    }

    fn fire(
        &self,
        now: WallTime,
        entries: Vec<(DueEntry, Recipient)>,
    ) -> Result<Fired, LedgerError> {
        self.wait(Fire::new(now, entries))
    }
}

impl ResolutionStore for SqliteLedger {
    fn claim_resolutions(
        &self,
        source: &SourceName,
        now: SteadyTime,
        limit: usize,
    ) -> Result<ClaimedResolutions, LedgerError> {
        let claim = self.leases.resolutions.begin_claim();
        let found = self.reader.read(|conn| {
            resolutions::find(conn, source, now, limit, &|event| claim.is_free(event))
        })?;
        let leased = found.resolutions.into_iter().filter_map(|resolution| {
            let lease = claim.take(resolution.id)?;
            Some(LeasedResolution { resolution, lease })
        });
        Ok(ClaimedResolutions {
            leased: leased.collect(),
            more: found.more,
            next: found.next,
        })
    }

    fn resolve(&self, tried: TriedResolution, then: ResolutionCallback) {
        self.put(Resolve(tried), then);
    }

    fn hasten_resolutions(
        &self,
        source: &SourceName,
        to_mend_alone: bool,
    ) -> Result<u64, LedgerError> {
        let source = source.clone();
        self.wait(Hasten {
            source,
            to_mend_alone,
        })
    }

    fn waiting_resolutions(&self) -> Result<Vec<WaitingResolutions>, LedgerError> {
        self.reader.read(resolutions::waiting)
    }
}

impl Operators for SqliteLedger {
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError> {
        self.wait(Intervene(intervention))
    }

    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError> {
        let handler = handler.clone();
        self.wait(SetPause { handler, pause })
    }

    fn release_restore(&self) -> Result<Option<Restore>, LedgerError> {
        self.wait(ReleaseRestore)
    }
}

impl AlertStore for SqliteLedger {
    fn alerts(&self) -> Result<Vec<LastingAlert>, LedgerError> {
        self.reader.read(alerts::lasting)
    }

    fn alert_memory(&self) -> Result<Option<String>, LedgerError> {
        self.reader.read(alerts::memory)
    }

    fn change_alerts(
        &self,
        changes: Vec<AlertChange>,
        memory: String,
    ) -> Result<Vec<bool>, LedgerError> {
        self.wait(ChangeAlerts::new(changes, memory))
    }
}

impl RetentionStore for SqliteLedger {
    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError> {
        let mut sweeper = self.sweeper.lock();
        sweeper.follow(retention);
        if sweeper.puts_off(self.queue.len()) {
            return Ok(Sweeper::only_read());
        }
        let ages = self.clock.ages();
        if let Some(step) = self.reader.read(|conn| sweeper.next(conn, ages))? {
            let began = Instant::now();
            let done = self.wait(step)?;
            return Ok(sweeper.done(done, began.elapsed()));
        }
        if !sweeper.ends() {
            return Ok(Sweeper::only_read());
        }
        if sweeper.wants_scrub() && self.scrubber.scrub() {
            sweeper.scrubbed();
        }
        Ok(Swept::default())
    }

    fn erase(&self, event: EventId) -> Result<Erased, LedgerError> {
        let erased = self.wait(Erase { event })?;
        if erased == Erased::Done && !self.scrubber.scrub_soon() {
            tracing::warn!(
                %event,
                "the write-ahead log may hold the erased payload until new data replaces it: \
                 somebody reads the ledger all the time",
            );
        }
        Ok(erased)
    }

    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError> {
        self.reader.is_named(component)
    }
}

impl RejectionStore for SqliteLedger {
    fn keep_rejections(
        &self,
        rejections: &[Rejection],
        bounds: RejectionBounds,
        insists: bool,
    ) -> Result<bool, LedgerError> {
        if !insists && self.queue.len() > BUSY {
            return Ok(false);
        }
        let rejections = rejections.to_vec();
        self.wait(KeepRejections { rejections, bounds })?;
        Ok(true)
    }
}

impl Gauges for SqliteLedger {
    fn backlog(&self, now: WallTime) -> Result<Backlog, LedgerError> {
        self.reader.backlog(now, self.clock.ahead())
    }

    fn writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }

    fn log_size(&self) -> LogSize {
        self.log.size()
    }

    fn totals(&self, now: WallTime) -> Result<Totals, LedgerError> {
        self.reader.totals(now, self.clock.ahead())
    }

    fn commits(&self) -> Commits {
        self.commits.read()
    }
}

impl Shutdown for SqliteLedger {
    fn close(&self) {
        Self::close(self);
    }
}
