//! The ledger's file, read with SQLite while the gateway runs, as anybody may.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Params, Row};

/// A read-only view of a ledger's file.
pub(crate) struct Ledger(Connection);

/// One attempt at a delivery.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) outcome: String,
    pub(crate) detail: String,
    pub(crate) logs: String,
    /// The sha256 of the component in hex; empty if unknown.
    pub(crate) component: String,
}

impl Ledger {
    #[track_caller]
    pub(crate) fn open(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).unwrap();
        conn.busy_timeout(Duration::from_secs(10)).unwrap();
        Self(conn)
    }

    /// Returns the one number of a query.
    #[track_caller]
    pub(crate) fn count(&self, sql: &str, params: impl Params) -> i64 {
        self.0.query_row(sql, params, |row| row.get(0)).unwrap()
    }

    /// Returns the first column of a query's rows, as text.
    #[track_caller]
    pub(crate) fn texts(&self, sql: &str, params: impl Params) -> Vec<String> {
        self.rows(sql, params, |row| row.get(0))
    }

    #[track_caller]
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map(params, read).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    pub(crate) fn events(&self) -> i64 {
        self.count("SELECT count(*) FROM events", [])
    }

    /// Returns the recorded bytes of an event.
    pub(crate) fn payload(&self, provider_id: &str) -> Vec<u8> {
        self.0
            .query_row(
                "SELECT payload FROM bodies JOIN events ON seq = event WHERE provider_id = ?1",
                [provider_id],
                |row| row.get(0),
            )
            .unwrap()
    }

    /// Returns the number of unfinished deliveries.
    pub(crate) fn unfinished(&self) -> i64 {
        self.count(
            "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'running', 'retrying')",
            [],
        )
    }

    /// Returns the number of requests that wait in the outbox.
    pub(crate) fn waiting(&self) -> i64 {
        self.count("SELECT count(*) FROM outbox WHERE state = 'waiting'", [])
    }

    /// Returns the state of an event's delivery to a handler; empty if there is none.
    pub(crate) fn delivery(&self, provider_id: &str, handler: &str) -> String {
        self.0
            .query_row(
                "SELECT d.state FROM deliveries d JOIN events e ON e.seq = d.event
                 JOIN handlers h ON h.id = d.handler WHERE e.provider_id = ?1 AND h.name = ?2",
                [provider_id, handler],
                |row| row.get(0),
            )
            .optional()
            .unwrap()
            .unwrap_or_default()
    }

    /// Returns the row numbers of an event's deliveries, in order, as text.
    pub(crate) fn delivery_rows(&self, provider_id: &str) -> Vec<String> {
        let found = self.rows(
            "SELECT d.seq FROM deliveries d JOIN events e ON e.seq = d.event
             WHERE e.provider_id = ?1 ORDER BY d.seq",
            [provider_id],
            |row| row.get::<_, i64>(0),
        );
        found.iter().map(ToString::to_string).collect()
    }

    /// Returns the number of a handler's deliveries in a state.
    pub(crate) fn deliveries_in(&self, handler: &str, state: &str) -> i64 {
        self.count(
            "SELECT count(*) FROM v_deliveries WHERE handler = ?1 AND state = ?2",
            [handler, state],
        )
    }

    /// Returns the attempts at an event's delivery to a handler, in order.
    pub(crate) fn attempts(&self, provider_id: &str, handler: &str) -> Vec<Attempt> {
        self.rows(
            "SELECT a.number, a.outcome, ifnull(a.detail, ''), ifnull(a.logs, ''),
                    ifnull(lower(hex(c.digest)), '')
             FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             JOIN events e ON e.seq = d.event JOIN handlers h ON h.id = d.handler
             LEFT JOIN components c ON c.id = a.component
             WHERE e.provider_id = ?1 AND h.name = ?2 ORDER BY a.run, a.number",
            [provider_id, handler],
            |row| {
                Ok(Attempt {
                    number: row.get(0)?,
                    outcome: row.get(1)?,
                    detail: row.get(2)?,
                    logs: row.get(3)?,
                    component: row.get(4)?,
                })
            },
        )
    }

    /// Returns the deliveries of events of a type, once for each attempt, in the order in
    /// which the attempts began.
    pub(crate) fn attempted(&self, kind: &str) -> Vec<i64> {
        self.rows(
            "SELECT d.seq FROM attempts a JOIN deliveries d ON d.seq = a.delivery
             JOIN events e ON e.seq = d.event WHERE e.kind = ?1 ORDER BY a.started, d.seq",
            [kind],
            |row| row.get(0),
        )
    }

    /// Returns a value of a handler's state, as text.
    pub(crate) fn state(&self, handler: &str, key: &str) -> Option<String> {
        self.0
            .query_row(
                "SELECT value FROM v_state WHERE handler = ?1 AND key = ?2",
                [handler, key],
                |row| row.get(0),
            )
            .optional()
            .unwrap()
    }

    /// Returns a handler's whole state.
    pub(crate) fn states(&self, handler: &str) -> Vec<(String, String)> {
        self.rows(
            "SELECT key, value FROM v_state WHERE handler = ?1 ORDER BY key",
            [handler],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }
}
