//! Handlers' state: reading it, checking what was read, and writing it.

use rusqlite::{Connection, OptionalExtension, Result, Rows, params};

use super::batch::Batch;
use crate::{Read, StateEntry, StateWrite, Version, Versioned};

/// The value and version of one key.
pub(super) fn get(conn: &Connection, handler: i64, key: &str) -> Result<Versioned> {
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
pub(super) fn list(
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

/// Calls `each` with the entries of a listing until it answers false.
fn visit(
    conn: &Connection,
    handler: i64,
    prefix: &str,
    after: Option<&str>,
    limit: u32,
    mut each: impl FnMut(&str, Version, &rusqlite::Row<'_>) -> Result<bool>,
) -> Result<()> {
    // Text is compared byte by byte, so a prefix is where its keys begin.
    let (sql, from) = match after {
        Some(after) if after >= prefix => (
            "SELECT key, version, value FROM state WHERE handler = ?1 AND key > ?2
             ORDER BY key LIMIT ?3",
            after,
        ),
        _ => (
            "SELECT key, version, value FROM state WHERE handler = ?1 AND key >= ?2
             ORDER BY key LIMIT ?3",
            prefix,
        ),
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

/// Whether everything that was read is still as it was.
pub(super) fn still_stand(conn: &Connection, handler: i64, reads: &[Read]) -> Result<bool> {
    for read in reads {
        let stands = match read {
            Read::Key { key, version } => current_version(conn, handler, key)? == *version,
            Read::List {
                prefix,
                after,
                limit,
                seen,
            } => {
                let mut expected = seen.iter();
                let mut same = true;
                visit(
                    conn,
                    handler,
                    prefix,
                    after.as_deref(),
                    *limit,
                    |key, version, _| {
                        same = expected
                            .next()
                            .is_some_and(|(k, v)| k == key && *v == version);
                        Ok(same)
                    },
                )?;
                same && expected.next().is_none()
            }
        };
        if !stands {
            return Ok(false);
        }
    }
    Ok(true)
}

fn current_version(conn: &Connection, handler: i64, key: &str) -> Result<Version> {
    let found = conn
        .prepare_cached("SELECT version FROM state WHERE handler = ?1 AND key = ?2")?
        .query_row(params![handler, key], |row| row.get(0))
        .optional()?;
    Ok(Version(found.unwrap_or(0)))
}

/// A write whose outcome is known: a value, or none.
pub(super) type Resolved<'a> = (&'a str, Option<std::borrow::Cow<'a, [u8]>>);

/// Works out what each write comes to; `None` where an `add` meets a value that is
/// no decimal 64-bit integer, or a sum that leaves the range of one.
pub(super) fn resolve<'a>(
    conn: &Connection,
    handler: i64,
    writes: &'a [(String, StateWrite)],
) -> Result<Option<Vec<Resolved<'a>>>> {
    let mut resolved = Vec::with_capacity(writes.len());
    for (key, write) in writes {
        let value = match write {
            StateWrite::Set(value) => Some(value.as_slice().into()),
            StateWrite::Delete => None,
            StateWrite::Add(delta) => {
                let sum = get(conn, handler, key)?
                    .value
                    .map_or(Some(0), |value| counter(&value))
                    .and_then(|value| value.checked_add(*delta));
                let Some(sum) = sum else { return Ok(None) };
                Some(sum.to_string().into_bytes().into())
            }
        };
        resolved.push((key.as_str(), value));
    }
    Ok(Some(resolved))
}

/// The number that a counter's value reads as.
fn counter(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Writes; each row that is set gets a version that it never had.
pub(super) fn apply(batch: &mut Batch<'_>, handler: i64, writes: Vec<Resolved<'_>>) -> Result<()> {
    for (key, value) in writes {
        match value {
            Some(value) => {
                let version = batch.tally.next_version();
                batch
                    .conn
                    .prepare_cached(
                        "REPLACE INTO state (handler, key, value, version)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![handler, key, value.as_ref(), version])?;
            }
            None => {
                batch
                    .conn
                    .prepare_cached("DELETE FROM state WHERE handler = ?1 AND key = ?2")?
                    .execute(params![handler, key])?;
            }
        }
    }
    Ok(())
}
