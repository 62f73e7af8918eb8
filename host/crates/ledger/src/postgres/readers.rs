//! The connections for reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use super::connection::{Connection, Connector};
use super::error::Fault;

/// How many connections serve reads. Reads share them: their statements follow one another.
const CONNECTIONS: usize = 2;

/// The connections for reads, made when they are needed.
pub(crate) struct Readers {
    connector: Connector,
    connections: [Mutex<Option<Arc<Connection>>>; CONNECTIONS],
    next: AtomicUsize,
}

impl Readers {
    /// Without a connection yet.
    pub(crate) fn new(connector: Connector) -> Self {
        Self {
            connector,
            connections: Default::default(),
            next: AtomicUsize::new(0),
        }
    }

    /// A connection.
    pub(crate) async fn get(&self) -> Result<Arc<Connection>, Fault> {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let mut slot = self.connections[at].lock().await;
        if let Some(conn) = slot.as_ref().filter(|conn| !conn.is_closed()) {
            return Ok(Arc::clone(conn));
        }
        let conn = Arc::new(self.connector.connect().await?);
        Ok(Arc::clone(slot.insert(conn)))
    }
}
