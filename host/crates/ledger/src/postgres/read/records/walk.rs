//! Walking a table in the order of arrival.

use tokio_postgres::Row;

use crate::engine::{EventFilter, ROW_BYTES, Span};
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{get, int};
use crate::{ListOrder, Listed};

/// The rows of one page.
pub(super) struct Walk {
    rows: std::vec::IntoIter<Row>,
    span: Span,
    /// How many more rows the page may look at. A narrow row costs one.
    left: usize,
    last: Option<i64>,
}

impl Walk {
    /// Reads the rows of a table that a page covers, in the page's order, `scan` at most. `select`
    /// is a statement up to its last condition, and `place` its first column.
    pub(super) async fn read(
        conn: &Connection,
        (select, place): (&str, &str),
        span: Span,
        scan: usize,
    ) -> Result<Self, Fault> {
        let direction = match span.order {
            ListOrder::Newest => "DESC",
            ListOrder::Oldest => "ASC",
        };
        let sql = format!(
            "{select} {place} > $1 AND {place} <= $2 ORDER BY {place} {direction} LIMIT $3"
        );
        // One more, to know whether the walk ends here.
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&span.above, &span.up_to, &int(scan + 1)];
        let rows = conn.query(&sql, &params).await?;
        Ok(Self {
            rows: rows.into_iter(),
            span,
            left: scan,
            last: None,
        })
    }

    /// The next row to look at, and its place; `None` at the end of the page. `found` is how many
    /// items the page has.
    pub(super) fn next(&mut self, found: usize) -> Result<Next, Fault> {
        if self.left == 0 {
            return Ok(Next::Full);
        }
        self.left -= 1;
        let Some(row) = self.rows.next() else {
            return Ok(Next::End);
        };
        if found >= self.span.limit {
            // There is a row after the full page, so more may follow.
            return Ok(Next::Full);
        }
        self.last = Some(get(&row, 0)?);
        Ok(Next::Row(row))
    }

    /// Whether the payload of an event matches. A payload that is read costs the walk its length.
    pub(super) async fn takes_payload(
        &mut self,
        conn: &Connection,
        filter: &EventFilter<'_>,
        event: i64,
    ) -> Result<bool, Fault> {
        if filter.filter.payload.is_none() {
            return Ok(true);
        }
        let row = conn
            .first("SELECT payload FROM bodies WHERE event = $1", &[&event])
            .await?;
        let Some(row) = row else { return Ok(false) };
        let payload: Vec<u8> = get(&row, 0)?;
        self.left = self.left.saturating_sub(payload.len() / ROW_BYTES);
        Ok(filter.takes_payload(&payload))
    }

    /// The page, which goes on behind the last row if `more`.
    pub(super) fn page<T>(&self, items: Vec<T>, more: bool) -> Listed<T> {
        let last = self.last.filter(|_| more);
        Listed {
            items,
            next: last.map(|place| self.span.cursor(place)),
        }
    }
}

/// What follows on a walk.
pub(super) enum Next {
    /// A row.
    Row(Row),
    /// The page is full, or has looked at enough.
    Full,
    /// The list ends.
    End,
}
