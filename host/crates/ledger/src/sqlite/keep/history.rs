//! The rows of an event, and whether the event has ended.

use rusqlite::{Connection, OptionalExtension, Result, Row, Rows, params};

use crate::sqlite::rows;
use crate::{DeliveryState, OutboxState};
use tollgate_base::time::WallTime;

/// An event's row: the columns that say how long the event is kept.
#[derive(Clone, Debug)]
pub(crate) struct EventRow {
    pub(crate) seq: i64,
    pub(crate) source: String,
    pub(crate) received: WallTime,
    pub(crate) last_duplicate: Option<WallTime>,
    pub(crate) dedup: [u8; 16],
    pub(crate) erased: Option<WallTime>,
    pub(crate) pruned: Option<WallTime>,
    first_delivery: Option<i64>,
    deliveries: i64,
}

/// The columns of an [`EventRow`], from `events e` and `sources s`.
const COLUMNS: &str = "e.seq, s.name, e.received, e.last_duplicate, e.dedup, e.erased, e.pruned,
    e.first_delivery, e.deliveries";

impl EventRow {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            source: row.get(1)?,
            received: rows::wall(row, 2)?,
            last_duplicate: rows::maybe_wall(row, 3)?,
            dedup: row.get(4)?,
            erased: rows::maybe_wall(row, 5)?,
            pruned: rows::maybe_wall(row, 6)?,
            first_delivery: row.get(7)?,
            deliveries: row.get(8)?,
        })
    }

    /// The event of this number.
    pub(crate) fn find(conn: &Connection, seq: i64) -> Result<Option<Self>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN sources s ON s.id = e.source
             WHERE e.seq = ?1"
        );
        conn.prepare_cached(&sql)?
            .query_row([seq], Self::read)
            .optional()
    }

    /// The events after this number, in order, `limit` at most.
    pub(crate) fn after(conn: &Connection, seq: i64, limit: usize) -> Result<Vec<Self>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN sources s ON s.id = e.source
             WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2"
        );
        conn.prepare_cached(&sql)?
            .query_map(params![seq, limit as i64], Self::read)?
            .collect()
    }
}

/// A delivery that has ended.
pub(crate) struct EndedDelivery {
    pub(crate) seq: i64,
    pub(crate) state: DeliveryState,
}

/// A request that does not wait any more.
pub(crate) struct EndedRequest {
    pub(crate) seq: i64,
    pub(crate) state: OutboxState,
}

/// The deliveries and requests of an event that has ended: all deliveries are done, ignored or
/// dead, and no request waits.
pub(crate) struct History {
    pub(crate) deliveries: Vec<EndedDelivery>,
    pub(crate) requests: Vec<EndedRequest>,
    /// When the last of them ended.
    ended: WallTime,
}

impl History {
    /// The history of an event; `None` if the event has not ended.
    pub(crate) fn of(conn: &Connection, event: &EventRow) -> Result<Option<Self>> {
        let mut history = Self {
            deliveries: Vec::new(),
            requests: Vec::new(),
            ended: event.received,
        };
        let ended = history.add_deliveries(conn, event)? && history.add_requests(conn)?;
        Ok(ended.then_some(history))
    }

    /// When the event ended.
    pub(crate) fn ended(&self) -> WallTime {
        self.ended
    }

    /// Whether one of the deliveries is dead.
    pub(crate) fn has_dead(&self) -> bool {
        self.deliveries
            .iter()
            .any(|delivery| delivery.state == DeliveryState::Dead)
    }

    /// Adds the event's deliveries; returns whether all have ended.
    fn add_deliveries(&mut self, conn: &Connection, event: &EventRow) -> Result<bool> {
        if let Some(first) = event.first_delivery {
            let mut statement = conn.prepare_cached(
                "SELECT seq, state, finished, turn IS NOT NULL FROM deliveries
                 WHERE seq >= ?1 AND seq < ?1 + ?2 AND event = ?3 ORDER BY seq",
            )?;
            let recorded = statement.query(params![first, event.deliveries, event.seq])?;
            if !self.add_ended(recorded)? {
                return Ok(false);
            }
        }
        let mut statement = conn.prepare_cached(
            "SELECT d.seq, d.state, d.finished, d.turn IS NOT NULL FROM later_deliveries l
             CROSS JOIN deliveries d ON d.seq = l.delivery
             WHERE l.event = ?1 ORDER BY l.delivery",
        )?;
        self.add_ended(statement.query([event.seq])?)
    }

    /// Adds deliveries up to the first that has not ended; returns whether all have ended.
    fn add_ended(&mut self, mut rows: Rows<'_>) -> Result<bool> {
        use DeliveryState::{Dead, Done, Ignored};
        while let Some(row) = rows.next()? {
            let state = rows::delivery_state(row, 1)?;
            // A dead delivery that blocks later ones of its key has not ended.
            let in_line: bool = row.get(3)?;
            if in_line || !matches!(state, Done | Ignored | Dead) {
                return Ok(false);
            }
            self.ended = self
                .ended
                .max(rows::maybe_wall(row, 2)?.unwrap_or(WallTime::EPOCH));
            self.deliveries.push(EndedDelivery {
                seq: row.get(0)?,
                state,
            });
        }
        Ok(true)
    }

    /// Adds the requests of all attempts; returns whether no request waits.
    fn add_requests(&mut self, conn: &Connection) -> Result<bool> {
        let mut statement = conn.prepare_cached(
            "SELECT o.seq, o.state, o.finished FROM attempts a CROSS JOIN outbox o
                 ON o.seq >= a.first_request AND o.seq < a.first_request + a.requests
             WHERE a.delivery = ?1 AND o.delivery = ?1
             UNION ALL
             SELECT o.seq, o.state, o.finished FROM attempts a CROSS JOIN outbox o
                 ON o.was >= a.first_request AND o.was < a.first_request + a.requests
             WHERE a.delivery = ?1 AND o.delivery = ?1",
        )?;
        for delivery in &self.deliveries {
            let mut rows = statement.query([delivery.seq])?;
            while let Some(row) = rows.next()? {
                let state = rows::outbox_state(row, 1)?;
                if state == OutboxState::Waiting {
                    return Ok(false);
                }
                self.ended = self
                    .ended
                    .max(rows::maybe_wall(row, 2)?.unwrap_or(WallTime::EPOCH));
                self.requests.push(EndedRequest {
                    seq: row.get(0)?,
                    state,
                });
            }
        }
        Ok(true)
    }
}
