//! Checks a ledger's file: SQLite's own check, the schema, and the ledger's rules.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::error::{MaintainError, file_error, sqlite_error};
use super::invariants;
use crate::Verified;
use crate::sqlite::error::OpenError;
use crate::sqlite::rows::wall;
use crate::sqlite::{open, schema};

/// The most problems that SQLite's check names.
const MOST: u32 = 20;

/// Checks the ledger's file at `path`. Changes nothing. Reads everything, at one moment.
pub(crate) fn verify(path: &Path) -> Result<Verified, MaintainError> {
    if !path.exists() {
        return Err(OpenError::Missing { path: path.into() }.into());
    }
    open::check_kinds(path)?;
    let bytes = path.metadata().map_err(file_error(path))?.len();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(sqlite_error(path))?;
    open::configure(&conn).map_err(sqlite_error(path))?;
    conn.execute_batch("BEGIN").map_err(sqlite_error(path))?;
    let schema = schema::check(&conn, path)?;
    let problems = problems(&conn).map_err(sqlite_error(path))?;
    let mut verified = Verified {
        bytes,
        schema,
        events: 0,
        deliveries: 0,
        requests: 0,
        newest_event_ms: None,
        problems,
    };
    if schema > 0 && verified.problems.is_empty() {
        count(&conn, &mut verified).map_err(sqlite_error(path))?;
    }
    Ok(verified)
}

fn problems(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = format!("PRAGMA integrity_check({MOST})");
    let found = conn.prepare(&sql).and_then(|mut check| {
        check
            .query_map([], |row| row.get::<_, String>(0))?
            .collect()
    });
    let damage: Vec<String> = match found {
        Ok(lines) => lines,
        // Some damage ends the check itself.
        Err(error) => vec![error.to_string()],
    };
    if damage != ["ok"] {
        return Ok(damage.iter().map(|line| line.replace('\n', "; ")).collect());
    }
    invariants::broken(conn)
}

fn count(conn: &Connection, verified: &mut Verified) -> rusqlite::Result<()> {
    let number = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    verified.events = number("SELECT count(*) FROM bodies")?.unsigned_abs();
    verified.deliveries = number("SELECT count(*) FROM deliveries")?.unsigned_abs();
    verified.requests = number("SELECT count(*) FROM outbox")?.unsigned_abs();
    verified.newest_event_ms = conn
        .query_row(
            "SELECT received FROM events ORDER BY seq DESC LIMIT 1",
            [],
            |row| wall(row, 0),
        )
        .optional()?;
    Ok(())
}
