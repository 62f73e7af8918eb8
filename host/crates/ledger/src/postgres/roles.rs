//! The roles that write, and the reads that only the serving process needs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::keep::{Erase, Sweeper};
use super::ledger::PostgresLedger;
use super::operations::{
    ChangeAlerts, Complete, Cursor, Fire, GiveUp, Hasten, Intervene, KeepRejections, Record,
    ReleaseKeys, Resolve, RetryUncounted, Serve, SetPause, Settle, StartAlone,
};
use super::read::claim::Limits;
use super::read::{gauges, outbox, resolutions, schedule, small};
use super::write::{RecordTask, Task};
use super::{exchanges, newest};
use crate::engine::Refused;
use crate::{
    AlertChange, AlertStore, Backlog, Claimed, ClaimedRequests, ClaimedResolutions, Commits,
    Completion, CompletionCallback, Deliveries, DeliveryId, DueEntries, DueEntry, Erased, Exchange,
    Fired, Gauges, Intake, Intervened, Intervention, LastingAlert, Lease, LedgerError, LogSize,
    NewEvent, Operators, OrderEffect, OrderKey, OutboxEntry, OutboxRequest, OutboxState,
    OutboxStore, Pause, Rank, Recipient, RecordFuture, Rejection, RejectionBounds, RejectionStore,
    RequestHost, RequestId, ResolutionCallback, ResolutionStore, Restore, Retention,
    RetentionStore, ScheduleStore, Served, Settlement, SettlementCallback, Shutdown, Swept, Totals,
    TriedResolution, WaitingResolutions,
};
use tollgate_base::event::{ComponentDigest, EventId, HandlerName, SourceName};
use tollgate_base::time::{SteadyTime, WallTime};

/// Rejections and sweeps wait while more operations than this wait for the writer.
const BUSY: usize = 16;

impl Intake for PostgresLedger {
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let record = RecordTask::new(Record::new(events), move |result| {
            // The sender may have hung up; the events are recorded all the same.
            let _ = answer.send(result);
        });
        match self.queue.offer(Task::Record(record)) {
            Ok(()) => Box::pin(async { answered.await.unwrap_or(Err(LedgerError::Closed)) }),
            Err((_, Refused::Full)) => Box::pin(async { Err(LedgerError::Busy) }),
            Err((_, Refused::Closed)) => Box::pin(async { Err(LedgerError::Closed) }),
        }
    }
}

impl Deliveries for PostgresLedger {
    fn serve(&self, handlers: &[HandlerName]) -> Result<Served, LedgerError> {
        *self.core.served.lock() = Some(handlers.to_vec());
        let handlers = handlers.to_vec();
        self.wait(Serve { handlers })
    }

    fn claim(
        &self,
        handler: &HandlerName,
        now: SteadyTime,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Claimed, LedgerError> {
        let (claims, handler) = (Arc::clone(&self.claims), handler.clone());
        let limits = Limits {
            now,
            limit,
            max_bytes,
        };
        self.run(async move { claims.deliveries(&handler, limits).await })
    }

    fn started(&self, lease: &Lease<DeliveryId>) {
        self.core.marks.add(lease.item().0);
        self.core.books.returned.notify_one();
    }

    fn stopped(&self, lease: &Lease<DeliveryId>) {
        self.core.marks.remove(lease.item().0);
        self.core.books.returned.notify_one();
    }

    fn start_alone(&self, lease: &Lease<DeliveryId>) -> Result<(), LedgerError> {
        let (delivery, token) = (lease.item(), lease.token());
        self.wait(StartAlone { delivery, token })
    }

    fn complete_then(&self, completion: Completion, then: CompletionCallback) {
        let book = &self.core.books.deliveries;
        let held = book.held(completion.delivery, completion.token);
        self.put(Complete::new(completion, held), then);
    }

    fn give_up(&self, lease: &Lease<DeliveryId>, order: OrderEffect) -> Result<(), LedgerError> {
        let (delivery, token) = (lease.item(), lease.token());
        let Some(line) = self.core.books.deliveries.held(delivery, token) else {
            return Ok(());
        };
        self.wait(GiveUp {
            delivery,
            token,
            line,
            order,
        })
    }

    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError> {
        let key = *key;
        self.read(move |conn| async move { newest::newest(&conn, &key).await })
    }

    fn exchanges(&self, delivery: DeliveryId, run: u32) -> Result<Vec<Exchange>, LedgerError> {
        self.read(move |conn| async move { exchanges::of_run(&conn, delivery, run).await })
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
        let mut cursor = Some(Cursor::start(self.core.clock.now()));
        let mut retried = 0;
        while let Some(from) = cursor {
            let of = handler.clone();
            let (deliveries, next) =
                self.read(move |conn| async move { from.read(&conn, &of, component).await })?;
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

impl OutboxStore for PostgresLedger {
    fn waiting_hosts(&self, handler: &HandlerName) -> Result<Vec<RequestHost>, LedgerError> {
        let handler = handler.clone();
        self.read(move |conn| async move { outbox::hosts(&conn, &handler).await })
    }

    fn claim_requests(
        &self,
        handler: &HandlerName,
        host: &RequestHost,
        now: SteadyTime,
        limit: usize,
        max_bytes: usize,
    ) -> Result<ClaimedRequests, LedgerError> {
        let claims = Arc::clone(&self.claims);
        let (handler, host) = (handler.clone(), host.clone());
        let limits = Limits {
            now,
            limit,
            max_bytes,
        };
        self.run(async move { claims.requests(&handler, &host, limits).await })
    }

    fn settle(&self, settlement: Settlement, then: SettlementCallback) {
        let book = &self.core.books.requests;
        let held = book.held(settlement.request, settlement.token);
        self.put(Settle::new(settlement, held), then);
    }

    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.read(move |conn| async move { outbox::list(&conn, state, limit, ahead).await })
    }

    fn outbox_request(&self, id: RequestId) -> Result<Option<OutboxRequest>, LedgerError> {
        self.read(move |conn| async move { outbox::request(&conn, id).await })
    }
}

impl ScheduleStore for PostgresLedger {
    fn due(&self, now: WallTime) -> Result<DueEntries, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.read(move |conn| async move { schedule::due(&conn, now, ahead).await })
    }

    fn fire(
        &self,
        now: WallTime,
        entries: Vec<(DueEntry, Recipient)>,
    ) -> Result<Fired, LedgerError> {
        self.wait(Fire::new(now, entries))
    }
}

impl ResolutionStore for PostgresLedger {
    fn claim_resolutions(
        &self,
        source: &SourceName,
        now: SteadyTime,
        limit: usize,
    ) -> Result<ClaimedResolutions, LedgerError> {
        let (claims, source) = (Arc::clone(&self.claims), source.clone());
        let limits = Limits {
            now,
            limit,
            max_bytes: usize::MAX,
        };
        self.run(async move { claims.resolutions(&source, limits).await })
    }

    fn resolve(&self, tried: TriedResolution, then: ResolutionCallback) {
        let book = &self.core.books.resolutions;
        let held = book.held(tried.resolution, tried.token).is_some();
        self.put(Resolve { tried, held }, then);
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
        self.read(move |conn| async move { resolutions::waiting(&conn).await })
    }
}

impl Operators for PostgresLedger {
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError> {
        self.wait(Intervene(intervention))
    }

    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError> {
        let handler = handler.clone();
        self.wait(SetPause { handler, pause })
    }

    fn release_restore(&self) -> Result<Option<Restore>, LedgerError> {
        Ok(None)
    }
}

impl AlertStore for PostgresLedger {
    fn alerts(&self) -> Result<Vec<LastingAlert>, LedgerError> {
        self.read(move |conn| async move { small::alerts(&conn).await })
    }

    fn alert_memory(&self) -> Result<Option<String>, LedgerError> {
        self.read(move |conn| async move { small::alert_memory(&conn).await })
    }

    fn change_alerts(
        &self,
        changes: Vec<AlertChange>,
        memory: String,
    ) -> Result<Vec<bool>, LedgerError> {
        self.wait(ChangeAlerts::new(changes, memory))
    }
}

impl RetentionStore for PostgresLedger {
    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError> {
        if self.queue.len() > BUSY {
            return Ok(Sweeper::only_read());
        }
        let (sweeper, retention) = (Arc::clone(&self.sweeper), Arc::clone(retention));
        let ages = self.core.clock.ages();
        let (step, ends) = self.list(move |conn| async move {
            let mut sweeper = sweeper.lock().await;
            sweeper.follow(&retention);
            let step = sweeper.next(&conn, ages).await?;
            let ends = step.is_none() && sweeper.ends();
            Ok((step, ends))
        })?;
        if let Some(step) = step {
            let done = self.wait(step)?;
            let sweeper = Arc::clone(&self.sweeper);
            return self.run(async move { Ok(sweeper.lock().await.done(done)) });
        }
        Ok(match ends {
            true => Swept::default(),
            false => Sweeper::only_read(),
        })
    }

    fn erase(&self, event: EventId) -> Result<Erased, LedgerError> {
        self.wait(Erase { event })
    }

    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError> {
        self.list(move |conn| async move { small::is_named(&conn, component).await })
    }
}

impl RejectionStore for PostgresLedger {
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

impl Gauges for PostgresLedger {
    fn backlog(&self, now: WallTime) -> Result<Backlog, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.list(move |conn| async move { gauges::backlog(&conn, now, ahead).await })
    }

    fn writable(&self) -> bool {
        self.core.writable.load(Ordering::Acquire)
    }

    /// The database has its log in its own hands.
    fn log_size(&self) -> LogSize {
        LogSize::default()
    }

    fn totals(&self, now: WallTime) -> Result<Totals, LedgerError> {
        let ahead = self.core.clock.ahead();
        self.list(move |conn| async move { gauges::totals(&conn, now, ahead).await })
    }

    fn commits(&self) -> Commits {
        self.core.commits.read()
    }
}

impl Shutdown for PostgresLedger {
    fn close(&self) {
        Self::close(self);
    }
}
