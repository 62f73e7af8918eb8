//! Filters, in the form in which rows are compared with them.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result};

use crate::{ListOrder, RecordFilter};
use tollgate_base::time::WallTime;

/// The largest change of the clock that a list allows for. If somebody sets the clock, rows in
/// the order of arrival are not in the order of time any more. So a list that is bounded by time
/// ends only at a row that is beyond its bound by more than this.
const CLOCK_STEP: Duration = Duration::from_secs(48 * 3600);

/// A filter in which names are replaced by the numbers that rows hold.
pub(crate) struct Numbered<'a> {
    filter: &'a RecordFilter,
    source: Option<i64>,
    pub(crate) handler: Option<i64>,
}

impl<'a> Numbered<'a> {
    /// Looks the names up. `None` if a name is unknown: then nothing can match.
    pub(crate) fn new(conn: &Connection, filter: &'a RecordFilter) -> Result<Option<Self>> {
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

    /// Whether an event matches, by its own columns.
    pub(crate) fn takes_event(
        &self,
        (source, kind, provider_id): (i64, &str, Option<&str>),
        received: WallTime,
    ) -> bool {
        let filter = self.filter;
        let wanted_id = filter.provider_id.as_deref();
        self.source.is_none_or(|wanted| wanted == source)
            && wanted_id.is_none_or(|wanted| provider_id == Some(wanted))
            && filter
                .kind
                .as_ref()
                .is_none_or(|pattern| pattern.matches(kind))
            && filter.from.is_none_or(|from| received >= from)
            && filter.to.is_none_or(|to| received < to)
    }

    /// Whether nothing after an event of this time can match.
    pub(crate) fn is_past(&self, received: WallTime, order: ListOrder) -> bool {
        match order {
            ListOrder::Newest => self
                .filter
                .from
                .is_some_and(|from| received + CLOCK_STEP < from),
            ListOrder::Oldest => self.filter.to.is_some_and(|to| received > to + CLOCK_STEP),
        }
    }
}
