//! What is asked of the ledger, as queries. Each is one short statement, since a long
//! read keeps the write-ahead log from being used anew.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::batch::int;
use super::rows::{self, DELIVERY_COLUMNS, DELIVERY_JOINS, OUTBOX_COLUMNS, OUTBOX_JOINS};
use super::{kept_time, schedule};
use crate::{Delivery, DeliverySeq, OutboxEntry, OutboxRequest, OutboxSeq, OutboxState, Scheduled};
use tollgate_base::event::{ComponentDigest, HandlerName};
use tollgate_base::time::{SteadyTime, WallTime};

/// The number of a handler's name, if the ledger has met it.
pub(super) fn handler_id(conn: &Connection, handler: &HandlerName) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM handlers WHERE name = ?1")?
        .query_row([handler.as_str()], |row| row.get(0))
        .optional()
}

/// Deliveries that are counted as blocked at most, so that the count stays short.
const BLOCKED: i64 = 100_000;

/// How many pending deliveries stand behind another one of their key.
pub(super) fn blocked(conn: &Connection) -> Result<u64> {
    conn.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM deliveries INDEXED BY deliveries_behind
         WHERE state = 'pending' AND turn = 2 LIMIT ?1)",
    )?
    .query_row([BLOCKED], |row| row.get::<_, i64>(0))
    .map(i64::cast_unsigned)
}

/// When the oldest event that is not pruned was received.
pub(super) fn oldest(conn: &Connection) -> Result<Option<WallTime>> {
    conn.prepare_cached("SELECT received FROM events WHERE seq = (SELECT min(event) FROM bodies)")?
        .query_row([], |row| rows::wall(row, 0))
        .optional()
}

pub(super) fn pending(
    conn: &Connection,
    handler: i64,
    after: DeliverySeq,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d INDEXED BY deliveries_pending
         {DELIVERY_JOINS}
         WHERE d.state = 'pending' AND d.due IS NULL AND d.turn IS NOT 2
             AND d.handler = ?1 AND d.seq > ?2 ORDER BY d.seq LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![handler, after.0, limit as i64], rows::delivery)?;
    within(rows, max_bytes, |delivery| delivery.event.payload.len())
}

/// Pending deliveries whose turn has come since they arrived.
const RELEASED: &str = "SELECT seq, due FROM deliveries INDEXED BY deliveries_released
    WHERE state = 'pending' AND due IS NOT NULL AND handler = ?1 AND due <= ?2 ORDER BY due, seq";

/// Deliveries to be tried again.
const RETRYING: &str = "SELECT seq, due FROM deliveries INDEXED BY deliveries_retrying
    WHERE state = 'retrying' AND handler = ?1 AND due <= ?2 ORDER BY due, seq";

pub(super) fn due(
    conn: &Connection,
    handler: i64,
    now: SteadyTime,
    limit: usize,
    except: &dyn Fn(DeliverySeq) -> bool,
) -> Result<Vec<Delivery>> {
    // What is under way is passed over in the index alone, without reading its event.
    let mut seqs = Vec::new();
    // What was released is due whatever the clock says now.
    for (sql, now) in [(RELEASED, i64::MAX), (RETRYING, int(now))] {
        let mut index = conn.prepare_cached(sql)?;
        let mut rows = index.query(params![handler, now])?;
        while seqs.len() < limit
            && let Some(row) = rows.next()?
        {
            let seq = DeliverySeq(row.get(0)?);
            if !except(seq) {
                seqs.push(seq);
            }
        }
    }
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d {DELIVERY_JOINS}
         WHERE d.seq = ?1 AND d.state IN ('pending', 'retrying')"
    );
    let mut fetch = conn.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for seq in seqs {
        found.extend(fetch.query_row([seq.0], rows::delivery).optional()?);
    }
    Ok(found)
}

pub(super) fn next_due(
    conn: &Connection,
    handler: i64,
    except: &dyn Fn(DeliverySeq) -> bool,
) -> Result<Option<SteadyTime>> {
    for (sql, released) in [(RELEASED, true), (RETRYING, false)] {
        let mut index = conn.prepare_cached(sql)?;
        let mut rows = index.query(params![handler, i64::MAX])?;
        while let Some(row) = rows.next()? {
            if !except(DeliverySeq(row.get(0)?)) {
                let due = rows::steady(row, 1)?;
                return Ok(Some(if released { SteadyTime::ZERO } else { due }));
            }
        }
    }
    Ok(None)
}

pub(super) fn outbox_waiting(
    conn: &Connection,
    after: OutboxSeq,
    limit: usize,
    max_bytes: usize,
) -> Result<Vec<OutboxRequest>> {
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o INDEXED BY outbox_waiting {OUTBOX_JOINS}
         WHERE o.state = 'waiting' AND o.seq > ?1 ORDER BY o.seq LIMIT ?2"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query_map(params![after.0, limit as i64], rows::outbox_request)?;
    within(rows, max_bytes, |request| {
        let headers: usize = request
            .request
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        request.request.body.len() + request.request.url.len() + headers
    })
}

pub(super) fn outbox_request(conn: &Connection, seq: OutboxSeq) -> Result<Option<OutboxRequest>> {
    let sql = format!("SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS} WHERE o.seq = ?1");
    conn.prepare_cached(&sql)?
        .query_row([seq.0], rows::outbox_request)
        .optional()
}

/// Whether an attempt that is kept, or a delivery that is due, names this component.
pub(super) fn is_named(conn: &Connection, component: ComponentDigest) -> Result<bool> {
    let found = conn
        .prepare_cached("SELECT attempts > 0 FROM components WHERE digest = ?1")?
        .query_row([component.0.as_slice()], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(false))
}

pub(super) fn outbox_list(
    conn: &Connection,
    state: Option<OutboxState>,
    limit: usize,
) -> Result<Vec<OutboxEntry>> {
    let ahead = kept_time::ahead(conn)?;
    // The state stands in the text, since only so is a partial index used.
    let filter = state.map_or_else(String::new, |state| format!("WHERE o.state = '{state}'"));
    let sql = format!(
        "SELECT {OUTBOX_COLUMNS} FROM outbox o {OUTBOX_JOINS} {filter}
         ORDER BY o.seq DESC LIMIT ?1"
    );
    conn.prepare_cached(&sql)?
        .query_map([limit as i64], |row| {
            let request = rows::outbox_request(row)?;
            Ok(OutboxEntry {
                due: ahead.wall(request.due),
                request,
                state: rows::outbox_state(row, 12)?,
                status: row.get(13)?,
                error: row.get::<_, Option<String>>(14)?.unwrap_or_default(),
            })
        })?
        .collect()
}

pub(super) fn schedule_list(
    conn: &Connection,
    handler: Option<i64>,
    limit: usize,
) -> Result<Vec<Scheduled>> {
    let ahead = kept_time::ahead(conn)?;
    conn.prepare_cached(&schedule::select("AND handler = coalesce(?3, handler)"))?
        .query_map(
            params![limit as i64, ahead.as_millis(), handler, i64::MAX / 2],
            |row| Ok(schedule::entry(row)?.2),
        )?
        .collect()
}

/// Takes rows until they weigh `max_bytes` together; the first in any case.
fn within<T>(
    rows: impl Iterator<Item = Result<T>>,
    max_bytes: usize,
    weight: impl Fn(&T) -> usize,
) -> Result<Vec<T>> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += weight(&row);
        if bytes > max_bytes && !taken.is_empty() {
            break;
        }
        taken.push(row);
    }
    Ok(taken)
}
