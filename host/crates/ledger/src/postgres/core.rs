//! What the threads and tasks of a ledger share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;

use super::book::Books;
use super::connection::Connector;
use super::marks::Marks;
use super::numbers::Me;
use super::options::PostgresOptions;
use crate::LedgerSink;
use crate::engine::CommitGauge;
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyClock;

/// What the threads and tasks of a ledger share.
pub(crate) struct Core {
    pub(crate) handle: Handle,
    pub(crate) connector: Connector,
    pub(crate) options: PostgresOptions,
    pub(crate) clock: Arc<SteadyClock>,
    pub(crate) sink: Arc<dyn LedgerSink>,
    pub(crate) books: Arc<Books>,
    pub(crate) marks: Marks,
    pub(crate) writable: AtomicBool,
    pub(crate) commits: CommitGauge,
    /// Whether the ledger ends as the end of its process does, without a word to the database.
    killed: AtomicBool,
    /// The handlers that this gateway serves, once it has said so.
    pub(crate) served: Mutex<Option<Vec<HandlerName>>>,
    me: Mutex<Me>,
}

impl Core {
    /// A core for a gateway that is registered.
    pub(crate) fn new(
        handle: Handle,
        connector: Connector,
        options: PostgresOptions,
        clock: Arc<SteadyClock>,
        sink: Arc<dyn LedgerSink>,
        me: Me,
    ) -> Self {
        Self {
            handle,
            connector,
            options,
            clock,
            sink,
            books: Arc::new(Books::new()),
            marks: Marks::default(),
            writable: AtomicBool::new(true),
            commits: CommitGauge::default(),
            killed: AtomicBool::new(false),
            served: Mutex::new(None),
            me: Mutex::new(me),
        }
    }

    /// The gateway's present run.
    pub(crate) fn me(&self) -> Me {
        *self.me.lock()
    }

    /// Begins another run of the gateway.
    pub(crate) fn set_me(&self, me: Me) {
        *self.me.lock() = me;
    }

    /// Lets the ledger end without a word.
    #[cfg(test)]
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::Release);
    }

    /// Whether the ledger ends without a word.
    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }
}
