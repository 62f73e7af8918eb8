//! Handlers' state at a commit: checking reads, and writing.

use std::borrow::Cow;

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::sqlite::read::state::{get, visit};
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Inapplicable, Read, StateWrite, Version, counter_after};

/// Whether every value and listing that was read is still the same.
pub(crate) fn still_stand(conn: &Connection, handler: i64, reads: &[Read]) -> Result<bool> {
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

/// A key with its new value; `None` deletes the key.
pub(crate) type ResolvedWrite<'a> = (&'a str, Option<Cow<'a, [u8]>>);

/// Works out the new value of each key, or why a counter has none.
pub(crate) fn resolve<'a>(
    conn: &Connection,
    handler: i64,
    writes: &'a [(String, StateWrite)],
) -> Result<std::result::Result<Vec<ResolvedWrite<'a>>, Inapplicable>> {
    let mut resolved = Vec::with_capacity(writes.len());
    for (key, write) in writes {
        let value = match write {
            StateWrite::Set(value) => Some(value.as_slice().into()),
            StateWrite::Delete => None,
            StateWrite::Add(delta) => {
                let before = get(conn, handler, key)?.value;
                match counter_after(before.as_deref(), *delta) {
                    Ok(sum) => Some(sum.into()),
                    Err(why) => return Ok(Err(why)),
                }
            }
        };
        resolved.push((key.as_str(), value));
    }
    Ok(Ok(resolved))
}

/// Applies the writes. Each row that is set gets a version that no row has had. `component` is the
/// number of the component that writes; an operator is none.
pub(crate) fn apply(
    tx: &mut Transaction<'_>,
    handler: i64,
    component: Option<i64>,
    writes: Vec<ResolvedWrite<'_>>,
) -> Result<()> {
    for (key, value) in writes {
        match value {
            Some(value) => {
                let version = tx.take_version();
                tx.execute(
                    "REPLACE INTO state (handler, key, value, version, component, written)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        handler,
                        key,
                        value.as_ref(),
                        version,
                        component,
                        int(tx.now().wall)
                    ],
                )?;
            }
            None => {
                tx.execute(
                    "DELETE FROM state WHERE handler = ?1 AND key = ?2",
                    params![handler, key],
                )?;
            }
        }
    }
    Ok(())
}
