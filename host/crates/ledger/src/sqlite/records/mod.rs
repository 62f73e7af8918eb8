//! What operators ask: lists and details, in statements that look at a bounded number of
//! rows each.
//!
//! No index serves these lists, since a finished delivery is to leave every index. A list
//! walks the rows in the order of arrival from where the page before ended, and gives up
//! after so many: the page is then short, and says where to go on.

mod attempts;
mod deliveries;
mod events;
mod recorded;
mod requests;

use std::ops::ControlFlow;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result, Row};

use crate::{Listed, Order, Page, RecordFilter};
use tollgate_base::event::HandlerName;
use tollgate_base::time::WallTime;

pub(super) use deliveries::{deliveries, delivery};
pub(super) use events::{deliveries_of, event, event_to_run, events};
pub(super) use recorded::recorded;
pub(super) use requests::{request, requests};

/// Clocks are set: an event that was received earlier by the clock may come after one that
/// was received later. A list in which times matter ends only where they are off by more
/// than any such step.
const CLOCK_STEP: Duration = Duration::from_secs(48 * 3600);

/// Every handler that the ledger has met.
pub(super) fn handlers(conn: &Connection) -> Result<Vec<HandlerName>> {
    conn.prepare_cached("SELECT name FROM handlers ORDER BY name")?
        .query_map([], |row| Ok(HandlerName::new(row.get_ref(0)?.as_str()?)))?
        .collect()
}

/// A filter with its names as the numbers that rows hold.
struct Numbered<'a> {
    filter: &'a RecordFilter,
    source: Option<i64>,
    handler: Option<i64>,
}

impl<'a> Numbered<'a> {
    /// `None` if a name is unknown, so that nothing can match.
    fn new(conn: &Connection, filter: &'a RecordFilter) -> Result<Option<Self>> {
        let number = |sql: &str, name: &str| -> Result<Option<i64>> {
            conn.prepare_cached(sql)?
                .query_row([name], |row| row.get(0))
                .optional()
        };
        let source = match &filter.source {
            Some(name) => number("SELECT id FROM sources WHERE name = ?1", name.as_str())?,
            None => None,
        };
        let handler = match &filter.handler {
            Some(name) => number("SELECT id FROM handlers WHERE name = ?1", name.as_str())?,
            None => None,
        };
        let known = source.is_some() == filter.source.is_some()
            && handler.is_some() == filter.handler.is_some();
        Ok(known.then_some(Self {
            filter,
            source,
            handler,
        }))
    }

    /// Whether an event is meant, as far as its own columns say.
    fn takes_event(&self, source: i64, kind: &str, received: WallTime) -> bool {
        let filter = self.filter;
        self.source.is_none_or(|wanted| wanted == source)
            && filter
                .kind
                .as_ref()
                .is_none_or(|pattern| pattern.matches(kind))
            && filter.from.is_none_or(|from| received >= from)
            && filter.to.is_none_or(|to| received < to)
    }

    /// Whether nothing that follows an event of this time can be meant.
    fn is_past(&self, received: WallTime, order: Order) -> bool {
        match order {
            Order::Newest => self
                .filter
                .from
                .is_some_and(|from| received + CLOCK_STEP < from),
            Order::Oldest => self.filter.to.is_some_and(|to| received > to + CLOCK_STEP),
        }
    }
}

/// Walks a table's rows in the page's order, `scan` of them at most. `each` says what a row
/// comes to: something for the page, nothing, or that nothing more can follow.
fn walk<T>(
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
            // One row beyond the page shows that more follows.
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
