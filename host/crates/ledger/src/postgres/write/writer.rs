//! The writer: one thread, one transaction at a time.
//!
//! The writer takes one operation and all others that wait, applies them in one transaction, and
//! answers their callers once the transaction is committed. Gateways write beside each other: locks
//! by keys keep them apart where they touch the same.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

use super::batch::{self, Done};
use super::task::Task;
use crate::LedgerError;
use crate::engine::{Moment, Pace, Queue};
use crate::postgres::connection::Connection;
use crate::postgres::core::Core;
use crate::postgres::error::Fault;
use crate::postgres::gateway;
use crate::postgres::locks::Locks;
use crate::postgres::numbers::{Me, Numbers};
use crate::postgres::text::Text;
use crate::postgres::transaction::Operation;
use tollgate_base::event::HandlerName;

/// The most operations in one transaction.
const MAX_TASKS: usize = 256;

/// About the most bytes in one transaction.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How often a transaction that lost against another is tried again.
const TRIES: u32 = 5;

/// The shortest and the longest pause between two tries to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// The writer's thread, before it is started.
pub(crate) struct Writer {
    pub(crate) core: Arc<Core>,
    pub(crate) queue: Arc<Queue<Task>>,
    pub(crate) conn: Option<Arc<Connection>>,
    pub(crate) me: Me,
    pub(crate) numbers: Numbers,
    /// Handlers that the ledger has met.
    met: HashSet<HandlerName>,
    /// The pause before the next try to connect, and when the pause ends.
    backoff: Duration,
    not_before: Option<Instant>,
}

impl Writer {
    /// A writer for a gateway that is registered.
    pub(crate) fn new(core: Arc<Core>, conn: Connection, me: Me, numbers: Numbers) -> Self {
        let (tasks, bytes) = (core.options.queue, core.options.queue_bytes);
        Self {
            queue: Arc::new(Queue::new(tasks, bytes)),
            core,
            conn: Some(Arc::new(conn)),
            me,
            numbers,
            met: HashSet::new(),
            backoff: BACKOFF.0,
            not_before: None,
        }
    }

    /// Works until the queue is closed and empty, then ends the gateway's registration.
    pub(crate) fn run(mut self) {
        let (core, queue) = (Arc::clone(&self.core), Arc::clone(&self.queue));
        let _guard = Guard(Arc::clone(&queue));
        let mut tasks = Vec::with_capacity(MAX_TASKS);
        let mut pace = Pace::default();
        while let Some(waited) = queue.take(&mut tasks, (MAX_TASKS, MAX_BYTES), pace.patience()) {
            if tasks.is_empty() {
                continue;
            }
            pace.begin(tasks.len(), waited);
            let taken = std::mem::take(&mut tasks);
            core.handle.block_on(self.write(taken));
            pace.end();
        }
        if !core.is_killed() {
            core.handle.block_on(self.end());
        }
    }

    /// Commits the tasks and answers their callers.
    async fn write(&mut self, mut tasks: Vec<Task>) {
        let failed = match self.attempt(&mut tasks).await {
            Ok(()) => None,
            Err(Fault::Ended) => match self.register_anew().await {
                Ok(()) => self.attempt(&mut tasks).await.err(),
                Err(fault) => Some(fault),
            },
            Err(fault) => Some(fault),
        };
        match failed {
            None => answer(tasks, None),
            Some(fault) if fault.is_outage() => self.give_up(tasks, &fault),
            Some(_) => self.write_apart(tasks).await,
        }
    }

    /// Commits each task alone, so that a bad one does not fail the rest.
    async fn write_apart(&mut self, tasks: Vec<Task>) {
        for task in tasks {
            let mut alone = vec![task];
            match self.try_again(&mut alone).await {
                Ok(()) => answer(alone, None),
                Err(fault) if fault.is_outage() => self.give_up(alone, &fault),
                Err(fault) => answer(alone, Some(&fault.unavailable())),
            }
        }
    }

    /// Commits tasks, again if the transaction lost against another one.
    async fn try_again(&mut self, tasks: &mut [Task]) -> Result<(), Fault> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.attempt(tasks).await {
                Err(fault) if tried < TRIES && has_lost(&fault) => {}
                done => return done,
            }
        }
    }

    /// Answers that nothing can be written now.
    fn give_up(&mut self, tasks: Vec<Task>, fault: &Fault) {
        tracing::warn!(%fault, "the ledger in PostgreSQL cannot be written");
        self.core.writable.store(false, Ordering::Release);
        answer(tasks, Some(&fault.unavailable()));
    }

    /// Runs tasks in one transaction, and hands over what they made due.
    async fn attempt(&mut self, tasks: &mut [Task]) -> Result<(), Fault> {
        let began = Instant::now();
        let conn = self.connection().await?;
        let new = self.unmet(tasks);
        self.meet(&conn, new).await?;
        let mut locks = Locks::default();
        for task in tasks.iter() {
            locks.extend(task.locks());
        }
        let done = self.transact(&conn, &locks, tasks).await;
        match done {
            Ok(Done { committed }) => {
                self.core.writable.store(true, Ordering::Release);
                self.core.commits.committed(tasks.len(), began.elapsed());
                committed.tell(&self.core.books, &*self.core.sink);
                Ok(())
            }
            Err(fault) => {
                self.core.commits.failed();
                self.after(&conn, &fault).await;
                Err(fault)
            }
        }
    }

    async fn transact(
        &mut self,
        conn: &Arc<Connection>,
        locks: &Locks,
        tasks: &mut [Task],
    ) -> Result<Done, Fault> {
        let now = Moment::of(&self.core.clock);
        let with = (Arc::clone(&self.core.books), self.core.options.scheduled);
        let mine = (self.me, self.numbers);
        let mut tx = batch::begin(conn, locks, now, mine, with).await?;
        let applied = batch::apply(&mut tx, tasks).await;
        // What was given is not given again, whatever became of it.
        self.numbers = tx.numbers;
        applied?;
        let (committed, _) = tx.finish().await?;
        conn.commit().await?;
        Ok(Done { committed })
    }

    /// Runs one operation before the thread starts.
    pub(crate) async fn perform<O: Operation>(&mut self, operation: O) -> Result<O::Answer, Fault> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let mut alone = [super::task(operation, move |result| {
            let _ = answer.send(result);
        })];
        self.try_again(&mut alone).await?;
        let [task] = alone;
        task.finish(None);
        let answer = answered.try_recv().ok().and_then(Result::ok);
        answer.ok_or_else(|| Fault::Value("an operation without an answer".into()))
    }

    /// The handlers that the tasks name and that the ledger may not have met.
    fn unmet(&self, tasks: &[Task]) -> Vec<HandlerName> {
        let named = tasks.iter().flat_map(Task::handlers);
        let unmet = named.filter(|name| !self.met.contains(*name));
        let mut unmet: Vec<HandlerName> = unmet.cloned().collect();
        unmet.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        unmet.dedup();
        unmet
    }

    /// Names handlers that the ledger has not met, before the transaction that refers to them.
    async fn meet(&mut self, conn: &Connection, new: Vec<HandlerName>) -> Result<(), Fault> {
        if new.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = new.iter().map(|name| Text(name.as_str())).collect();
        conn.execute(
            "INSERT INTO handlers (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING",
            &[&names],
        )
        .await?;
        self.met.extend(new);
        Ok(())
    }

    /// Clears up after a transaction that failed.
    async fn after(&mut self, conn: &Connection, fault: &Fault) {
        if fault.is_lost() || batch::roll_back(conn).await.is_err() {
            self.conn = None;
        }
    }

    /// The connection; a new one if the last one was lost.
    async fn connection(&mut self) -> Result<Arc<Connection>, Fault> {
        if let Some(conn) = self.conn.as_ref().filter(|conn| !conn.is_closed()) {
            return Ok(Arc::clone(conn));
        }
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return Err(Fault::Slow);
        }
        match self.core.connector.connect().await {
            Ok(conn) => {
                self.backoff = BACKOFF.0;
                self.not_before = None;
                Ok(Arc::clone(self.conn.insert(Arc::new(conn))))
            }
            Err(fault) => {
                self.not_before = Some(Instant::now() + self.backoff);
                self.backoff = (self.backoff * 2).min(BACKOFF.1);
                Err(fault)
            }
        }
    }

    /// Registers the gateway once more after its leases have ended.
    async fn register_anew(&mut self) -> Result<(), Fault> {
        tracing::warn!("the database did not hear of this gateway in time: its leases have ended");
        let conn = self.connection().await?;
        self.core.books.clear();
        let (me, numbers) = gateway::register(&conn, &self.core.options).await?;
        (self.me, self.numbers) = (me, numbers);
        self.core.set_me(me);
        self.core.marks.forget_written();
        self.core.books.returned.notify_one();
        let served = self.core.served.lock().clone();
        if let Some(handlers) = served {
            self.perform(crate::postgres::operations::Serve { handlers })
                .await?;
        }
        Ok(())
    }

    /// Gives all leases back, so that others go on at once.
    async fn end(&mut self) {
        if let Err(fault) = self.perform(crate::postgres::operations::EndGateway).await {
            tracing::warn!(
                %fault,
                "the leases of this gateway could not be given back: they end with their time",
            );
        }
    }
}

/// Answers all callers if the writer panics, and ends the process: a gateway that writes nothing
/// any more helps nobody.
struct Guard(Arc<Queue<Task>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(self.0.abandon());
            tracing::error!(reason = "the ledger's writer panicked", "the process ends");
            #[cfg(not(test))]
            std::process::abort();
        }
    }
}

fn answer(tasks: Vec<Task>, failed: Option<&LedgerError>) {
    for task in tasks {
        task.finish(failed);
    }
}

/// Whether a transaction lost against another one, and may win the next time.
fn has_lost(fault: &Fault) -> bool {
    let Fault::Database(error) = fault else {
        return false;
    };
    error.code().is_some_and(|code| {
        *code == SqlState::T_R_DEADLOCK_DETECTED
            || *code == SqlState::T_R_SERIALIZATION_FAILURE
            || *code == SqlState::UNIQUE_VIOLATION
    })
}
