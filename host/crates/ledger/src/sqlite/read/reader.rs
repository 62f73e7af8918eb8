//! The connections that read a ledger, beside its writer or beside a process that serves it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, RwLock};
use rusqlite::{Connection, OpenFlags};

use super::{components, gauges, handlers, outbox};
use crate::sqlite::error::{At, OpenError, unreadable};
use crate::sqlite::{exchanges, newest, open, schema};
use crate::{
    Backlog, DeliveryId, Exchange, LedgerError, OrderKey, OutboxEntry, OutboxState, Rank, Totals,
};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::{Ahead, WallTime};

/// The number of idle connections that are kept.
const MAX_IDLE: usize = 16;

/// Reads a ledger, also while a gateway serves it. May be used from any thread: each read has
/// a connection of its own while it lasts, and sees what has been committed by then.
pub(crate) struct SqliteReader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// The numbers of handlers' names. A number never changes.
    handlers: RwLock<HashMap<HandlerName, i64>>,
}

impl SqliteReader {
    /// Opens the ledger at `path` for reading. Changes nothing in it. No gateway need run.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        if !path.exists() {
            return Err(OpenError::Missing { path: path.into() });
        }
        open::check_kinds(path)?;
        let reader = Self::unchecked(open::absolute(path)?);
        let conn = reader.connect().at(path)?;
        if !schema::is_current(&conn, path)? {
            return Err(OpenError::Older { path: path.into() });
        }
        reader.give_back(conn);
        Ok(reader)
    }

    /// A reader of a ledger that this process has opened.
    pub(crate) fn unchecked(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::default(),
            handlers: RwLock::default(),
        }
    }

    /// As [`Deliveries::newest`](crate::Deliveries::newest).
    pub(crate) fn newest(&self, key: &OrderKey) -> Result<Option<Rank>, LedgerError> {
        self.read(|conn| newest::newest(conn, &key.0))
    }

    /// As [`Deliveries::exchanges`](crate::Deliveries::exchanges).
    pub(crate) fn exchanges(
        &self,
        delivery: DeliveryId,
        run: u32,
    ) -> Result<Vec<Exchange>, LedgerError> {
        self.read(|conn| exchanges::of_run(conn, delivery, run))
    }

    /// As [`OutboxStore::outbox_list`](crate::OutboxStore::outbox_list).
    pub(crate) fn outbox_list(
        &self,
        state: Option<OutboxState>,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>, LedgerError> {
        self.read(|conn| outbox::list(conn, state, limit))
    }

    /// As [`RetentionStore::is_named`](crate::RetentionStore::is_named).
    pub(crate) fn is_named(&self, component: ComponentDigest) -> Result<bool, LedgerError> {
        self.read(|conn| components::is_named(conn, component))
    }

    /// As [`Gauges::backlog`](crate::Gauges::backlog).
    pub(crate) fn backlog(&self, now: WallTime, ahead: Ahead) -> Result<Backlog, LedgerError> {
        self.read(|conn| gauges::backlog(conn, now, ahead))
    }

    /// As [`Gauges::totals`](crate::Gauges::totals).
    pub(crate) fn totals(&self, now: WallTime, ahead: Ahead) -> Result<Totals, LedgerError> {
        let totals = self.read(|conn| gauges::totals(conn, now, ahead))?;
        let bytes = self.path.metadata().map_or(0, |file| file.len());
        Ok(Totals { bytes, ..totals })
    }

    /// Closes the connections that nobody uses now.
    pub(crate) fn close_idle(&self) {
        self.idle.lock().clear();
    }

    /// The number of a handler's name; `None` if the ledger has not met the handler.
    fn handler_id(
        &self,
        conn: &Connection,
        handler: &HandlerName,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.handlers.read().get(handler) {
            return Ok(Some(*id));
        }
        let id = handlers::number(conn, handler)?;
        if let Some(id) = id {
            self.handlers.write().insert(handler.clone(), id);
        }
        Ok(id)
    }

    /// Runs a query about one handler, which gets the handler's number. If the ledger has not
    /// met the handler, the answer is empty.
    pub(crate) fn read_for<T: Default>(
        &self,
        handler: &HandlerName,
        query: impl FnOnce(&Connection, i64) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        self.read(|conn| match self.handler_id(conn, handler)? {
            Some(handler) => query(conn, handler),
            None => Ok(T::default()),
        })
    }

    /// Runs a query on a connection of its own.
    pub(crate) fn read<T>(
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
        // One thread at a time uses a connection, so it needs no mutex.
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
