//! The rows of events, and whether the events have ended.

use std::collections::HashMap;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{delivery_state, get, int, maybe_wall, outbox_state, text, wall};
use crate::{DeliveryState, OutboxState};
use tollgate_base::time::WallTime;

/// An event's row: the columns that say how long the event is kept.
#[derive(Clone, Debug)]
pub(super) struct EventRow {
    pub(super) seq: i64,
    pub(super) source: String,
    pub(super) received: WallTime,
    pub(super) last_duplicate: Option<WallTime>,
    pub(super) dedup: Uuid,
    pub(super) erased: Option<WallTime>,
    pub(super) pruned: Option<WallTime>,
    deliveries: Vec<i64>,
}

const SELECT: &str = "SELECT e.seq, e.source, e.received, u.last, e.dedup, e.erased, e.pruned,
    e.deliveries FROM events e LEFT JOIN duplicates u ON u.event = e.seq";

impl EventRow {
    fn read(row: &Row) -> Result<Self, Fault> {
        Ok(Self {
            seq: get(row, 0)?,
            source: text(row, 1)?,
            received: wall(row, 2)?,
            last_duplicate: maybe_wall(row, 3)?,
            dedup: get(row, 4)?,
            erased: maybe_wall(row, 5)?,
            pruned: maybe_wall(row, 6)?,
            deliveries: get(row, 7)?,
        })
    }

    /// The events of these numbers that have a row, in order.
    pub(super) async fn find(conn: &Connection, seqs: &[i64]) -> Result<Vec<Self>, Fault> {
        let sql = format!("{SELECT} WHERE e.seq = ANY ($1) ORDER BY e.seq");
        let rows = conn.query(&sql, &[&seqs]).await?;
        rows.iter().map(Self::read).collect()
    }

    /// The events after this number, in order, `limit` at most.
    pub(super) async fn after(
        conn: &Connection,
        seq: i64,
        limit: usize,
    ) -> Result<Vec<Self>, Fault> {
        let sql = format!("{SELECT} WHERE e.seq > $1 ORDER BY e.seq LIMIT $2");
        let rows = conn.query(&sql, &[&seq, &int(limit)]).await?;
        rows.iter().map(Self::read).collect()
    }

    /// When the event last arrived.
    pub(super) fn last_arrival(&self) -> WallTime {
        let duplicate = self.last_duplicate.unwrap_or(WallTime::EPOCH);
        self.received.max(duplicate)
    }
}

/// The deliveries and requests of an event that has ended: all deliveries are done, ignored or
/// dead, and no request waits.
#[derive(Debug)]
pub(super) struct History {
    pub(super) deliveries: Vec<(i64, DeliveryState)>,
    pub(super) requests: Vec<(i64, OutboxState)>,
    /// When the last of them ended.
    pub(super) ended: WallTime,
    is_open: bool,
}

impl History {
    /// Whether one of the deliveries is dead.
    pub(super) fn has_dead(&self) -> bool {
        let mut deliveries = self.deliveries.iter();
        deliveries.any(|(_, state)| *state == DeliveryState::Dead)
    }

    /// The histories of these events, by number, as far as the events have ended.
    pub(super) async fn of(
        conn: &Connection,
        events: &[&EventRow],
    ) -> Result<HashMap<i64, Self>, Fault> {
        let mut found = HashMap::new();
        let mut of_delivery = HashMap::new();
        for event in events {
            let history = Self {
                deliveries: Vec::new(),
                requests: Vec::new(),
                ended: event.received,
                is_open: false,
            };
            found.insert(event.seq, history);
            of_delivery.extend(event.deliveries.iter().map(|id| (*id, event.seq)));
        }
        let ids: Vec<i64> = of_delivery.keys().copied().collect();
        if !ids.is_empty() {
            add_deliveries(conn, &ids, &mut found).await?;
            add_requests(conn, &ids, &of_delivery, &mut found).await?;
        }
        found.retain(|_, history| !history.is_open);
        Ok(found)
    }

    /// Notes that a part has ended, or has not.
    fn note(&mut self, open: bool, finished: Option<WallTime>) {
        self.is_open |= open;
        self.ended = self.ended.max(finished.unwrap_or(WallTime::EPOCH));
    }
}

async fn add_deliveries(
    conn: &Connection,
    ids: &[i64],
    found: &mut HashMap<i64, History>,
) -> Result<(), Fault> {
    use DeliveryState::{Dead, Done, Ignored};
    let rows = conn
        .query(
            "SELECT event, id, state, finished, turn IS NOT NULL FROM deliveries
             WHERE id = ANY ($1)",
            &[&ids],
        )
        .await?;
    for row in &rows {
        let Some(history) = found.get_mut(&get(row, 0)?) else {
            continue;
        };
        let state = delivery_state(row, 2)?;
        // A dead delivery that blocks later ones of its key has not ended.
        let open = get::<bool>(row, 4)? || !matches!(state, Done | Ignored | Dead);
        history.note(open, maybe_wall(row, 3)?);
        history.deliveries.push((get(row, 1)?, state));
    }
    Ok(())
}

async fn add_requests(
    conn: &Connection,
    ids: &[i64],
    of_delivery: &HashMap<i64, i64>,
    found: &mut HashMap<i64, History>,
) -> Result<(), Fault> {
    // An operator may have requeued a request under another id.
    let rows = conn
        .query(
            "WITH queued AS (
                 SELECT unnest(requests) AS id FROM attempts WHERE delivery = ANY ($1))
             SELECT o.delivery, o.id, o.state, o.finished FROM queued q JOIN outbox o ON o.id = q.id
             UNION ALL
             SELECT o.delivery, o.id, o.state, o.finished FROM queued q JOIN outbox o
                 ON o.was = q.id",
            &[&ids],
        )
        .await?;
    for row in &rows {
        let event = of_delivery.get(&get(row, 0)?);
        let Some(history) = event.and_then(|event| found.get_mut(event)) else {
            continue;
        };
        let state = outbox_state(row, 2)?;
        history.note(state == OutboxState::Waiting, maybe_wall(row, 3)?);
        history.requests.push((get(row, 1)?, state));
    }
    Ok(())
}

/// The oldest event that is not pruned.
pub(super) async fn oldest_kept(conn: &Connection) -> Result<Option<i64>, Fault> {
    let row = conn.first("SELECT min(event) FROM bodies", &[]).await?;
    Ok(row.map(|row| get(&row, 0)).transpose()?.flatten())
}
