//! Reading a ledger, beside its writer or beside another process that serves it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OpenFlags};

use super::error::{At, OpenError, unreadable};
use super::tally::Tally;
use super::{backlog, open, order, pauses, reads, records, schema, state};
use crate::event::{ComponentDigest, Event, EventId, HandlerName, UnixMillis};
use crate::ledger::{
    Backlog, Counts, Delivery, DeliveryDetail, DeliverySeq, DeliverySummary, EventDetail,
    EventSummary, LedgerError, Listed, OrderKey, OutboxEntry, OutboxRequest, OutboxSeq,
    OutboxState, Page, Pause, Rank, RecordFilter, RecordedRun, Records, RequestDetail,
    RequestFilter, RequestSummary, Scheduled, StateEntry, Versioned,
};

/// How many idle connections are kept.
const MAX_IDLE: usize = 16;

/// Reads a ledger, also while a gateway serves it. May be used from any thread: each
/// read takes a connection of its own for as long as it lasts, and sees what has been
/// committed by then.
pub struct SqliteReader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Handlers' numbers, which never change once they are given.
    handlers: RwLock<HashMap<HandlerName, i64>>,
}

impl SqliteReader {
    /// Opens the ledger at `path` for reading. Changes nothing in it, and needs no
    /// gateway to run.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(OpenError::Missing { path: path.into() });
        }
        let reader = Self::unchecked(open::absolute(path)?);
        let conn = reader.connect().at(path)?;
        if !schema::is_current(&conn, path)? {
            return Err(OpenError::Older { path: path.into() });
        }
        reader.give_back(conn);
        Ok(reader)
    }

    /// A reader of a ledger that this process has opened.
    pub(super) fn unchecked(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::default(),
            handlers: RwLock::default(),
        }
    }

    /// As [`Ledger::state_get`](crate::ledger::Ledger::state_get).
    pub fn state_get(&self, handler: &HandlerName, key: &str) -> Result<Versioned, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => state::get(conn, handler, key),
            None => Ok(Versioned::default()),
        })
    }

    /// As [`Ledger::state_list`](crate::ledger::Ledger::state_list).
    pub fn state_list(
        &self,
        handler: &HandlerName,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<StateEntry>, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => state::list(conn, handler, prefix, after, limit),
            None => Ok(Vec::new()),
        })
    }

    /// As [`Ledger::pending`](crate::ledger::Ledger::pending).
    pub fn pending(
        &self,
        handler: &HandlerName,
        after: DeliverySeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => reads::pending(conn, handler, after, limit, max_bytes),
            None => Ok(Vec::new()),
        })
    }

    /// As [`Ledger::due`](crate::ledger::Ledger::due).
    pub fn due(
        &self,
        handler: &HandlerName,
        now: UnixMillis,
        limit: usize,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Vec<Delivery>, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => reads::due(conn, handler, now, limit, except),
            None => Ok(Vec::new()),
        })
    }

    /// As [`Ledger::next_due`](crate::ledger::Ledger::next_due).
    pub fn next_due(
        &self,
        handler: &HandlerName,
        except: &dyn Fn(DeliverySeq) -> bool,
    ) -> Result<Option<UnixMillis>, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => reads::next_due(conn, handler, except),
            None => Ok(None),
        })
    }

    /// As [`Ledger::newest`](crate::ledger::Ledger::newest).
    pub fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError> {
        self.read(|conn| order::newest(conn, &key.0))
    }

    /// As [`Ledger::outbox_waiting`](crate::ledger::Ledger::outbox_waiting).
    pub fn outbox_waiting(
        &self,
        after: OutboxSeq,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OutboxRequest>, LedgerError> {
        self.read(|conn| reads::outbox_waiting(conn, after, limit, max_bytes))
    }

    /// As [`Ledger::outbox_list`](crate::ledger::Ledger::outbox_list).
    pub fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError> {
        self.read(|conn| reads::outbox_list(conn, state, limit))
    }

    /// As [`Ledger::schedule_list`](crate::ledger::Ledger::schedule_list).
    pub fn schedule_list(
        &self,
        handler: Option<&HandlerName>,
        limit: usize,
    ) -> Result<Vec<Scheduled>, LedgerError> {
        self.read(|conn| {
            let handler = match handler {
                Some(name) => match self.handler_id(conn, name)? {
                    Some(id) => Some(id),
                    None => return Ok(Vec::new()),
                },
                None => None,
            };
            reads::schedule_list(conn, handler, limit)
        })
    }

    /// As [`Ledger::pauses`](crate::ledger::Ledger::pauses).
    pub fn pauses(&self) -> Result<Vec<(HandlerName, Pause)>, LedgerError> {
        self.read(pauses::list)
    }

    /// What a delivery's last attempt was given and did; `None` if it had none, or its
    /// event's payload is no longer whole.
    pub fn recorded(&self, seq: DeliverySeq) -> Result<Option<RecordedRun>, LedgerError> {
        self.read(|conn| records::recorded(conn, seq))
    }

    /// As [`Ledger::is_named`](crate::ledger::Ledger::is_named).
    pub fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError> {
        self.read(|conn| reads::is_named(conn, component))
    }

    /// As [`Ledger::backlog`](crate::ledger::Ledger::backlog).
    pub(super) fn backlog(&self, now: UnixMillis, ahead: i64) -> Result<Backlog, LedgerError> {
        self.read(|conn| backlog::read(conn, now, ahead))
    }

    /// As [`Ledger::counts`](crate::ledger::Ledger::counts).
    pub fn counts(&self) -> Result<Counts, LedgerError> {
        self.read(|conn| {
            let mut counts = Tally::load(conn)?.counts();
            counts.oldest = reads::oldest(conn)?;
            counts.blocked = reads::blocked(conn)?;
            Ok(counts)
        })
    }

    /// Closes the connections that are not in use.
    pub(super) fn close_idle(&self) {
        self.idle.lock().clear();
    }

    /// The number of a handler's name, if the ledger has met it.
    fn handler_id(
        &self,
        conn: &Connection,
        handler: &HandlerName,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.handlers.read().get(handler) {
            return Ok(Some(*id));
        }
        let id = reads::handler_id(conn, handler)?;
        if let Some(id) = id {
            self.handlers.write().insert(handler.clone(), id);
        }
        Ok(id)
    }

    /// Reads what is a handler's, by its number; nothing if the ledger has not met it.
    pub(super) fn read_for<T: Default>(
        &self,
        handler: &HandlerName,
        query: impl FnOnce(&Connection, i64) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => query(conn, handler),
            None => Ok(T::default()),
        })
    }

    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let idle = self.idle.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.connect().map_err(unreadable)?,
        };
        let answer = query(&conn).map_err(unreadable);
        if answer.is_ok() {
            self.give_back(conn);
        }
        answer
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        // No NO_MUTEX: a connection is used by one thread at a time, whichever it is.
        let conn = Connection::open_with_flags(
            &self.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        open::configure(&conn)?;
        Ok(conn)
    }

    fn give_back(&self, conn: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(conn);
        }
    }
}

impl Records for SqliteReader {
    fn events(
        &self,
        filter: &RecordFilter,
        page: Page,
    ) -> Result<Listed<EventSummary>, LedgerError> {
        self.read(|conn| records::events(conn, filter, page))
    }

    fn event(&self, id: EventId) -> Result<Option<EventDetail>, LedgerError> {
        self.read(|conn| records::event(conn, id))
    }

    fn event_to_run(&self, seq: i64) -> Result<Option<Event>, LedgerError> {
        self.read(|conn| records::event_to_run(conn, seq))
    }

    fn deliveries(
        &self,
        filter: &RecordFilter,
        page: Page,
    ) -> Result<Listed<DeliverySummary>, LedgerError> {
        self.read(|conn| records::deliveries(conn, filter, page))
    }

    fn delivery(&self, seq: DeliverySeq) -> Result<Option<DeliveryDetail>, LedgerError> {
        self.read(|conn| records::delivery(conn, seq))
    }

    fn requests(
        &self,
        filter: &RequestFilter,
        page: Page,
    ) -> Result<Listed<RequestSummary>, LedgerError> {
        self.read(|conn| records::requests(conn, filter, page))
    }

    fn request(&self, seq: OutboxSeq) -> Result<Option<RequestDetail>, LedgerError> {
        self.read(|conn| records::request(conn, seq))
    }

    fn handlers(&self) -> Result<Vec<HandlerName>, LedgerError> {
        self.read(records::handlers)
    }
}
