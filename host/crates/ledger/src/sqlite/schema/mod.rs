//! The tables, and the migrations that bring a file of an older version up to date.
//!
//! In SQLite, each page that a commit touches costs, so the schema is lean:
//!
//! - Rows lie in the order of arrival.
//! - The only random index is the narrow one that finds duplicates. It is written in sorted
//!   pieces (`write/recent_keys.rs`).
//! - All other indexes are partial. They hold deliveries and requests that are due (or dead, which
//!   is rare); a finished one leaves them.
//! - Bodies lie in tables of their own, so that a change of state does not rewrite them.
//! - Rows that belong together are found without an index. Deliveries of an event have
//!   consecutive numbers that begin at `events.first_delivery`. Requests and events of an attempt
//!   begin at `first_request` and `first_emitted`. A request that an operator sent again is found
//!   by `outbox.was`.
//!
//! States are text, and the views `v_…` show names and ids, so that people can read a ledger
//! with `sqlite3`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{At, OpenError};

/// Marks the file as a ledger of this gateway: "Toll".
const APPLICATION_ID: i64 = 0x546f_6c6c;

/// The steps from each version of the schema to the next, in order. A file's `user_version` says
/// how many steps the file has had. The statements of a released step never change.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_ledger.sql"),
    include_str!("0002_lineage.sql"),
    include_str!("0003_resolutions.sql"),
    include_str!("0004_unasked.sql"),
    include_str!("0005_state_changes.sql"),
    include_str!("0006_exchanges.sql"),
    include_str!("0007_alerts.sql"),
    include_str!("0008_rejections.sql"),
    include_str!("0009_search.sql"),
];

/// Brings the file's schema up to date, each step in a transaction of its own.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let found = check(conn, path)?;
    migrate_from(conn, found).at(path)
}

fn migrate_from(conn: &mut Connection, found: usize) -> rusqlite::Result<()> {
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.pragma_update(None, "user_version", step as i64 + 1)?;
        tx.commit()?;
    }
    Ok(())
}

/// Refuses a file that is no ledger, or that a newer gateway wrote. Returns how many migrations
/// the file has had. Changes nothing.
pub(crate) fn check(conn: &Connection, path: &Path) -> Result<usize, OpenError> {
    let number = |pragma| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let found = number("user_version").at(path)?;
    let application = number("application_id").at(path)?;
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .at(path)?;
    let fresh = tables == 0 && found == 0;
    if !fresh && application != APPLICATION_ID {
        return Err(OpenError::NotALedger { path: path.into() });
    }
    usize::try_from(found)
        .ok()
        .filter(|found| *found <= MIGRATIONS.len())
        .ok_or_else(|| OpenError::Newer {
            path: path.into(),
            found,
            known: MIGRATIONS.len(),
        })
}

/// Whether the file has had every migration, so that it can be read.
pub(crate) fn is_current(conn: &Connection, path: &Path) -> Result<bool, OpenError> {
    Ok(check(conn, path)? == MIGRATIONS.len())
}
