//! One transaction of the writer: what the operations of a batch share.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result};

use super::keys::RecentKeys;
use super::op::Op;
use super::tally::{Counter, Tally};
use super::{
    complete, erase, excuse, intervene, kept_time, order, pauses, prune, record, schedule, settle,
};
use crate::{Delivery, OutboxRequest};
use tollgate_base::event::{ComponentDigest, HandlerName, SourceName};
use tollgate_base::failpoint::{self, Failpoint};
use tollgate_base::time::{Ages, Ahead, SteadyClock, SteadyTime, WallTime};

/// What the writer keeps in memory from one transaction to the next.
pub(super) struct Memory {
    names: Names,
    next: Next,
    tally: Tally,
    keys: RecentKeys,
    max_scheduled: i64,
    /// The handlers that there are, since it was last said.
    present: Option<HashSet<HandlerName>>,
}

impl Memory {
    /// As the file has it. A handler may have `max_scheduled` scheduled events.
    pub(super) fn load(conn: &Connection, max_scheduled: u32) -> Result<Self> {
        let tally = Tally::load(conn)?;
        Ok(Self {
            max_scheduled: max_scheduled.into(),
            names: Names::default(),
            next: Next::load(conn, &tally)?,
            keys: RecentKeys::load(conn, &tally)?,
            tally,
            present: None,
        })
    }
}

/// The numbers that rows get. Rolled-back ones are not given again: gaps are harmless.
struct Next {
    event: i64,
    delivery: i64,
    request: i64,
}

impl Next {
    fn load(conn: &Connection, tally: &Tally) -> Result<Self> {
        let after = |table: &str, last: Counter| {
            let sql = format!("SELECT max(coalesce(max(seq), 0), ?1) + 1 FROM {table}");
            conn.query_row(&sql, [tally.get(last)], |row| row.get(0))
        };
        Ok(Self {
            event: after("events", Counter::LastEvent)?,
            delivery: after("deliveries", Counter::LastDelivery)?,
            request: after("outbox", Counter::LastRequest)?,
        })
    }
}

/// The numbers of names that were met, so that a row costs no lookup, and how many events
/// these handlers have scheduled.
#[derive(Default)]
struct Names {
    sources: HashMap<SourceName, i64>,
    handlers: HashMap<HandlerName, i64>,
    components: HashMap<ComponentDigest, i64>,
    scheduled: HashMap<i64, i64>,
}

/// What a transaction made due, for the sink once it is committed.
#[derive(Default)]
pub(super) struct Made {
    pub(super) deliveries: Vec<Delivery>,
    /// Older ones, whose turn has come.
    pub(super) released: Vec<Delivery>,
    pub(super) requests: Vec<OutboxRequest>,
    /// The earliest time for which something was scheduled.
    pub(super) scheduled: Option<WallTime>,
}

/// Whether each operation is undone by itself when it fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    /// No: a failure undoes the whole transaction. Operations find every failure that
    /// is to be expected (a conflict, a value that is no counter) before their first
    /// write, so this is the normal case, and it saves copying each page that an
    /// operation is first to touch.
    Together,
    /// Yes: a savepoint each. The batch is run again so after one of its operations
    /// failed.
    Apart,
}

/// When a transaction is written.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    /// The time of day.
    pub(super) wall: WallTime,
    /// The time that due times go by.
    pub(super) steady: SteadyTime,
    /// By how much these are ahead of the time of day.
    pub(super) ahead: Ahead,
    /// How old everything is.
    pub(super) ages: Ages,
}

impl Moment {
    pub(super) fn of(clock: &SteadyClock) -> Self {
        Self {
            wall: clock.wall(),
            steady: clock.now(),
            ahead: clock.ahead(),
            ages: clock.ages(),
        }
    }
}

/// A transaction under way.
pub(super) struct Batch<'a> {
    pub(super) conn: &'a Connection,
    pub(super) tally: Tally,
    pub(super) made: Made,
    /// By how much the number of attempts that name a component changes.
    named: Vec<(i64, i64)>,
    pub(super) at: Moment,
    pub(super) max_scheduled: i64,
    pub(super) keys: &'a mut RecentKeys,
    names: &'a mut Names,
    next: &'a mut Next,
    present: &'a mut Option<HashSet<HandlerName>>,
}

/// Runs the operations in one transaction and commits it. On an error nothing of it
/// is left.
pub(super) fn run(
    conn: &Connection,
    memory: &mut Memory,
    at: Moment,
    ops: &mut [Op],
    isolation: Isolation,
) -> Result<Made> {
    let before = memory.tally;
    let mut batch = Batch {
        conn,
        tally: before,
        made: Made::default(),
        named: Vec::new(),
        at,
        max_scheduled: memory.max_scheduled,
        keys: &mut memory.keys,
        names: &mut memory.names,
        next: &mut memory.next,
        present: &mut memory.present,
    };
    let outcome = batch.run(ops, isolation, &before);
    let (tally, made) = (batch.tally, batch.made);
    match outcome {
        Ok(()) => {
            memory.tally = tally;
            memory.keys.committed(memory.next.event - 1);
            Ok(made)
        }
        Err(error) => {
            // Names may have got their numbers, and schedules changed, in what is undone now.
            memory.names = Names::default();
            memory.keys.undone(0);
            if !conn.is_autocommit() {
                conn.prepare_cached("ROLLBACK")?.execute([])?;
            }
            Err(error)
        }
    }
}

impl Batch<'_> {
    fn run(&mut self, ops: &mut [Op], isolation: Isolation, before: &Tally) -> Result<()> {
        self.execute("BEGIN IMMEDIATE")?;
        for op in ops {
            match isolation {
                Isolation::Together => self.apply(op)?,
                Isolation::Apart => self.apply_apart(op)?,
            }
        }
        self.keys.fold(self.conn, &mut self.tally)?;
        self.count_named()?;
        self.tally.store(self.conn, before)?;
        failpoint::reach(Failpoint::BeforeCommit);
        failpoint::reach(Failpoint::DuringCommit);
        self.execute("COMMIT")?;
        failpoint::reach(Failpoint::AfterCommit);
        Ok(())
    }

    /// Notes which handlers there are from now on.
    pub(super) fn set_present(&mut self, handlers: &[HandlerName]) {
        *self.present = Some(handlers.iter().cloned().collect());
    }

    /// Whether a handler is known to be away.
    pub(super) fn is_absent(&self, handler: &HandlerName) -> bool {
        let present = self.present.as_ref();
        present.is_some_and(|present| !present.contains(handler))
    }

    fn apply(&mut self, op: &mut Op) -> Result<()> {
        match op {
            Op::Record(task) => task.answer = Some(Ok(record::record(self, &task.request)?)),
            Op::Complete(task) => task.answer = Some(Ok(complete::complete(self, &task.request)?)),
            Op::Settle(task) => task.answer = Some(Ok(settle::settle(self, &task.request)?)),
            Op::Hold(task) => task.answer = Some(Ok(settle::hold_step(self, &task.request)?)),
            Op::Intervene(task) => {
                task.answer = Some(Ok(intervene::intervene(self, &task.request)?));
            }
            Op::Mark(task) => task.answer = Some(Ok(settle::mark(self, task.request)?)),
            Op::LetPass(task) => task.answer = Some(Ok(order::let_pass(self, &task.request)?)),
            Op::Fire(task) => task.answer = Some(Ok(schedule::fire(self, &task.request)?)),
            Op::Sweep(task) => task.answer = Some(Ok(prune::step(self, &task.request)?)),
            Op::Erase(task) => task.answer = Some(Ok(erase::on_demand(self, task.request)?)),
            Op::Excuse(task) => task.answer = Some(Ok(excuse::apply(self, &task.request)?)),
            Op::KeepTime(task) => {
                task.answer = Some(Ok(kept_time::keep(self.conn, &task.request)?));
            }
            Op::Pause(task) => task.answer = Some(Ok(pauses::set(self, &task.request)?)),
            #[cfg(test)]
            Op::Test(task) => task.answer = Some(Ok(())),
        }
        Ok(())
    }

    /// Applies the operation in a savepoint; if it alone is at fault, it fails alone.
    fn apply_apart(&mut self, op: &mut Op) -> Result<()> {
        let (tally, named) = (self.tally, self.named.clone());
        let (deliveries, requests) = (self.made.deliveries.len(), self.made.requests.len());
        let (released, keys) = (self.made.released.len(), self.keys.mark());
        self.execute("SAVEPOINT op")?;
        if let Err(error) = self.apply(op) {
            if super::error::fault(&error) != super::error::Fault::Operation {
                return Err(error);
            }
            tracing::error!(%error, "the ledger could not carry out an operation");
            op.fail(super::error::unavailable(&error));
            self.execute("ROLLBACK TO op")?;
            *self.names = Names::default();
            self.keys.undone(keys);
            self.tally = tally;
            self.named = named;
            self.made.deliveries.truncate(deliveries);
            self.made.released.truncate(released);
            self.made.requests.truncate(requests);
        }
        self.execute("RELEASE op")
    }

    /// So many more attempts name a component.
    pub(super) fn named(&mut self, component: i64, attempts: i64) {
        match self.named.iter_mut().find(|(known, _)| *known == component) {
            Some((_, sum)) => *sum += attempts,
            None => self.named.push((component, attempts)),
        }
    }

    /// Writes down how many attempts name each component, once for all of the batch.
    fn count_named(&self) -> Result<()> {
        for change in &self.named {
            self.conn
                .prepare_cached("UPDATE components SET attempts = attempts + ?2 WHERE id = ?1")?
                .execute(*change)?;
        }
        Ok(())
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.conn.prepare_cached(sql)?.execute([]).map(|_| ())
    }

    /// The number that the next event gets, if it is new: those that an attempt emits
    /// are consecutive, also where known ones are among them.
    pub(super) fn peek_event(&self) -> i64 {
        self.next.event
    }

    pub(super) fn take_event(&mut self) {
        self.next.event += 1;
    }

    pub(super) fn next_delivery(&mut self) -> i64 {
        take(&mut self.next.delivery)
    }

    /// Notes which numbers have been given, before rows that have them go.
    pub(super) fn remember_numbers(&mut self) {
        self.tally.set(Counter::LastEvent, self.next.event - 1);
        self.tally
            .set(Counter::LastDelivery, self.next.delivery - 1);
        self.tally.set(Counter::LastRequest, self.next.request - 1);
    }

    pub(super) fn next_request(&mut self) -> i64 {
        take(&mut self.next.request)
    }

    /// The number of a source's name.
    pub(super) fn source(&mut self, name: &SourceName) -> Result<i64> {
        if let Some(id) = self.names.sources.get(name) {
            return Ok(*id);
        }
        let id = number(
            self.conn,
            "SELECT id FROM sources WHERE name = ?1",
            "INSERT INTO sources (name) VALUES (?1)",
            name.as_str(),
        )?;
        self.names.sources.insert(name.clone(), id);
        Ok(id)
    }

    /// The number of a handler's name.
    pub(super) fn handler(&mut self, name: &HandlerName) -> Result<i64> {
        if let Some(id) = self.names.handlers.get(name) {
            return Ok(*id);
        }
        let id = number(
            self.conn,
            "SELECT id FROM handlers WHERE name = ?1",
            "INSERT INTO handlers (name) VALUES (?1)",
            name.as_str(),
        )?;
        self.names.handlers.insert(name.clone(), id);
        Ok(id)
    }

    /// How many events a handler has scheduled.
    pub(super) fn scheduled(&mut self, handler: i64) -> Result<i64> {
        if let Some(many) = self.names.scheduled.get(&handler) {
            return Ok(*many);
        }
        let many = self
            .conn
            .prepare_cached("SELECT count(*) FROM schedule WHERE handler = ?1")?
            .query_row([handler], |row| row.get(0))?;
        self.names.scheduled.insert(handler, many);
        Ok(many)
    }

    /// Notes that a handler has so many more scheduled events.
    pub(super) fn scheduled_changed(&mut self, handler: i64, by: i64) {
        // One that was not counted yet is counted when that is needed.
        if let Some(many) = self.names.scheduled.get_mut(&handler) {
            *many += by;
        }
    }

    /// The number of a component's digest.
    pub(super) fn component(&mut self, digest: &ComponentDigest) -> Result<i64> {
        if let Some(id) = self.names.components.get(digest) {
            return Ok(*id);
        }
        let id = number(
            self.conn,
            "SELECT id FROM components WHERE digest = ?1",
            "INSERT INTO components (digest) VALUES (?1)",
            digest.0.as_slice(),
        )?;
        self.names.components.insert(*digest, id);
        Ok(id)
    }
}

fn take(next: &mut i64) -> i64 {
    let this = *next;
    *next += 1;
    this
}

fn number(
    conn: &Connection,
    select: &str,
    insert: &str,
    name: impl rusqlite::ToSql,
) -> Result<i64> {
    let found = conn
        .prepare_cached(select)?
        .query_row([&name], |row| row.get(0))
        .optional()?;
    match found {
        Some(id) => Ok(id),
        None => conn.prepare_cached(insert)?.insert([&name]),
    }
}

/// Something that a column holds as a number; times and durations in milliseconds.
pub(super) trait Number {
    fn number(self) -> u64;
}

impl Number for u64 {
    fn number(self) -> u64 {
        self
    }
}

impl Number for WallTime {
    fn number(self) -> u64 {
        self.as_millis()
    }
}

impl Number for SteadyTime {
    fn number(self) -> u64 {
        self.as_millis()
    }
}

impl Number for Duration {
    fn number(self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A number as SQLite has it.
pub(super) fn int(value: impl Number) -> i64 {
    i64::try_from(value.number()).unwrap_or(i64::MAX)
}

/// A text that is absent when it is empty.
pub(super) fn non_empty(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
