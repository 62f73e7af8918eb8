//! Reading handlers' state.

use rusqlite::{Connection, OptionalExtension, Result, Row, Rows, params};

use crate::{StateEntry, Version, Versioned};

/// The value and version of one key.
pub(crate) fn get(conn: &Connection, handler: i64, key: &str) -> Result<Versioned> {
    let found = conn
        .prepare_cached("SELECT value, version FROM state WHERE handler = ?1 AND key = ?2")?
        .query_row(params![handler, key], |row| {
            Ok(Versioned {
                value: Some(row.get(0)?),
                version: Version(row.get(1)?),
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The entries whose keys begin with `prefix` and come after `after`, in byte order.
pub(crate) fn list(
    conn: &Connection,
    handler: i64,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<StateEntry>> {
    let mut entries = Vec::new();
    visit(conn, handler, prefix, after, limit, |key, version, rows| {
        entries.push(StateEntry {
            key: key.to_owned(),
            value: rows.get_ref(2)?.as_blob()?.to_owned(),
            version,
        });
        Ok(true)
    })?;
    Ok(entries)
}

/// Calls `each` with the key, the version and the row of each entry of a listing, until the
/// call returns false.
pub(crate) fn visit(
    conn: &Connection,
    handler: i64,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
    mut each: impl FnMut(&str, Version, &Row<'_>) -> Result<bool>,
) -> Result<()> {
    let (condition, from) = span(prefix, after);
    let sql = match condition {
        ">" => {
            "SELECT key, version, value FROM state WHERE handler = ?1 AND key > ?2
             ORDER BY key LIMIT ?3"
        }
        _ => {
            "SELECT key, version, value FROM state WHERE handler = ?1 AND key >= ?2
             ORDER BY key LIMIT ?3"
        }
    };
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows: Rows<'_> = statement.query(params![handler, from, limit])?;
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_str()?;
        if !key.starts_with(prefix) || !each(key, Version(row.get(1)?), row)? {
            break;
        }
    }
    Ok(())
}

/// Where the keys begin that begin with `prefix` and come after `after`: the operator of the
/// comparison, and the text.
pub(crate) fn span<'a>(prefix: &'a str, after: Option<&'a str>) -> (&'static str, &'a str) {
    // Text is compared byte by byte, so the prefix sorts right before its keys.
    match after {
        Some(after) if after >= prefix => (">", after),
        _ => (">=", prefix),
    }
}
