//! Deliveries that may run.

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::bytes::within;
use crate::sqlite::rows::{self, DELIVERY_COLUMNS, DELIVERY_JOINS};
use crate::sqlite::values::int;
use crate::{Delivery, DeliverySeq};
use tollgate_base::time::SteadyTime;

/// Pending deliveries after `after`, in the order of arrival, without blocked and released
/// ones.
pub(crate) fn pending(
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

/// Pending deliveries that were released: they became the head of their line after they had
/// arrived.
const RELEASED: &str = "SELECT seq, due FROM deliveries INDEXED BY deliveries_released
    WHERE state = 'pending' AND due IS NOT NULL AND handler = ?1 AND due <= ?2 ORDER BY due, seq";

/// Deliveries that are to be tried again.
const RETRYING: &str = "SELECT seq, due FROM deliveries INDEXED BY deliveries_retrying
    WHERE state = 'retrying' AND handler = ?1 AND due <= ?2 ORDER BY due, seq";

/// Released deliveries, then deliveries to be tried again that are due at `now`. Deliveries
/// that `except` names are left out.
pub(crate) fn due(
    conn: &Connection,
    handler: i64,
    now: SteadyTime,
    limit: usize,
    except: &dyn Fn(DeliverySeq) -> bool,
) -> Result<Vec<Delivery>> {
    // The index alone is enough to skip a delivery, without reading its event.
    let mut seqs = Vec::new();
    // A released delivery is due at any time.
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

/// When the first delivery that [`due`] finds is due.
pub(crate) fn next_due(
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
