//! Giving free pages back to the file system.

use rusqlite::{Connection, Result};

/// Free pages that are kept for new rows, beside a part of the file: 8 MB.
const RESERVE: i64 = 1024;

/// The part of the file that may be free before some of it is given back.
const RESERVE_PART: i64 = 8;

/// Pages that one step gives back: half a megabyte.
const STEP: i64 = 64;

/// How many pages to give back now.
pub(crate) fn spare_pages(conn: &Connection) -> Result<u32> {
    let free = free_pages(conn)?;
    let pages: i64 = conn
        .prepare_cached("PRAGMA page_count")?
        .query_row([], |row| row.get(0))?;
    let spare = free - RESERVE.max(pages / RESERVE_PART);
    Ok(u32::try_from(spare.clamp(0, STEP)).unwrap_or(0))
}

/// Gives free pages back; returns how many. Pages from the file's end move into free ones, and
/// the next checkpoint cuts the end off.
pub(crate) fn give_back(conn: &Connection, pages: u32) -> Result<u64> {
    let before = free_pages(conn)?;
    // Each step of this statement moves one page.
    let mut statement = conn.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    drop(steps);
    let given = before.saturating_sub(free_pages(conn)?);
    Ok(given.unsigned_abs())
}

fn free_pages(conn: &Connection) -> Result<i64> {
    conn.prepare_cached("PRAGMA freelist_count")?
        .query_row([], |row| row.get(0))
}
