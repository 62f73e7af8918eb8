//! Tests of this engine alone; the rest is in the conformance suite.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::ledger::PostgresLedger;
use super::options::PostgresOptions;
use crate::conformance::{self, Engine};
use crate::{Ledger, LedgerSink};
use tollgate_base::time::ManualClock;

mod cluster;
mod faults;
mod gateways;
mod texts;

use cluster::Cluster;

/// A database on the tests' server.
struct Postgres {
    cluster: Cluster,
    database: String,
    /// The ledgers under their own type, to be killed.
    open: Mutex<Vec<Weak<PostgresLedger>>>,
}

impl Postgres {
    /// An empty database; `None` if there is no PostgreSQL.
    fn new() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let cluster = Cluster::get()?;
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let database = format!("test_{}_{number}", std::process::id());
        cluster.run(&format!("CREATE DATABASE {database}"));
        Some(Self {
            cluster,
            database,
            open: Mutex::default(),
        })
    }

    fn url(&self) -> String {
        self.cluster.url(&self.database)
    }

    fn options(&self) -> PostgresOptions {
        PostgresOptions {
            queue: 1000,
            scheduled: conformance::SCHEDULED,
            ..PostgresOptions::new(self.url(), "test")
        }
    }

    /// Runs statements as another session.
    fn run(&self, sql: &str) {
        cluster::run(&self.url(), sql);
    }

    /// The same, of statements that may be refused; returns whether they were not.
    fn try_run(&self, sql: &str) -> bool {
        cluster::try_run(&self.url(), sql).is_ok()
    }
}

impl Engine for Postgres {
    fn open(&self, clock: ManualClock, sink: Arc<dyn LedgerSink>) -> Arc<dyn Ledger> {
        let ledger = PostgresLedger::open(self.options(), clock.steady(), sink).unwrap();
        let ledger = Arc::new(ledger);
        self.open.lock().push(Arc::downgrade(&ledger));
        ledger
    }

    fn open_beside(
        &self,
        _: &Arc<dyn Ledger>,
        clock: ManualClock,
        sink: Arc<dyn LedgerSink>,
    ) -> Arc<dyn Ledger> {
        self.open(clock, sink)
    }

    fn crash(&self, ledger: Arc<dyn Ledger>) {
        let address = Arc::as_ptr(&ledger).cast::<()>();
        let open = self
            .open
            .lock()
            .iter()
            .filter_map(Weak::upgrade)
            .collect::<Vec<_>>();
        let own = open
            .iter()
            .find(|own| Arc::as_ptr(own).cast::<()>() == address);
        own.expect("the ledger is one of this engine").kill();
        drop((open, ledger));
        // As if the time of a lease had passed.
        self.run("UPDATE gateways SET until = clock_timestamp() - interval '1 second'");
    }
}

mod conforms {
    use super::Postgres;
    crate::conformance_suite!(match Postgres::new() {
        Some(postgres) => postgres,
        None => return,
    });
}
