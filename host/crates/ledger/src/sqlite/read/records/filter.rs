//! Filters, in the form in which rows are compared with them.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Result};

use super::walk::Scan;
use crate::{ListOrder, RecordFilter};
use tollgate_base::json::{PointerSet, pluck_borrowed};
use tollgate_base::time::WallTime;

/// So many bytes of a payload cost a scan as much as a narrow row.
const ROW_BYTES: usize = 1024;

/// The largest change of the clock that a list allows for. If somebody sets the clock, rows in
/// the order of arrival are not in the order of time any more. So a list that is bounded by time
/// ends only at a row that is beyond its bound by more than this.
const CLOCK_STEP: Duration = Duration::from_secs(48 * 3600);

/// A filter in which names are replaced by the numbers that rows hold.
pub(crate) struct Numbered<'a> {
    filter: &'a RecordFilter,
    source: Option<i64>,
    pub(crate) handler: Option<i64>,
    /// The pointer into the payload, if a value there must match.
    pointer: PointerSet,
}

/// The columns of an event that a filter compares.
pub(crate) struct EventColumns<'r> {
    pub(crate) source: i64,
    pub(crate) kind: &'r str,
    pub(crate) provider_id: Option<&'r str>,
    pub(crate) subject: Option<&'r str>,
    pub(crate) account: Option<&'r str>,
    pub(crate) received: WallTime,
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
        let mut pointer = PointerSet::default();
        let readable = match &filter.payload {
            Some(payload) => pointer.add(&payload.pointer).is_ok(),
            None => true,
        };
        let known = readable
            && source.is_some() == filter.source.is_some()
            && handler.is_some() == filter.handler.is_some();
        Ok(known.then_some(Self {
            filter,
            source,
            handler,
            pointer,
        }))
    }

    /// Whether an event matches, by its own columns.
    pub(crate) fn takes_event(&self, event: &EventColumns<'_>) -> bool {
        let filter = self.filter;
        let is = |wanted: &Option<String>, found| {
            let wanted = wanted.as_deref();
            wanted.is_none_or(|wanted| found == Some(wanted))
        };
        self.source.is_none_or(|wanted| wanted == event.source)
            && is(&filter.provider_id, event.provider_id)
            && is(&filter.subject, event.subject)
            && is(&filter.account, event.account)
            && filter
                .kind
                .as_ref()
                .is_none_or(|pattern| pattern.matches(event.kind))
            && filter.from.is_none_or(|from| event.received >= from)
            && filter.to.is_none_or(|to| event.received < to)
    }

    /// Whether the payload of the event matches. A payload that is read costs the scan its length.
    pub(crate) fn takes_payload(&self, conn: &Connection, event: i64, scan: &Scan) -> Result<bool> {
        let Some(wanted) = &self.filter.payload else {
            return Ok(true);
        };
        let found = conn
            .prepare_cached("SELECT payload FROM bodies WHERE event = ?1")?
            .query_row([event], |row| {
                let payload = row.get_ref(0)?.as_blob()?;
                scan.cost(payload.len() / ROW_BYTES);
                let values = pluck_borrowed(payload, &self.pointer).unwrap_or_default();
                let value = values.into_iter().next().flatten();
                Ok(value.is_some_and(|value| value.as_text() == Some(wanted.value.as_str())))
            })
            .optional()?;
        Ok(found.unwrap_or(false))
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
