//! Walking a table in the order of arrival.

use std::cell::Cell;
use std::ops::ControlFlow;

use rusqlite::{Connection, Result, Row};

use crate::engine::Span;
use crate::{ListOrder, Listed};

/// How much a page may look at. A narrow row costs one.
pub(crate) struct Scan(Cell<usize>);

impl Scan {
    /// A page may look at so many narrow rows.
    pub(crate) fn rows(rows: usize) -> Self {
        Self(Cell::new(rows))
    }

    /// Notes that a row has cost so much more: the page looks at fewer rows.
    pub(crate) fn cost(&self, more: usize) {
        self.0.set(self.0.get().saturating_sub(more));
    }
}

/// Walks the rows of a table that a page covers, in the page's order, and looks at no more than
/// `scan` allows. `select` is a statement up to its last condition, and `number` its first column,
/// the rows' number. `each` turns a row into an item for the page or into nothing, or breaks off if
/// nothing more can match.
pub(crate) fn walk<T>(
    conn: &Connection,
    (select, number): (&str, &str),
    span: Span,
    scan: &Scan,
    mut each: impl FnMut(&Row<'_>) -> Result<ControlFlow<(), Option<T>>>,
) -> Result<Listed<T>> {
    let direction = match span.order {
        ListOrder::Newest => "DESC",
        ListOrder::Oldest => "ASC",
    };
    let sql = format!("{select} {number} > ?1 AND {number} <= ?2 ORDER BY {number} {direction}");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut rows = statement.query([span.above, span.up_to])?;
    let mut listed = Listed::default();
    let mut last = None;
    while scan.0.get() > 0 {
        scan.cost(1);
        let Some(row) = rows.next()? else {
            return Ok(listed);
        };
        if listed.items.len() >= span.limit {
            // There is a row after the full page, so more may follow.
            break;
        }
        match each(row)? {
            ControlFlow::Continue(item) => listed.items.extend(item),
            ControlFlow::Break(()) => return Ok(listed),
        }
        last = Some(row.get(0)?);
    }
    listed.next = last.map(|number| span.cursor(number));
    Ok(listed)
}
