//! Removing events that have been kept long enough.
//!
//! An event goes whole: body, deliveries, attempts, requests. Its key is left, so that a late
//! duplicate is still known. A key that is kept for good is a row of `dedup` alone. A key that is
//! kept for a time needs the event's row, which says when that time is over.

use rusqlite::{Result, params};

use super::history::{EventRow, History};
use super::judge::{is_forgettable, is_prunable, oldest_kept};
use crate::sqlite::counters::Counter;
use crate::sqlite::operations::forget_resolution;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{KeyRetention, OutboxState, Retention};

/// Prunes an event that ended long enough ago; returns how many rows that took.
pub(crate) fn prune(
    tx: &mut Transaction<'_>,
    retention: &Retention,
    event: &EventRow,
) -> Result<u64> {
    let Some(history) = History::of(tx.conn(), event)? else {
        return Ok(0);
    };
    if !is_prunable(retention, event, &history, tx.now().ages) {
        return Ok(0);
    }
    tx.remember_numbers();
    let mut rows = remove_requests(tx, &history)?;
    for delivery in &history.deliveries {
        count_attempts_gone(tx, delivery.seq)?;
        rows += remove(tx, "attempts", "delivery", delivery.seq)?;
        rows += remove(tx, "exchanges", "delivery", delivery.seq)?;
        rows += remove(tx, "interventions", "delivery", delivery.seq)?;
        rows += remove(tx, "deliveries", "seq", delivery.seq)?;
        tx.count(Counter::Deliveries(delivery.state), -1);
    }
    rows += remove(tx, "later_deliveries", "event", event.seq)?;
    rows += remove(tx, "bodies", "event", event.seq)?;
    rows += forget_resolution(tx, event.seq)?;
    tx.count(Counter::Events, -1);
    tx.count(Counter::Pruned, 1);
    if history.deliveries.is_empty() {
        tx.count(Counter::Unrouted, -1);
    }
    Ok(rows + leave_key(tx, retention, event)?)
}

/// Counts that the delivery's attempts, which go, no longer name the components that they ran.
fn count_attempts_gone(tx: &mut Transaction<'_>, delivery: i64) -> Result<()> {
    let uses: Vec<(i64, i64)> = tx
        .prepare(
            "SELECT component, count(*) FROM attempts
             WHERE delivery = ?1 AND component IS NOT NULL GROUP BY component",
        )?
        .query_map([delivery], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    for (component, attempts) in uses {
        tx.count_component_uses(component, -attempts);
    }
    Ok(())
}

fn remove_requests(tx: &mut Transaction<'_>, history: &History) -> Result<u64> {
    let mut rows = 0;
    for request in &history.requests {
        rows += remove(tx, "outbox_tries", "request", request.seq)?;
        rows += remove(tx, "outbox_bodies", "request", request.seq)?;
        rows += remove(tx, "outbox", "seq", request.seq)?;
        tx.count(Counter::Outbox(request.state), -1);
        debug_assert!(request.state != OutboxState::Waiting);
    }
    Ok(rows)
}

fn remove(tx: &Transaction<'_>, table: &str, column: &str, number: i64) -> Result<u64> {
    let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
    let removed = tx.execute(&sql, [number])?;
    Ok(removed as u64)
}

/// Leaves only the rows of a pruned event that its key still needs; returns how many rows that
/// took.
fn leave_key(tx: &mut Transaction<'_>, retention: &Retention, event: &EventRow) -> Result<u64> {
    match retention.keys(&event.source) {
        KeyRetention::Forever => {
            tx.keep_key(&event.dedup, event.seq)?;
            remove(tx, "dedup_also", "event", event.seq)?;
            remove(tx, "events", "seq", event.seq)
        }
        _ if may_forget(tx, retention, event)? => remove_key(tx, event),
        _ => {
            let changed = tx.execute(
                "UPDATE events SET pruned = ?2, subject = NULL, account = NULL,
                     first_delivery = NULL, deliveries = 0
                 WHERE seq = ?1",
                params![event.seq, int(tx.now().wall)],
            )?;
            Ok(changed as u64)
        }
    }
}

/// Removes the key of a pruned event whose time is over; returns whether it did.
pub(crate) fn forget(
    tx: &mut Transaction<'_>,
    retention: &Retention,
    event: &EventRow,
) -> Result<bool> {
    if event.pruned.is_none() || !may_forget(tx, retention, event)? {
        return Ok(false);
    }
    tx.remember_numbers();
    remove_key(tx, event)?;
    Ok(true)
}

fn remove_key(tx: &mut Transaction<'_>, event: &EventRow) -> Result<u64> {
    let removed = tx.remove_key(event.dedup, event.seq)?;
    tx.execute(
        "DELETE FROM dedup WHERE event = ?1
         AND key IN (SELECT key FROM dedup_also WHERE event = ?1)",
        [event.seq],
    )?;
    remove(tx, "dedup_also", "event", event.seq)?;
    Ok(removed + remove(tx, "events", "seq", event.seq)?)
}

/// Whether nothing needs the key of an event any more that has no body.
fn may_forget(tx: &Transaction<'_>, retention: &Retention, event: &EventRow) -> Result<bool> {
    match retention.keys(&event.source) {
        KeyRetention::Forever => Ok(false),
        KeyRetention::For(period) => Ok(is_forgettable(event, period, tx.now().ages)),
        KeyRetention::WhileEmittable => {
            Ok(oldest_kept(tx.conn())?.is_none_or(|oldest| oldest > event.seq))
        }
    }
}
