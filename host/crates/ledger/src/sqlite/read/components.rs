//! Which components the ledger names.

use rusqlite::{Connection, OptionalExtension, Result};

use tollgate_base::event::ComponentDigest;

/// Whether a kept attempt names this component.
pub(crate) fn is_named(conn: &Connection, component: ComponentDigest) -> Result<bool> {
    let found = conn
        .prepare_cached("SELECT attempts > 0 FROM components WHERE digest = ?1")?
        .query_row([component.0.as_slice()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}
