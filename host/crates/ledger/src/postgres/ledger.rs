//! The open ledger: its runtime, its threads and tasks, and its queue to the writer.

use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

use super::claims::Claims;
use super::connection::{Connection, Connector};
use super::core::Core;
use super::error::{Fault, OpenError};
use super::keep::Sweeper;
use super::operations::TakeOver;
use super::options::PostgresOptions;
use super::readers::Readers;
use super::transaction::Operation;
use super::url::Target;
use super::write::{Task, Writer, task};
use super::{background, clocks, gateway, schema, server, tls};
use crate::engine::Queue;
use crate::{LedgerError, LedgerSink};
use tollgate_base::time::SteadyClock;

/// The ledger in PostgreSQL, as one gateway has it open. Dropping it closes it.
pub(crate) struct PostgresLedger {
    pub(super) core: Arc<Core>,
    pub(super) queue: Arc<Queue<Task>>,
    pub(super) readers: Arc<Readers>,
    pub(super) claims: Arc<Claims>,
    /// Locked for the time of one step of a sweep.
    pub(super) sweeper: Arc<tokio::sync::Mutex<Sweeper>>,
    /// The connections for what operators look at: their long lists make no run wait.
    pub(super) lists: Arc<Readers>,
    writer: ThreadId,
    closing: Mutex<Option<Closing>>,
}

/// The parts that end when the ledger is closed.
struct Closing {
    writer: JoinHandle<()>,
    runtime: Runtime,
}

impl PostgresLedger {
    /// Opens the ledger for a gateway, brings the schema up to date, takes over from gateways that
    /// are gone, and starts the writer.
    pub(crate) fn open(
        options: PostgresOptions,
        clock: Arc<SteadyClock>,
        sink: Arc<dyn LedgerSink>,
    ) -> Result<Self, OpenError> {
        let target = Target::parse(&options.url)?;
        let tls = tls::connector(&target.protection)?;
        let connector = Connector { target, tls };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("ledger-io")
            .enable_all()
            .build()
            .map_err(OpenError::Thread)?;
        let opening = open_database(connector, options, clock, sink);
        let handle = runtime.handle().clone();
        let writer = on(&handle, opening).unwrap_or(Err(OpenError::Database(Fault::Slow)))?;
        let (core, queue) = (Arc::clone(&writer.core), Arc::clone(&writer.queue));
        let claims = Arc::new(Claims::new(Arc::clone(&core)));
        runtime.spawn(background::beat(Arc::clone(&core), Arc::clone(&queue)));
        runtime.spawn(background::tell(Arc::clone(&core), Arc::clone(&claims)));
        let writer = thread::Builder::new()
            .name("ledger".into())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        Ok(Self {
            queue,
            readers: Arc::new(Readers::new(core.connector.clone())),
            lists: Arc::new(Readers::new(core.connector.clone())),
            writer: writer.thread().id(),
            claims,
            sweeper: Arc::default(),
            closing: Mutex::new(Some(Closing { writer, runtime })),
            core,
        })
    }

    /// Writes what is queued, answers all callers, and gives all leases back. Later writes are
    /// answered [`LedgerError::Closed`].
    pub(crate) fn close(&self) {
        self.queue.close();
        let Some(Closing { writer, runtime }) = self.closing.lock().take() else {
            return;
        };
        let end = move || {
            // A writer that panicked has answered its callers.
            let _ = writer.join();
            // Whoever drops the ledger may be a task of another runtime, which must not wait.
            runtime.shutdown_background();
        };
        if thread::current().id() == self.writer {
            // A callback owned the ledger last, and the writer cannot wait for itself.
            thread::spawn(end);
        } else {
            end();
        }
    }

    /// Ends the ledger as the end of its process does, once the database has what runs.
    #[cfg(test)]
    pub(super) fn kill(&self) {
        while self.core.marks.changed().is_some() {
            self.core.books.returned.notify_one();
            thread::sleep(std::time::Duration::from_millis(1));
        }
        self.core.kill();
        self.close();
    }

    /// Queues an operation, waits for room in the queue, and waits for the answer.
    pub(super) fn wait<O: Operation>(&self, operation: O) -> Result<O::Answer, LedgerError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.put(operation, move |result| {
            // A caller that is gone needs no answer.
            let _ = answer.send(result);
        });
        answered.recv().unwrap_or(Err(LedgerError::Closed))
    }

    /// Queues an operation and waits for room in the queue; `then` is called with the answer.
    pub(super) fn put<O: Operation>(
        &self,
        operation: O,
        then: impl FnOnce(Result<O::Answer, LedgerError>) + Send + 'static,
    ) {
        // A closed queue gives the task back. Dropping the task answers the caller.
        drop(self.queue.put(task(operation, then)));
    }

    /// Reads on a connection for reads, and waits.
    pub(super) fn read<T, F, R>(&self, read: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Connection>) -> R + Send + 'static,
        R: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let readers = Arc::clone(&self.readers);
        let reading = async move { read(readers.get().await?).await };
        self.run(reading)
    }

    /// Reads for an operator, and waits.
    pub(super) fn list<T, F, R>(&self, read: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Connection>) -> R + Send + 'static,
        R: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let lists = Arc::clone(&self.lists);
        let reading = async move { read(lists.get().await?).await };
        self.run(reading)
    }

    /// Does something on the ledger's runtime, and waits.
    pub(super) fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, LedgerError> {
        match on(&self.core.handle, future) {
            Some(done) => done.map_err(|fault| fault.unreadable()),
            None => Err(LedgerError::Closed),
        }
    }
}

impl Drop for PostgresLedger {
    fn drop(&mut self) {
        self.close();
    }
}

/// Runs a future on a runtime, and waits for it on this thread, which may be one of another
/// runtime; `None` if the runtime has ended.
fn on<T: Send + 'static>(
    runtime: &tokio::runtime::Handle,
    future: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (answer, answered) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        // A caller that is gone needs no answer.
        let _ = answer.send(future.await);
    });
    answered.recv().ok()
}

async fn open_database(
    connector: Connector,
    options: PostgresOptions,
    clock: Arc<SteadyClock>,
    sink: Arc<dyn LedgerSink>,
) -> Result<Writer, OpenError> {
    let conn = connector.connect().await?;
    server::check(&conn).await?;
    schema::migrate(&conn).await?;
    let (me, numbers) = gateway::register(&conn, &options)
        .await
        .map_err(gateway::refused)?;
    clocks::resume(&conn, me, &clock).await?;
    let handle = tokio::runtime::Handle::current();
    let core = Core::new(handle, connector, options, clock, sink, me);
    let mut writer = Writer::new(Arc::new(core), conn, me, numbers);
    writer.perform(TakeOver).await?;
    Ok(writer)
}
