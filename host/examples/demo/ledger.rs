//! The ledger's file, read with SQLite, as anybody may.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, OpenFlags, Row, params};

/// The longest wait for deliveries and requests to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The ledger's file.
pub(crate) struct Ledger {
    path: PathBuf,
}

/// A recorded event.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: String,
    pub(crate) deliveries: u32,
    /// The numbers of duplicates: all, and those with other bytes.
    pub(crate) duplicates: (u32, u32),
    /// The states of the event's deliveries.
    pub(crate) states: Vec<String>,
    pub(crate) attempts: Vec<Attempt>,
    /// The requests that the event's handlers queued, in order.
    pub(crate) requests: Vec<Request>,
    /// The types of the events that the event's handlers emitted.
    pub(crate) emitted: Vec<String>,
}

/// One run of a handler.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) handler: String,
    pub(crate) number: u32,
    pub(crate) outcome: String,
    pub(crate) micros: i64,
    pub(crate) detail: String,
    pub(crate) logs: String,
}

/// A queued request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) key: String,
    pub(crate) state: String,
}

impl Ledger {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into() }
    }

    fn open(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)
            .with_context(|| format!("{} cannot be opened", self.path.display()))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(connection)
    }

    /// Waits until no delivery and no request is unfinished.
    pub(crate) async fn settled(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left: (i64, i64) = self.open()?.query_row(
                "SELECT (SELECT COUNT(*) FROM deliveries
                         WHERE state IN ('pending', 'running', 'retrying')),
                        (SELECT COUNT(*) FROM outbox WHERE state = 'waiting')",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            if left == (0, 0) {
                return Ok(());
            }
            if Instant::now() > end {
                bail!(
                    "{} deliveries and {} requests are still unfinished",
                    left.0,
                    left.1
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the event with the provider's id `provider_id`.
    pub(crate) fn event(&self, provider_id: &str) -> Result<Option<Recorded>> {
        let connection = self.open()?;
        let mut events = connection.prepare(
            "SELECT seq, lower(hex(id)), deliveries, duplicates, duplicates_differing
             FROM events WHERE provider_id = ?1",
        )?;
        let mut found = Vec::new();
        let mut rows = events.query(params![provider_id])?;
        while let Some(row) = rows.next()? {
            found.push(read_event(&connection, row)?);
        }
        match found.len() {
            0 | 1 => Ok(found.pop()),
            more => bail!("{provider_id} is recorded {more} times"),
        }
    }

    /// Returns the one number of a query.
    pub(crate) fn total(&self, sql: &str) -> Result<i64> {
        Ok(self.open()?.query_row(sql, [], |row| row.get(0))?)
    }

    /// Returns the events after row `seq`: row number, provider's id and type.
    pub(crate) fn since(&self, seq: i64) -> Result<Vec<(i64, String, String)>> {
        let connection = self.open()?;
        let mut events = connection.prepare(
            "SELECT seq, provider_id, kind FROM events
             WHERE seq > ?1 AND provider_id IS NOT NULL ORDER BY seq",
        )?;
        let rows = events.query_map(params![seq], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn read_event(connection: &Connection, row: &Row<'_>) -> Result<Recorded> {
    let seq: i64 = row.get(0)?;
    Ok(Recorded {
        id: row.get(1)?,
        deliveries: row.get(2)?,
        duplicates: (row.get(3)?, row.get(4)?),
        states: rows(
            connection,
            "SELECT state FROM deliveries WHERE event = ?1 ORDER BY seq",
            seq,
            |row| row.get(0),
        )?,
        attempts: rows(
            connection,
            "SELECT h.name, a.number, a.outcome, a.duration_us, a.detail, a.logs
             FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             JOIN handlers h ON h.id = d.handler
             WHERE d.event = ?1 ORDER BY d.seq, a.run, a.number",
            seq,
            read_attempt,
        )?,
        requests: rows(
            connection,
            "SELECT key, state FROM outbox WHERE event = ?1 ORDER BY seq",
            seq,
            |row| {
                Ok(Request {
                    key: row.get(0)?,
                    state: row.get(1)?,
                })
            },
        )?,
        emitted: rows(
            connection,
            "SELECT e.kind FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             JOIN events e ON e.seq >= a.first_emitted AND e.seq < a.first_emitted + a.emitted
             WHERE d.event = ?1 ORDER BY e.seq",
            seq,
            |row| row.get(0),
        )?,
    })
}

fn read_attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        handler: row.get(0)?,
        number: row.get(1)?,
        outcome: row.get(2)?,
        micros: row.get(3)?,
        detail: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
        logs: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
    })
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    seq: i64,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map(params![seq], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}
