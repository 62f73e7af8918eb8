//! What there is of an event, and whether it has ended.

use rusqlite::{Connection, OptionalExtension, Result, Row, Rows, params};

use super::rows;
use crate::{DeliveryState, OutboxState};
use tollgate_base::time::WallTime;

/// An event's row, as far as it concerns how long it is kept.
#[derive(Clone, Debug)]
pub(super) struct EventRow {
    pub(super) seq: i64,
    pub(super) source: String,
    pub(super) received: WallTime,
    pub(super) last_duplicate: Option<WallTime>,
    pub(super) dedup: [u8; 16],
    pub(super) erased: Option<WallTime>,
    pub(super) pruned: Option<WallTime>,
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

    /// The row at this place.
    pub(super) fn find(conn: &Connection, seq: i64) -> Result<Option<Self>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN sources s ON s.id = e.source
             WHERE e.seq = ?1"
        );
        conn.prepare_cached(&sql)?
            .query_row([seq], Self::read)
            .optional()
    }

    /// The rows after this place, in order, `limit` at most.
    pub(super) fn after(conn: &Connection, seq: i64, limit: usize) -> Result<Vec<Self>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM events e CROSS JOIN sources s ON s.id = e.source
             WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2"
        );
        conn.prepare_cached(&sql)?
            .query_map(params![seq, limit as i64], Self::read)?
            .collect()
    }
}

/// A delivery of an event.
pub(super) struct Delivered {
    pub(super) seq: i64,
    pub(super) state: DeliveryState,
}

/// A request that a delivery of an event queued.
pub(super) struct Requested {
    pub(super) seq: i64,
    pub(super) state: OutboxState,
}

/// What became of an event that has ended: all of its deliveries are done, ignored or dead,
/// and none of its requests waits.
pub(super) struct History {
    pub(super) deliveries: Vec<Delivered>,
    pub(super) requests: Vec<Requested>,
    /// When the last of all that ended.
    ended: WallTime,
}

impl History {
    /// The history of an event; `None` while anything of it is still to be done.
    pub(super) fn of(conn: &Connection, event: &EventRow) -> Result<Option<Self>> {
        let mut history = Self {
            deliveries: Vec::new(),
            requests: Vec::new(),
            ended: event.received,
        };
        let ended = history.add_deliveries(conn, event)? && history.add_requests(conn)?;
        Ok(ended.then_some(history))
    }

    /// When it had ended.
    pub(super) fn ended(&self) -> WallTime {
        self.ended
    }

    /// Whether a delivery was given up.
    pub(super) fn has_dead(&self) -> bool {
        self.deliveries
            .iter()
            .any(|delivery| delivery.state == DeliveryState::Dead)
    }

    /// Adds the deliveries; returns whether all have ended.
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

    /// Adds deliveries as long as they have ended; returns whether all have.
    fn add_ended(&mut self, mut rows: Rows<'_>) -> Result<bool> {
        use DeliveryState::{Dead, Done, Ignored};
        while let Some(row) = rows.next()? {
            let state = rows::delivery_state(row, 1)?;
            // A dead one that holds later ones of its key is not over.
            let holds: bool = row.get(3)?;
            if holds || !matches!(state, Done | Ignored | Dead) {
                return Ok(false);
            }
            self.ended = self
                .ended
                .max(rows::maybe_wall(row, 2)?.unwrap_or(WallTime::EPOCH));
            self.deliveries.push(Delivered {
                seq: row.get(0)?,
                state,
            });
        }
        Ok(true)
    }

    /// Adds the requests of all attempts; returns whether none waits.
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
                self.requests.push(Requested {
                    seq: row.get(0)?,
                    state,
                });
            }
        }
        Ok(true)
    }
}
