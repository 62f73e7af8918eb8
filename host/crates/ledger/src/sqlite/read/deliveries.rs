//! Deliveries that may run.

use rusqlite::{Connection, OptionalExtension, Result, params};

use crate::sqlite::rows::{self, DELIVERY_COLUMNS, DELIVERY_JOINS};
use crate::sqlite::values::int;
use crate::{Delivery, DeliveryId};
use tollgate_base::time::SteadyTime;

/// Which deliveries are looked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) now: SteadyTime,
    pub(crate) limit: usize,
    pub(crate) max_bytes: usize,
    /// Whether nobody holds a delivery.
    pub(crate) is_free: &'a dyn Fn(DeliveryId) -> bool,
}

/// The deliveries that were found.
#[derive(Default)]
pub(crate) struct Found {
    /// In the order in which they should run.
    pub(crate) deliveries: Vec<Delivery>,
    /// Whether the limits left some out.
    pub(crate) more: bool,
    /// When the next retry is due; not looked for where there is more.
    pub(crate) next: Option<SteadyTime>,
}

/// Deliveries that were to run alone and were given back before they ended.
const ALONE: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_running
    WHERE state = 'running' AND handler = ?1 AND ?2 IS NOT NULL ORDER BY seq";

/// Pending deliveries that were released: they became the head of their line after they had
/// arrived. Such a delivery is due at any time.
const RELEASED: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_released
    WHERE state = 'pending' AND due IS NOT NULL AND handler = ?1 AND ?2 IS NOT NULL
    ORDER BY due, seq";

/// Deliveries that are to be tried again.
const RETRYING: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_retrying
    WHERE state = 'retrying' AND handler = ?1 AND due <= ?2 ORDER BY due, seq";

/// New deliveries, without blocked ones.
const NEW: &str = "SELECT seq FROM deliveries INDEXED BY deliveries_pending
    WHERE state = 'pending' AND due IS NULL AND turn IS NOT 2 AND handler = ?1
      AND ?2 IS NOT NULL
    ORDER BY seq";

/// Deliveries of a handler that may run and that nobody holds: what is due, then what is new.
/// Where the limit cannot let both through, each gets half of it.
pub(crate) fn find(conn: &Connection, handler: i64, wanted: Wanted<'_>) -> Result<Found> {
    // The indexes alone are enough to skip a delivery, without reading its event.
    let due = first(conn, &[ALONE, RELEASED, RETRYING], handler, wanted)?;
    let new = first(conn, &[NEW], handler, wanted)?;
    let limit = wanted.limit;
    let many_due = due
        .len()
        .min((limit - limit / 2).max(limit.saturating_sub(new.len())));
    let many_new = new.len().min(limit - many_due);
    let mut found = Found {
        more: many_due < due.len() || many_new < new.len(),
        ..Found::default()
    };
    let seqs = due[..many_due].iter().chain(&new[..many_new]);
    fetch(conn, seqs, wanted, &mut found)?;
    if !found.more {
        found.next = next_retry(conn, handler, wanted)?;
    }
    Ok(found)
}

/// The first free deliveries of these lists, one more than the limit.
fn first(
    conn: &Connection,
    lists: &[&str],
    handler: i64,
    wanted: Wanted<'_>,
) -> Result<Vec<DeliveryId>> {
    let mut seqs = Vec::new();
    for sql in lists {
        let mut index = conn.prepare_cached(sql)?;
        let mut rows = index.query(params![handler, int(wanted.now)])?;
        while seqs.len() <= wanted.limit
            && let Some(row) = rows.next()?
        {
            let seq = DeliveryId(row.get(0)?);
            if (wanted.is_free)(seq) {
                seqs.push(seq);
            }
        }
    }
    Ok(seqs)
}

/// Reads the deliveries with their events, until there are bytes enough.
fn fetch<'a>(
    conn: &Connection,
    seqs: impl Iterator<Item = &'a DeliveryId>,
    wanted: Wanted<'_>,
    found: &mut Found,
) -> Result<()> {
    // A delivery may have changed since its index was read.
    let sql = format!(
        "SELECT {DELIVERY_COLUMNS} FROM deliveries d {DELIVERY_JOINS}
         WHERE d.seq = ?1 AND d.turn IS NOT 2 AND (d.state IN ('pending', 'running')
             OR d.state = 'retrying' AND d.due <= ?2)"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut bytes = 0;
    for seq in seqs {
        let delivery = statement
            .query_row(params![seq.0, int(wanted.now)], rows::delivery)
            .optional()?;
        let Some(delivery) = delivery else { continue };
        bytes += delivery.bytes();
        if bytes > wanted.max_bytes && !found.deliveries.is_empty() {
            found.more = true;
            break;
        }
        found.deliveries.push(delivery);
    }
    Ok(())
}

/// When the next retry is due that is not due yet and that nobody holds.
fn next_retry(conn: &Connection, handler: i64, wanted: Wanted<'_>) -> Result<Option<SteadyTime>> {
    let mut index = conn.prepare_cached(
        "SELECT seq, due FROM deliveries INDEXED BY deliveries_retrying
         WHERE state = 'retrying' AND handler = ?1 AND due > ?2 ORDER BY due, seq",
    )?;
    let mut rows = index.query(params![handler, int(wanted.now)])?;
    while let Some(row) = rows.next()? {
        if (wanted.is_free)(DeliveryId(row.get(0)?)) {
            return rows::steady(row, 1).map(Some);
        }
    }
    Ok(None)
}
