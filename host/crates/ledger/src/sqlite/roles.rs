//! The roles that the ledger plays for its callers, over the queue of the writer and the
//! readers' connections.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use super::ledger::SqliteLedger;
use super::op::{
    CompletionRequest, FireRequest, HoldStep, Mark, Op, Prepared, Reply, SettlementRequest,
    Sweeping, Task,
};
use super::queue::Refused;
use super::sweep::Sweeper;
use super::{excuse, order, reads};
use crate::{
    Address, Backlog, Completion, CompletionCallback, Deliveries, Delivery, DeliverySeq,
    DeliveryState, Erased, Fired, Gauges, Intake, Intervened, Intervention, LedgerError, NewEvent,
    Operators, OrderKey, OutboxEntry, OutboxRequest, OutboxSeq, OutboxState, OutboxStore, Pause,
    ProcessMarks, Rank, RecordFuture, Retention, RetentionStore, ScheduleStore, Settlement,
    SettlementCallback, Swept, Turn,
};
use tollgate_base::event::{ComponentDigest, EventId, HandlerName};
use tollgate_base::time::{SteadyTime, WallTime};

/// With how many operations waiting a sweep lets the writer be.
const BUSY: usize = 32;

/// How often the files are tried to be cleaned while readers hinder it, and how long each
/// time is waited.
const SCRUB_TRIES: u32 = 100;
const SCRUB_PAUSE: Duration = Duration::from_millis(20);

impl Intake for SqliteLedger {
    fn record(&self, events: Vec<NewEvent>) -> RecordFuture {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let reply = Reply::new(Box::new(move |result| {
            // The sender may have hung up; the events are recorded all the same.
            let _ = answer.send(result);
        }));
        let events = events.into_iter().map(Prepared::from).collect();
        match self.queue.offer(Op::Record(Task::new(events, reply))) {
            Ok(()) => Box::pin(async { answered.await.unwrap_or(Err(LedgerError::Closed)) }),
            Err((_, Refused::Full)) => Box::pin(async { Err(LedgerError::Busy) }),
            Err((_, Refused::Closed)) => Box::pin(async { Err(LedgerError::Closed) }),
        }
    }
}

impl Deliveries for SqliteLedger {
    fn complete(&self, completion: Completion, then: CompletionCallback) {
        let request = CompletionRequest::from(completion);
        self.put(Op::Complete(Box::new(Task::new(request, Reply::new(then)))));
    }

    fn pending(
        &self,
        handler: &HandlerName,
        after: DeliverySeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.reader.pending(handler, after, limit, max_bytes)
    }

    fn due(
        &self,
        handler: &HandlerName,
        now: SteadyTime,
        limit: usize,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.reader.due(handler, now, limit, except)
    }

    fn next_due(
        &self,
        handler: &HandlerName,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Option<SteadyTime>, LedgerError> {
        self.reader.next_due(handler, except)
    }

    fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError> {
        self.reader.newest(key)
    }

    fn hold_absent(&self, present: &[HandlerName]) -> Result<(u64, u64), LedgerError> {
        let (mut held, mut released) = (0, 0);
        loop {
            let step: HoldStep = self.wait(present.to_vec(), Op::Hold)?;
            held += step.held;
            released += step.released;
            if !step.more {
                return Ok((held, released));
            }
        }
    }

    fn note_running(&self, slot: usize, delivery: Option<DeliverySeq>) {
        self.running.note(slot, delivery);
    }

    fn claim(&self, delivery: DeliverySeq) -> Result<(), LedgerError> {
        let to = DeliveryState::Running;
        let turn = Turn::default();
        self.wait(Mark { delivery, to, turn }, Op::Mark)
    }

    fn give_up(&self, delivery: DeliverySeq, turn: Turn) -> Result<(), LedgerError> {
        let to = DeliveryState::Dead;
        self.wait(Mark { delivery, to, turn }, Op::Mark)
    }

    fn let_pass(&self, handlers: &[HandlerName]) -> Result<u64, LedgerError> {
        let mut passed = 0;
        loop {
            let step: u64 = self.wait(handlers.to_vec(), Op::LetPass)?;
            passed += step;
            if step < order::PASS_STEP {
                return Ok(passed);
            }
        }
    }

    fn excuse(
        &self,
        handler: &HandlerName,
        component: ComponentDigest,
    ) -> Result<u64, LedgerError> {
        let now = self.clock.now();
        excuse::excuse(&self.reader, handler, component, now, |excuse| {
            self.wait(excuse, Op::Excuse)
        })
    }
}

impl OutboxStore for SqliteLedger {
    fn settle(&self, settlement: Settlement, then: SettlementCallback) {
        let request = SettlementRequest::from(settlement);
        self.put(Op::Settle(Box::new(Task::new(request, Reply::new(then)))));
    }

    fn outbox_waiting(
        &self,
        after: OutboxSeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRequest>, LedgerError> {
        self.reader.outbox_waiting(after, limit, max_bytes)
    }

    fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError> {
        self.reader.outbox_list(state, limit)
    }

    fn outbox_request(&self, seq: OutboxSeq) -> Result<Option<OutboxRequest>, LedgerError> {
        self.reader.read(|conn| reads::outbox_request(conn, seq))
    }
}

impl ScheduleStore for SqliteLedger {
    fn fire(&self, now: WallTime, address: &Address) -> Result<Fired, LedgerError> {
        let address = address.clone();
        self.wait(FireRequest { now, address }, Op::Fire)
    }
}

impl Operators for SqliteLedger {
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError> {
        self.wait(intervention, |task| Op::Intervene(Box::new(task)))
    }

    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError> {
        self.wait((handler.clone(), pause), Op::Pause)
    }
}

impl RetentionStore for SqliteLedger {
    fn sweep(&self, retention: &Arc<Retention>) -> Result<Swept, LedgerError> {
        let mut sweeper = self.sweeper.lock();
        sweeper.follow(retention);
        if sweeper.puts_off(self.queue.len() > BUSY) {
            return Ok(Sweeper::only_read());
        }
        let ages = self.clock.ages();
        if let Some(work) = self.reader.read(|conn| sweeper.next(conn, ages))? {
            let sweeping = Sweeping {
                retention: Arc::clone(retention),
                work,
                rows: sweeper.rows(),
            };
            let began = Instant::now();
            let done = self.wait(sweeping, |task| Op::Sweep(Box::new(task)))?;
            return Ok(sweeper.done(done, began.elapsed()));
        }
        if !sweeper.ends() {
            return Ok(Sweeper::only_read());
        }
        if sweeper.wants_scrub() && self.scrub() {
            sweeper.scrubbed();
        }
        Ok(Swept::default())
    }

    fn erase(&self, event: EventId) -> Result<Erased, LedgerError> {
        let erased = self.wait(event, Op::Erase)?;
        if erased == Erased::Done
            && !(0..SCRUB_TRIES).any(|_| {
                let clean = self.scrub();
                if !clean {
                    thread::sleep(SCRUB_PAUSE);
                }
                clean
            })
        {
            tracing::warn!(
                %event,
                "the write-ahead log may hold an erased payload until it is written over: \
                 somebody reads the ledger all the time",
            );
        }
        Ok(erased)
    }

    fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError> {
        self.reader.is_named(component)
    }
}

impl Gauges for SqliteLedger {
    fn backlog(&self, now: WallTime) -> Result<Backlog, LedgerError> {
        self.reader.backlog(now, self.clock.ahead())
    }

    fn writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }
}

impl ProcessMarks for SqliteLedger {
    fn keep_time(&self) -> Result<(), LedgerError> {
        self.wait(self.clock.mark(), |task| Op::KeepTime(Box::new(task)))
    }

    fn close(&self) {
        Self::close(self);
    }
}
