//! Walking a table in the order of arrival.

use std::ops::ControlFlow;

use rusqlite::{Connection, Result, Row};

use crate::{Listed, Order, Page};

/// Walks a table's rows in the page's order, and looks at `scan` rows at most. `sql` has the
/// statements for newest and for oldest first. `each` turns a row into an item for the page or
/// into nothing, or breaks off if nothing more can match.
pub(crate) fn walk<T>(
    conn: &Connection,
    sql: (&str, &str),
    page: Page,
    scan: usize,
    mut each: impl FnMut(&Row<'_>) -> Result<ControlFlow<(), Option<T>>>,
) -> Result<Listed<T>> {
    let (sql, from) = match page.order {
        Order::Newest => (sql.0, page.after.unwrap_or(i64::MAX)),
        Order::Oldest => (sql.1, page.after.unwrap_or(0)),
    };
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([from])?;
    let mut listed = Listed {
        items: Vec::new(),
        next: None,
    };
    let mut last = None;
    for _ in 0..scan {
        let Some(row) = rows.next()? else {
            return Ok(listed);
        };
        if listed.items.len() >= page.limit {
            // There is a row after the full page, so more may follow.
            break;
        }
        match each(row)? {
            ControlFlow::Continue(item) => listed.items.extend(item),
            ControlFlow::Break(()) => return Ok(listed),
        }
        last = Some(row.get(0)?);
    }
    listed.next = last;
    Ok(listed)
}
