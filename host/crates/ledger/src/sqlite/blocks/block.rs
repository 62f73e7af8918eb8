//! Making one block.

use std::collections::BTreeSet;

use rusqlite::{Connection, Result, Row};

use crate::RecordList;
use crate::sqlite::terms::{Entries, Term};

/// The most types of events that a block names, and the most bytes of their names.
const KINDS: (usize, usize) = (128, 8 * 1024);

/// The numbers that a block covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Range {
    pub(super) list: RecordList,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// A block, as it is in the file.
pub(super) struct Block {
    pub(super) kept: i64,
    pub(super) received: i64,
    pub(super) until: i64,
    pub(super) kinds: Option<String>,
    pub(super) parts: Vec<(u64, Vec<u8>)>,
}

/// The rows of a range that were not pruned: number, terms of the event, when the event was
/// received, the handler of a delivery, and the first delivery and the number of deliveries that an
/// event was recorded with.
const EVENTS: &str = "SELECT e.seq, e.provider_id, e.subject, e.account, e.kind, e.source,
        e.received, NULL, e.first_delivery, e.deliveries
    FROM events e WHERE e.seq BETWEEN ?1 AND ?2 AND e.pruned IS NULL ORDER BY e.seq";
const DELIVERIES: &str = "SELECT d.seq, e.provider_id, e.subject, e.account, e.kind, e.source,
        e.received, d.handler, NULL, 1
    FROM deliveries d CROSS JOIN events e ON e.seq = d.event
    WHERE d.seq BETWEEN ?1 AND ?2 ORDER BY d.seq";

/// The deliveries of events in a range, among the deliveries in another range. A later delivery may
/// be among them, which does no harm.
const HANDLERS: &str = "SELECT d.event, d.handler FROM deliveries d
    WHERE d.seq BETWEEN ?1 AND ?2 AND d.event BETWEEN ?3 AND ?4";

impl Range {
    /// The statement that reads the rows.
    fn rows(self) -> &'static str {
        match self.list {
            RecordList::Deliveries => DELIVERIES,
            _ => EVENTS,
        }
    }

    /// How many rows of the range are kept.
    pub(super) fn count(self, conn: &Connection) -> Result<i64> {
        let sql = match self.list {
            RecordList::Deliveries => "SELECT count(*) FROM deliveries WHERE seq BETWEEN ?1 AND ?2",
            _ => "SELECT count(*) FROM events WHERE seq BETWEEN ?1 AND ?2 AND pruned IS NULL",
        };
        conn.prepare_cached(sql)?
            .query_row([self.first, self.last], |row| row.get(0))
    }
}

impl Block {
    /// Reads the rows of a range.
    pub(super) fn read(conn: &Connection, range: Range) -> Result<Self> {
        let mut made = Made::default();
        let mut statement = conn.prepare_cached(range.rows())?;
        let mut rows = statement.query([range.first, range.last])?;
        while let Some(row) = rows.next()? {
            made.add(row, range.first)?;
        }
        if let Some((low, high)) = made.deliveries {
            let mut statement = conn.prepare_cached(HANDLERS)?;
            let mut rows = statement.query([low, high, range.first, range.last])?;
            while let Some(row) = rows.next()? {
                let place = place(row.get(0)?, range.first);
                made.entries.add(Term::Handler(row.get(1)?), place);
            }
        }
        Ok(made.into_block())
    }
}

/// The place of a row in its block. A block is shorter than the largest place.
fn place(number: i64, first: i64) -> u16 {
    u16::try_from(number - first).unwrap_or(u16::MAX)
}

/// A block that is being made.
#[derive(Default)]
struct Made {
    kept: i64,
    received: Option<(i64, i64)>,
    /// The first and the last delivery that the events were recorded with.
    deliveries: Option<(i64, i64)>,
    kinds: BTreeSet<String>,
    /// The bytes of the names of `kinds`.
    kind_bytes: usize,
    entries: Entries,
}

impl Made {
    fn add(&mut self, row: &Row<'_>, first: i64) -> Result<()> {
        let place = place(row.get(0)?, first);
        let texts = [Term::ProviderId, Term::Subject, Term::Account];
        for (column, term) in (1..).zip(texts) {
            if let Some(text) = row.get_ref(column)?.as_str_or_null()? {
                self.entries.add(term(text), place);
            }
        }
        let kind = row.get_ref(4)?.as_str()?;
        self.entries.add(Term::Kind(kind), place);
        self.add_kind(kind);
        self.entries.add(Term::Source(row.get(5)?), place);
        if let Some(handler) = row.get(7)? {
            self.entries.add(Term::Handler(handler), place);
        }
        let many: i64 = row.get(9)?;
        if many == 0 {
            self.entries.add(Term::Unrouted, place);
        }
        if let Some(of) = row.get::<_, Option<i64>>(8)? {
            let (low, high) = self.deliveries.unwrap_or((of, of));
            self.deliveries = Some((low.min(of), high.max(of + many - 1)));
        }
        let received: i64 = row.get(6)?;
        let (from, until) = self.received.unwrap_or((received, received));
        self.received = Some((from.min(received), until.max(received)));
        self.kept += 1;
        Ok(())
    }

    fn add_kind(&mut self, kind: &str) {
        if self.names_kinds() && !self.kinds.contains(kind) {
            self.kind_bytes += kind.len();
            self.kinds.insert(kind.to_owned());
        }
    }

    fn names_kinds(&self) -> bool {
        self.kinds.len() <= KINDS.0 && self.kind_bytes <= KINDS.1
    }

    fn into_block(self) -> Block {
        let kinds = match self.names_kinds() {
            // Texts are always JSON.
            true => serde_json::to_string(&self.kinds).ok(),
            false => None,
        };
        let (received, until) = self.received.unwrap_or_default();
        Block {
            kept: self.kept,
            received,
            until,
            kinds,
            parts: self.entries.into_parts(),
        }
    }
}
