//! Tests of this engine alone; the rest is in the conformance suite.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tempfile::TempDir;

use super::keep::{Scrubber, Sweeper};
use super::options::FatalHook;
use super::write::{Operation, Transaction};
use super::*;
use crate::conformance::{
    self, Collected, Engine, LATEST, Open, START, STEADY, block_on, ending, event, ms, until,
};
use crate::{
    Completed, Deliveries, Delivery, DeliveryState, Gauges, Intake, LeasedDelivery, LeasedRequest,
    Ledger, LedgerError, LedgerSink, NextState, Recorded, Records,
};
use tollgate_base::event::HandlerName;
use tollgate_base::time::ManualClock;

mod crashes;
mod failures;
mod files;
mod keys;
mod order;
mod queue;
mod requests;
mod restores;
mod retention;
mod search;
mod tables;
mod time;

/// The endings of the names of the files that a killed process leaves.
const LEFT: [&str; 4] = ["", "-wal", ".running", ".progress"];

struct Sqlite {
    folder: TempDir,
    fatal: FatalHook,
    queue: usize,
    search_block: i64,
}

impl Sqlite {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            fatal: Arc::new(|reason| panic!("fatal: {reason}")),
            queue: 1000,
            search_block: terms::BLOCK,
        }
    }

    /// Few rows make a block for searches.
    fn with_small_blocks() -> Self {
        Self {
            search_block: 16,
            ..Self::new()
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data/tollgate.db")
    }

    fn options(&self) -> SqliteOptions {
        SqliteOptions {
            fatal: self.fatal.clone(),
            queue: self.queue,
            scheduled: conformance::SCHEDULED,
            search_block: self.search_block,
            ..SqliteOptions::new(self.path())
        }
    }

    fn try_open(&self) -> Result<SqliteLedger, OpenError> {
        let sink = Arc::<Collected>::default();
        SqliteLedger::open(self.options(), ManualClock::at(START).steady(), sink)
    }

    /// The ledger under its own type.
    fn open_with(&self, sink: Arc<dyn LedgerSink>) -> SqliteLedger {
        SqliteLedger::open(self.options(), ManualClock::at(START).steady(), sink).unwrap()
    }

    /// Another connection to the file, as `sqlite3` has it.
    fn look(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// Leaves a copy of the files as they are now, as a killed process does, and
    /// returns an engine that opens the copy.
    fn killed(&self) -> Self {
        let copy = Self::new();
        std::fs::create_dir(copy.path().parent().unwrap()).unwrap();
        for ending in LEFT {
            std::fs::copy(
                open::beside(&self.path(), ending),
                open::beside(&copy.path(), ending),
            )
            .unwrap();
        }
        copy
    }
}

impl Engine for Sqlite {
    fn open(&self, clock: ManualClock, sink: Arc<dyn LedgerSink>) -> Arc<dyn Ledger> {
        Arc::new(SqliteLedger::open(self.options(), clock.steady(), sink).unwrap())
    }

    fn crash(&self, ledger: Arc<dyn Ledger>) {
        let left = self.killed();
        drop(ledger);
        for ending in LEFT {
            let back = open::beside(&self.path(), ending);
            std::fs::copy(open::beside(&left.path(), ending), back).unwrap();
        }
    }
}

mod conforms {
    use super::Sqlite;
    crate::conformance_suite!(Sqlite::with_small_blocks());
}

fn row<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> T {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A sink that leaves everything to the ledger.
struct TakesNothing;

impl LedgerSink for TakesNothing {
    fn recorded(&self, _: Vec<LeasedDelivery>) {}

    fn released(&self, _: Vec<LeasedDelivery>) {}

    fn queued(&self, _: Vec<LeasedRequest>) {}
}

fn claim(ledger: &SqliteLedger, handler: &str) -> Vec<LeasedDelivery> {
    let all = usize::MAX >> 1;
    let claimed = ledger.claim(&HandlerName::new(handler), LATEST, 9, all);
    claimed.unwrap().leased
}

fn pending_of(ledger: &SqliteLedger, handler: &str) -> usize {
    claim(ledger, handler).len()
}

/// Something that a test does to the writer's connection, outside of transactions.
struct OnConnection(fn(&Connection) -> rusqlite::Result<()>);

impl Operation for OnConnection {
    type Answer = ();

    fn apply(&self, _: &mut Transaction<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn before_transaction(&self, conn: &Connection) -> rusqlite::Result<()> {
        (self.0)(conn)
    }
}
