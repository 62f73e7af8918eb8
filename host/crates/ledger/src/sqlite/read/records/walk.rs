//! Walking a table in the order of arrival.

use std::ops::ControlFlow;

use rusqlite::{Connection, Result, Row, Statement};

use super::scan::Scan;
use super::search::{Piece, Pieces, Search};
use crate::engine::Span;
use crate::{ListOrder, Listed};

/// Walks the rows of a table that a page covers and that `search` does not rule out, in the page's
/// order, and looks at no more than `scan` allows. `select` is a statement up to its last
/// condition, and `number` its first column, the rows' number. `each` turns a row into an item for
/// the page or into nothing, or breaks off if nothing more can match.
pub(crate) fn walk<T>(
    conn: &Connection,
    (select, number): (&str, &str),
    (span, search): (Span, &Search<'_>),
    scan: &Scan,
    each: impl FnMut(&Row<'_>) -> Result<ControlFlow<(), Option<T>>>,
) -> Result<Listed<T>> {
    let direction = match span.order {
        ListOrder::Newest => "DESC",
        ListOrder::Oldest => "ASC",
    };
    let sql = format!("{select} {number} > ?1 AND {number} <= ?2 ORDER BY {number} {direction}");
    let mut statement = conn.prepare_cached(&sql)?;
    let mut walk = Walk {
        span,
        scan,
        each,
        listed: Listed::default(),
        last: None,
    };
    let mut pieces = Pieces::new(search, span);
    while let Some(piece) = pieces.next(conn)? {
        let went = match piece {
            Piece::Rows(above, up_to) => walk.rows(&mut statement, (above, up_to))?,
            Piece::At(numbers, edge) => walk.at(&mut statement, &numbers, edge)?,
        };
        match went {
            Went::On => {}
            Went::Full => {
                walk.listed.next = walk.last.map(|number| span.cursor(number));
                break;
            }
            Went::Past => break,
        }
    }
    Ok(walk.listed)
}

/// How far a walk came.
enum Went {
    /// To the end of a piece.
    On,
    /// As far as the page goes. More may follow.
    Full,
    /// To a row after which nothing can match.
    Past,
}

/// A page that is being filled.
struct Walk<'s, T, E> {
    span: Span,
    scan: &'s Scan,
    each: E,
    listed: Listed<T>,
    /// The place at which the next page goes on.
    last: Option<i64>,
}

impl<T, E: FnMut(&Row<'_>) -> Result<ControlFlow<(), Option<T>>>> Walk<'_, T, E> {
    /// Whether the page ends here, although there is a row or a piece more.
    fn is_full(&self) -> bool {
        self.scan.is_over() || self.listed.items.len() >= self.span.limit
    }

    /// Walks the rows above one number and up to another.
    fn rows(&mut self, statement: &mut Statement<'_>, (above, up_to): (i64, i64)) -> Result<Went> {
        let mut rows = statement.query([above, up_to])?;
        while let Some(row) = rows.next()? {
            if self.is_full() {
                return Ok(Went::Full);
            }
            self.scan.cost(1);
            let number = row.get(0)?;
            match (self.each)(row)? {
                ControlFlow::Continue(item) => self.listed.items.extend(item),
                ControlFlow::Break(()) => return Ok(Went::Past),
            }
            self.last = Some(number);
        }
        self.last = Some(match self.span.order {
            ListOrder::Newest => above.saturating_add(1),
            ListOrder::Oldest => up_to,
        });
        Ok(Went::On)
    }

    /// Walks the rows of these numbers, up to the edge of their piece.
    fn at(&mut self, statement: &mut Statement<'_>, numbers: &[i64], edge: i64) -> Result<Went> {
        if self.is_full() {
            return Ok(Went::Full);
        }
        self.scan.cost(1);
        for number in numbers {
            match self.rows(statement, (number - 1, *number))? {
                Went::On => {}
                other => return Ok(other),
            }
        }
        self.last = Some(edge);
        Ok(Went::On)
    }
}
