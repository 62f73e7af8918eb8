//! Filters, in the form in which rows are compared with them.

use rusqlite::{Connection, OptionalExtension, Result};

use super::scan::Scan;
use crate::RecordFilter;
use crate::engine::{EventFilter, ROW_BYTES};

/// A filter in which names are replaced by the numbers that rows hold.
pub(crate) struct Numbered<'a> {
    pub(crate) filter: EventFilter<'a>,
    pub(crate) source: Option<i64>,
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
        let filter = EventFilter::new(filter).filter(|_| known);
        Ok(filter.map(|filter| Self {
            filter,
            source,
            handler,
        }))
    }

    /// Whether an event of this source, by its number, can match.
    pub(crate) fn takes_source(&self, source: i64) -> bool {
        self.source.is_none_or(|wanted| wanted == source)
    }

    /// Whether the payload of the event matches. A payload that is read costs the scan its length.
    pub(crate) fn takes_payload(&self, conn: &Connection, event: i64, scan: &Scan) -> Result<bool> {
        if self.filter.filter.payload.is_none() {
            return Ok(true);
        }
        let found = conn
            .prepare_cached("SELECT payload FROM bodies WHERE event = ?1")?
            .query_row([event], |row| {
                let payload = row.get_ref(0)?.as_blob()?;
                scan.cost(payload.len() / ROW_BYTES);
                Ok(self.filter.takes_payload(payload))
            })
            .optional()?;
        Ok(found.unwrap_or(false))
    }
}
