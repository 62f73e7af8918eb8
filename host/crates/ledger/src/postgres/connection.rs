//! One connection to PostgreSQL.
//!
//! The driver's task is ours, so that a notice of the server is seen before the answer that it
//! comes with. A commit whose wait for a standby was cancelled succeeds, and a warning is all that
//! tells: so a commit with a notice of any kind is in doubt, and the connection is given up.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, NoTls, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::Fault;
use super::url::Target;

/// How long it may take until a connection is made and has greeted.
const CONNECT: Duration = Duration::from_secs(15);

/// The parameters of a statement.
pub(crate) type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A connection. Dropping it ends the session.
pub(crate) struct Connection {
    client: Client,
    /// Prepared statements by their text.
    statements: Mutex<HashMap<String, Statement>>,
    /// What the server said since the last look.
    notice: Arc<Mutex<Option<Box<str>>>>,
    driver: JoinHandle<()>,
}

/// Makes connections to one database.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) target: Target,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

impl Connector {
    /// Makes a connection. To be called on the ledger's own runtime.
    pub(crate) async fn connect(&self) -> Result<Connection, Fault> {
        let connecting = tokio::time::timeout(CONNECT, self.start());
        connecting.await.map_err(|_| Fault::Slow)?
    }

    async fn start(&self) -> Result<Connection, Fault> {
        let notice = Arc::<Mutex<Option<Box<str>>>>::default();
        let config = &self.target.config;
        let (client, driver) = match &self.tls {
            None => {
                let (client, driver) = config.connect(NoTls).await?;
                (client, tokio::spawn(drive(driver, Arc::clone(&notice))))
            }
            Some(tls) => {
                let (client, driver) = config.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(driver, Arc::clone(&notice))))
            }
        };
        Ok(Connection {
            client,
            statements: Mutex::default(),
            notice,
            driver,
        })
    }
}

/// Moves messages until the connection ends, and notes what the server says by itself. Ending
/// drops the driver's half, which fails everybody who still waits for an answer.
async fn drive<S, T>(
    mut driver: tokio_postgres::Connection<S, T>,
    notice: Arc<Mutex<Option<Box<str>>>>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|cx| driver.poll_message(cx)).await {
            Some(Ok(AsyncMessage::Notice(said))) => {
                *notice.lock() = Some(said.to_string().into());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                *notice.lock() = Some(error.to_string().into());
                return;
            }
            None => return,
        }
    }
}

impl Connection {
    /// The rows of a statement.
    pub(crate) async fn query(&self, sql: &str, params: &Params<'_>) -> Result<Vec<Row>, Fault> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.query(&statement, params).await?)
    }

    /// The first row of a statement, if there is one.
    pub(crate) async fn first(&self, sql: &str, params: &Params<'_>) -> Result<Option<Row>, Fault> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Whether a statement has a row.
    pub(crate) async fn exists(&self, sql: &str, params: &Params<'_>) -> Result<bool, Fault> {
        Ok(self.first(sql, params).await?.is_some())
    }

    /// Executes a statement; returns how many rows it changed or returned.
    pub(crate) async fn execute(&self, sql: &str, params: &Params<'_>) -> Result<u64, Fault> {
        let statement = self.prepared(sql).await?;
        Ok(self.client.execute(&statement, params).await?)
    }

    /// Executes statements without parameters and results.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Fault> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Commits a transaction of which every statement has succeeded. Nothing ends the wait: a
    /// commit that was cancelled is as likely done as not.
    ///
    /// # Errors
    /// Nobody knows whether the transaction is committed, and the connection must be dropped.
    pub(crate) async fn commit(&self) -> Result<(), Fault> {
        self.notice.lock().take();
        self.batch("COMMIT").await?;
        match self.notice.lock().take() {
            Some(said) => Err(Fault::Noticed(said)),
            None => Ok(()),
        }
    }

    /// Whether the session has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Whether the server can compress with lz4.
    pub(crate) async fn has_lz4(&self) -> Result<bool, Fault> {
        self.exists(
            "SELECT 1 FROM pg_settings
             WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)",
            &[],
        )
        .await
    }

    async fn prepared(&self, sql: &str) -> Result<Statement, Fault> {
        let known = self.statements.lock().get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements
            .lock()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
