//! The writer's transaction: the file, and the values in memory that go with it.
//!
//! Operations change the file through the connection and the values through the methods
//! here. Whatever is undone is undone in both: [`Transaction::snapshot`] copies every value that
//! an operation may change, and [`Transaction::restore`] brings all of them back.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Error, Params, Result};

use super::for_sink::{self, ForSink};
use super::memory::Memory;
use super::names::Names;
use super::numbers::Numbers;
use super::recent_keys;
use crate::engine::HandOver;
use crate::engine::Moment;
use crate::sqlite::counters::{Counter, Counters};
use crate::sqlite::error::{Fault, fault};
use crate::{DeliveryId, DeliveryState, RequestHost, RequestId, ResolutionId, Token};
use tollgate_base::event::{ComponentDigest, HandlerName, SourceName};
use tollgate_base::failpoint::{self, Failpoint};

/// The present transaction.
pub(crate) struct Transaction<'a> {
    conn: &'a Connection,
    now: Moment,
    memory: &'a mut Memory,
    /// By how much the number of attempts that name a component changes.
    component_uses: Vec<(i64, i64)>,
    /// Leases that end with the commit.
    ended_leases: EndedLeases,
    /// The news for the sink, told after the commit.
    pub(crate) for_sink: ForSink,
}

/// Leases that end with a commit.
#[derive(Default)]
struct EndedLeases {
    deliveries: Vec<(DeliveryId, Token)>,
    requests: Vec<(RequestId, Token)>,
    resolutions: Vec<(ResolutionId, Token)>,
}

/// Every value in memory that a transaction changes, as it was at one moment. The names are
/// not among them: they are a cache, which is emptied.
struct Snapshot {
    numbers: Numbers,
    counters: Counters,
    keys: usize,
    served: Option<Arc<HashSet<HandlerName>>>,
    component_uses: Vec<(i64, i64)>,
    ended_leases: (usize, usize, usize),
    for_sink: for_sink::Lengths,
}

impl<'a> Transaction<'a> {
    /// Runs `work` in a transaction and commits it. Returns the news for the sink. On an
    /// error neither the file nor `memory` has changed.
    pub(crate) fn run(
        conn: &'a Connection,
        memory: &'a mut Memory,
        now: Moment,
        work: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<HandOver> {
        let mut tx = Self {
            conn,
            now,
            memory,
            component_uses: Vec::new(),
            ended_leases: EndedLeases::default(),
            for_sink: ForSink::default(),
        };
        let start = tx.snapshot();
        match tx.work_and_commit(work, &start.counters) {
            Ok(hand_over) => {
                let last = tx.memory.numbers.last_event();
                tx.memory.keys.committed(last);
                let EndedLeases {
                    deliveries,
                    requests,
                    resolutions,
                } = tx.ended_leases;
                tx.memory.leases.deliveries.end(deliveries);
                tx.memory.leases.requests.end(requests);
                tx.memory.leases.resolutions.end(resolutions);
                Ok(hand_over)
            }
            Err(error) => {
                tx.restore(start);
                if !conn.is_autocommit() {
                    tx.execute("ROLLBACK", [])?;
                }
                Err(error)
            }
        }
    }

    fn work_and_commit(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<()>,
        before: &Counters,
    ) -> Result<HandOver> {
        self.execute("BEGIN IMMEDIATE", [])?;
        work(self)?;
        self.memory
            .keys
            .fold(self.conn, &mut self.memory.counters)?;
        self.store_component_uses()?;
        self.memory.counters.count_commit();
        self.memory.counters.store(self.conn, before)?;
        // Before anybody can read what is handed over.
        let hand_over = std::mem::take(&mut self.for_sink).lease(&self.memory.leases);
        failpoint::reach(Failpoint::BeforeCommit);
        failpoint::reach(Failpoint::DuringCommit);
        self.execute("COMMIT", [])?;
        failpoint::reach(Failpoint::AfterCommit);
        Ok(hand_over)
    }

    /// Runs `work` in a savepoint. If the work alone is at fault, it is undone, and its error
    /// is the inner result; any other error is the outer one.
    pub(crate) fn savepoint<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<std::result::Result<T, Error>> {
        let before = self.snapshot();
        self.execute("SAVEPOINT operation", [])?;
        let outcome = work(self);
        if let Err(error) = &outcome {
            if fault(error) != Fault::Operation {
                return outcome.map(Ok);
            }
            self.execute("ROLLBACK TO operation", [])?;
            self.restore(before);
        }
        self.execute("RELEASE operation", [])?;
        Ok(outcome)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            numbers: self.memory.numbers,
            counters: self.memory.counters,
            keys: self.memory.keys.changes(),
            served: self.memory.served.clone(),
            component_uses: self.component_uses.clone(),
            ended_leases: (
                self.ended_leases.deliveries.len(),
                self.ended_leases.requests.len(),
                self.ended_leases.resolutions.len(),
            ),
            for_sink: self.for_sink.lengths(),
        }
    }

    fn restore(&mut self, snapshot: Snapshot) {
        let Snapshot {
            numbers,
            counters,
            keys,
            served,
            component_uses,
            ended_leases,
            for_sink,
        } = snapshot;
        self.memory.numbers = numbers;
        self.memory.counters = counters;
        self.memory.keys.undo_to(keys);
        self.memory.served = served;
        // Names may have got their numbers in the part that is undone.
        self.memory.names = Names::default();
        self.component_uses = component_uses;
        self.ended_leases.deliveries.truncate(ended_leases.0);
        self.ended_leases.requests.truncate(ended_leases.1);
        self.ended_leases.resolutions.truncate(ended_leases.2);
        self.for_sink.truncate(for_sink);
    }

    /// The connection, to read from and to write to.
    pub(crate) fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// When this transaction is written.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// A statement that the connection keeps.
    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>> {
        self.conn.prepare_cached(sql)
    }

    /// Executes a statement; returns how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare(sql)?.execute(params)
    }

    /// Changes a counter.
    pub(crate) fn count(&mut self, counter: Counter, by: i64) {
        self.memory.counters.add(counter, by);
    }

    /// Counts that `many` deliveries went from one state to another.
    pub(crate) fn count_moved(&mut self, from: DeliveryState, to: DeliveryState, many: i64) {
        self.memory.counters.moved(from, to, many);
    }

    /// A version that no row of handlers' state has had.
    pub(crate) fn take_version(&mut self) -> i64 {
        self.memory.counters.next_version()
    }

    /// The number that the next event gets, if it is new. Events that an attempt emits have
    /// consecutive numbers, also where known ones are among them.
    pub(crate) fn peek_event(&self) -> i64 {
        self.memory.numbers.peek_event()
    }

    /// Gives that number away.
    pub(crate) fn take_event(&mut self) -> i64 {
        self.memory.numbers.take_event()
    }

    /// The number of a new delivery.
    pub(crate) fn take_delivery(&mut self) -> i64 {
        self.memory.numbers.take_delivery()
    }

    /// The number of a new request.
    pub(crate) fn take_request(&mut self) -> i64 {
        self.memory.numbers.take_request()
    }

    /// Notes which numbers have been given, before rows that have them go.
    pub(crate) fn remember_numbers(&mut self) {
        self.memory.numbers.remember(&mut self.memory.counters);
    }

    /// The number of a source's name.
    pub(crate) fn source(&mut self, name: &SourceName) -> Result<i64> {
        self.memory.names.source(self.conn, name)
    }

    /// The number of a handler's name.
    pub(crate) fn handler(&mut self, name: &HandlerName) -> Result<i64> {
        self.memory.names.handler(self.conn, name)
    }

    /// The number of a component's digest.
    pub(crate) fn component(&mut self, digest: &ComponentDigest) -> Result<i64> {
        self.memory.names.component(self.conn, digest)
    }

    /// The number of a request's host.
    pub(crate) fn host(&mut self, host: &RequestHost) -> Result<i64> {
        self.memory.names.host(self.conn, host)
    }

    /// How many more events a handler may schedule.
    pub(crate) fn schedule_room(&mut self, handler: i64) -> Result<i64> {
        let scheduled = self.memory.names.scheduled(self.conn, handler)?;
        Ok(self.memory.max_scheduled - scheduled)
    }

    /// Counts that a handler has so many more scheduled events.
    pub(crate) fn count_scheduled(&mut self, handler: i64, by: i64) {
        self.memory.names.add_scheduled(handler, by);
        self.count(Counter::Scheduled, by);
    }

    /// The number of the event that has this dedup key.
    pub(crate) fn event_of_key(&self, key: &[u8; 16]) -> Result<Option<i64>> {
        self.memory.keys.event_of(self.conn, key)
    }

    /// Gives a dedup key that is not known to an event that is being recorded.
    pub(crate) fn add_key(&mut self, key: [u8; 16], event: i64) {
        self.memory.keys.insert(key, event);
    }

    /// Forgets an event's own dedup key; returns how many there were.
    pub(crate) fn remove_key(&mut self, key: [u8; 16], event: i64) -> Result<u64> {
        self.memory.keys.remove(self.conn, key, event)
    }

    /// Writes an event's own dedup key to the table, before the event's row goes.
    pub(crate) fn keep_key(&self, key: &[u8; 16], event: i64) -> Result<()> {
        self.memory.keys.keep(self.conn, key, event)
    }

    /// Writes a further dedup key of an event to the table; false if it is there already.
    pub(crate) fn write_key(&self, key: &[u8; 16], event: i64) -> Result<bool> {
        recent_keys::write(self.conn, key, event)
    }

    /// Notes which handlers this gateway serves from now on.
    pub(crate) fn set_served(&mut self, handlers: &[HandlerName]) {
        self.memory.served = Some(Arc::new(handlers.iter().cloned().collect()));
    }

    /// Whether nobody serves a handler, as far as is known.
    pub(crate) fn is_unserved(&self, handler: &HandlerName) -> bool {
        let served = self.memory.served.as_ref();
        served.is_some_and(|served| !served.contains(handler))
    }

    /// Whether this lease of a delivery is in force.
    pub(crate) fn is_leased(&self, delivery: DeliveryId, token: Token) -> bool {
        self.memory.leases.deliveries.is_in_force(delivery, token)
    }

    /// Ends a lease of a delivery with the commit.
    pub(crate) fn end_lease(&mut self, delivery: DeliveryId, token: Token) {
        self.ended_leases.deliveries.push((delivery, token));
    }

    /// Whether this lease of a request is in force.
    pub(crate) fn is_request_leased(&self, request: RequestId, token: Token) -> bool {
        self.memory.leases.requests.is_in_force(request, token)
    }

    /// Ends a lease of a request with the commit.
    pub(crate) fn end_request_lease(&mut self, request: RequestId, token: Token) {
        self.ended_leases.requests.push((request, token));
    }

    /// Whether this lease of a resolution is in force.
    pub(crate) fn is_resolution_leased(&self, resolution: ResolutionId, token: Token) -> bool {
        let leases = &self.memory.leases.resolutions;
        leases.is_in_force(resolution, token)
    }

    /// Ends a lease of a resolution with the commit.
    pub(crate) fn end_resolution_lease(&mut self, resolution: ResolutionId, token: Token) {
        self.ended_leases.resolutions.push((resolution, token));
    }

    /// Counts that so many more attempts name a component.
    pub(crate) fn count_component_uses(&mut self, component: i64, attempts: i64) {
        let known = self.component_uses.iter_mut();
        match known.into_iter().find(|(known, _)| *known == component) {
            Some((_, sum)) => *sum += attempts,
            None => self.component_uses.push((component, attempts)),
        }
    }

    /// Writes how many attempts name each component, once for the whole transaction.
    fn store_component_uses(&self) -> Result<()> {
        for change in &self.component_uses {
            self.execute(
                "UPDATE components SET attempts = attempts + ?2 WHERE id = ?1",
                *change,
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sqlite::leases::LeaseBook;
    use crate::sqlite::schema;
    use tollgate_base::time::{ManualClock, WallTime};

    fn ledger() -> (Connection, Memory) {
        let mut conn = Connection::open_in_memory().unwrap();
        schema::migrate(&mut conn, Path::new("memory")).unwrap();
        let memory = Memory::load(&conn, 10, LeaseBook::new()).unwrap();
        (conn, memory)
    }

    fn now() -> Moment {
        let clock = ManualClock::at(WallTime::from_millis(1_780_000_000_000));
        Moment::of(&clock.steady())
    }

    /// Changes everything that a transaction can change.
    fn change(tx: &mut Transaction<'_>, name: &str) -> Result<()> {
        let handler = tx.handler(&HandlerName::new(name))?;
        let component = tx.component(&ComponentDigest([handler as u8; 32]))?;
        tx.count_component_uses(component, 1);
        let event = tx.take_event();
        tx.take_delivery();
        tx.take_request();
        tx.add_key([handler as u8; 16], event);
        tx.count(Counter::Duplicates, 1);
        tx.count_scheduled(handler, 1);
        tx.set_served(&[HandlerName::new(name)]);
        tx.for_sink.add_scheduled(tx.now().wall);
        Ok(())
    }

    /// All that memory and the connection know, as text.
    fn all(tx: &mut Transaction<'_>) -> Result<String> {
        let names = ["kept", "undone"].map(HandlerName::new);
        let absent = names.each_ref().map(|name| tx.is_unserved(name));
        let rows: Vec<String> = tx
            .prepare("SELECT name FROM handlers ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        let memory = &tx.memory;
        Ok(format!(
            "{rows:?} {absent:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            memory.numbers,
            memory.counters,
            tx.event_of_key(&[1; 16])?,
            tx.event_of_key(&[2; 16])?,
            tx.component_uses,
            tx.for_sink.scheduled,
        ))
    }

    #[test]
    fn a_failed_savepoint_leaves_everything_as_it_was() {
        let (conn, mut memory) = ledger();
        Transaction::run(&conn, &mut memory, now(), |tx| {
            change(tx, "kept")?;
            let before = all(tx)?;
            let failed = tx.savepoint(|tx| {
                change(tx, "undone")?;
                assert_ne!(all(tx)?, before);
                Err::<(), _>(Error::QueryReturnedNoRows)
            })?;
            assert!(failed.is_err());
            assert_eq!(all(tx)?, before);
            // The number of the name that was undone is given again, to another name.
            assert_eq!(tx.handler(&HandlerName::new("other"))?, 2);
            Ok(())
        })
        .unwrap();
        assert_eq!(memory.counters.get(Counter::Duplicates), 1);
    }

    #[test]
    fn a_failed_transaction_leaves_everything_as_it_was() {
        let (conn, mut memory) = ledger();
        let mut before = String::new();
        Transaction::run(&conn, &mut memory, now(), |tx| change(tx, "kept")).unwrap();
        let failed = Transaction::run(&conn, &mut memory, now(), |tx| {
            before = all(tx)?;
            change(tx, "undone")?;
            Err(Error::QueryReturnedNoRows)
        });
        assert!(failed.is_err());
        Transaction::run(&conn, &mut memory, now(), |tx| {
            assert_eq!(all(tx)?, before);
            Ok(())
        })
        .unwrap();
    }
}
