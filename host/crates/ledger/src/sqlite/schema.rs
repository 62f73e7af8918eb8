//! The tables, and how a file of an older version gets them.
//!
//! What costs in SQLite is every page that a commit touches, so the schema is
//! lean. Rows lie in the order of arrival. The only random index is the narrow one
//! that finds duplicates, which is written in sorted pieces ([`super::keys`]). The other indexes are partial: they hold what is still
//! due (or dead, which is rare), and a finished delivery leaves them. Bodies lie in
//! tables of their own, so that a change of state does not rewrite them. What
//! belongs together is found without an index: deliveries of an event have
//! consecutive `seq`s that begin at `events.first_delivery`, and what an attempt
//! queued or emitted begins at its `first_request` and `first_emitted` (but for requests that
//! an operator had sent again, which `outbox.was` leads to).
//!
//! States are text and the `v_…` views spell out names and ids, so that a ledger
//! can be read with `sqlite3`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::{At, OpenError};

/// Marks the file as a ledger of this gateway: "Toll".
const APPLICATION_ID: i64 = 0x546f_6c6c;

/// One step from a version of the schema to the next, in order; a file's
/// `user_version` says how many of them it has had. A released one never changes.
const MIGRATIONS: &[&str] = &[include_str!("schema/0001_ledger.sql")];

/// Brings the file's schema up to date, each step in a transaction of its own.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), OpenError> {
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

/// Refuses a file that is no ledger or that a newer gateway wrote; returns how many
/// migrations it has had. Changes nothing.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<usize, OpenError> {
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

/// Whether the file has every migration, so that it can be read.
pub(super) fn is_current(conn: &Connection, path: &Path) -> Result<bool, OpenError> {
    Ok(check(conn, path)? == MIGRATIONS.len())
}
