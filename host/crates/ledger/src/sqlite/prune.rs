//! Removing what has been kept long enough.
//!
//! An event goes whole: body, deliveries, attempts, requests. What is left is its key, so that
//! a late duplicate is still known: for good as a row of `dedup` alone, or for a time with the
//! event's row, which says when that is over. Every step is bounded by rows, so that those who
//! wait for the same commit hardly notice.

use std::time::{Duration, Instant};

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int};
use super::erase;
use super::history::{EventRow, History};
use super::op::{SweepDone, SweepWork, Sweeping};
use super::order;
use super::tally::Counter;
use crate::{Keys, OutboxState, Retention};
use tollgate_base::time::{Ages, WallTime};

/// Does one bounded piece of work, as far as it still stands.
pub(super) fn step(batch: &mut Batch<'_>, sweeping: &Sweeping) -> Result<SweepDone> {
    let began = Instant::now();
    let (retention, rows) = (&*sweeping.retention, sweeping.rows);
    let done = match &sweeping.work {
        SweepWork::Prune(events) => each(batch, events, rows, |batch, event| {
            prune(batch, retention, event)
        }),
        SweepWork::Erase(events) => each(batch, events, rows, |batch, event| {
            erase::when_due(batch, retention, event)
        }),
        SweepWork::Forget(events) => each(batch, events, rows, |batch, event| {
            Ok(u64::from(forget(batch, retention, event)?))
        }),
        SweepWork::ForgetNewest(events) => forget_newest(batch, events, rows),
        SweepWork::GiveBack(pages) => give_back(batch, *pages),
    };
    Ok(SweepDone {
        took: began.elapsed(),
        ..done?
    })
}

/// Goes over the events until enough rows were changed.
fn each(
    batch: &mut Batch<'_>,
    events: &[i64],
    rows: u64,
    mut change: impl FnMut(&mut Batch<'_>, &EventRow) -> Result<u64>,
) -> Result<SweepDone> {
    let mut done = SweepDone::default();
    for seq in events {
        if done.rows >= rows {
            break;
        }
        done.seen += 1;
        if let Some(event) = EventRow::find(batch.conn, *seq)? {
            let changed = change(batch, &event)?;
            done.rows += changed;
            if changed > 0 {
                done.changed += 1;
            } else {
                done.refused.push(*seq);
            }
        }
    }
    Ok(done)
}

/// Prunes an event that ended long enough ago; returns how many rows that took.
fn prune(batch: &mut Batch<'_>, retention: &Retention, event: &EventRow) -> Result<u64> {
    let Some(history) = History::of(batch.conn, event)? else {
        return Ok(0);
    };
    if !is_prunable(retention, event, &history, batch.at.ages) {
        return Ok(0);
    }
    batch.remember_numbers();
    let mut rows = remove_requests(batch, &history)?;
    for delivery in &history.deliveries {
        forget_components(batch, delivery.seq)?;
        rows += remove(batch, "attempts", "delivery", delivery.seq)?;
        rows += remove(batch, "interventions", "delivery", delivery.seq)?;
        rows += remove(batch, "deliveries", "seq", delivery.seq)?;
        batch.tally.add(Counter::Deliveries(delivery.state), -1);
    }
    rows += remove(batch, "later_deliveries", "event", event.seq)?;
    rows += remove(batch, "bodies", "event", event.seq)?;
    batch.tally.add(Counter::Events, -1);
    batch.tally.add(Counter::Pruned, 1);
    if history.deliveries.is_empty() {
        batch.tally.add(Counter::Unrouted, -1);
    }
    Ok(rows + leave_key(batch, retention, event)?)
}

/// Counts that a delivery's attempts no longer name the components that they ran.
fn forget_components(batch: &mut Batch<'_>, delivery: i64) -> Result<()> {
    let named: Vec<(i64, i64)> = batch
        .conn
        .prepare_cached(
            "SELECT component, count(*) FROM attempts
             WHERE delivery = ?1 AND component IS NOT NULL GROUP BY component",
        )?
        .query_map([delivery], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    for (component, attempts) in named {
        batch.named(component, -attempts);
    }
    Ok(())
}

/// Whether an event may be pruned.
pub(super) fn is_prunable(
    retention: &Retention,
    event: &EventRow,
    history: &History,
    ages: Ages,
) -> bool {
    let Some(keep) = retention.events else {
        return false;
    };
    event.pruned.is_none() && ages.is_past(history.ended(), keep)
}

fn remove_requests(batch: &mut Batch<'_>, history: &History) -> Result<u64> {
    let mut rows = 0;
    for request in &history.requests {
        rows += remove(batch, "outbox_tries", "request", request.seq)?;
        rows += remove(batch, "outbox_bodies", "request", request.seq)?;
        rows += remove(batch, "outbox", "seq", request.seq)?;
        batch.tally.add(Counter::Outbox(request.state), -1);
        debug_assert!(request.state != OutboxState::Waiting);
    }
    Ok(rows)
}

fn remove(batch: &Batch<'_>, table: &str, column: &str, number: i64) -> Result<u64> {
    let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
    let removed = batch.conn.prepare_cached(&sql)?.execute([number])?;
    Ok(removed as u64)
}

/// Leaves of a pruned event what its key still needs.
fn leave_key(batch: &mut Batch<'_>, retention: &Retention, event: &EventRow) -> Result<u64> {
    match retention.keys(&event.source) {
        Keys::Forever => {
            batch.keys.settle(batch.conn, &event.dedup, event.seq)?;
            remove(batch, "dedup_also", "event", event.seq)?;
            remove(batch, "events", "seq", event.seq)
        }
        _ if may_forget(batch, retention, event)? => remove_key(batch, event),
        _ => {
            let changed = batch
                .conn
                .prepare_cached(
                    "UPDATE events SET pruned = ?2, subject = NULL, account = NULL,
                         first_delivery = NULL, deliveries = 0
                     WHERE seq = ?1",
                )?
                .execute(params![event.seq, int(batch.at.wall)])?;
            Ok(changed as u64)
        }
    }
}

/// Removes the key of a pruned event when it has had its time.
fn forget(batch: &mut Batch<'_>, retention: &Retention, event: &EventRow) -> Result<bool> {
    if event.pruned.is_none() || !may_forget(batch, retention, event)? {
        return Ok(false);
    }
    batch.remember_numbers();
    remove_key(batch, event)?;
    Ok(true)
}

fn remove_key(batch: &mut Batch<'_>, event: &EventRow) -> Result<u64> {
    let removed = batch.keys.remove(batch.conn, event.dedup, event.seq)?;
    batch
        .conn
        .prepare_cached(
            "DELETE FROM dedup WHERE event = ?1
                 AND key IN (SELECT key FROM dedup_also WHERE event = ?1)",
        )?
        .execute([event.seq])?;
    remove(batch, "dedup_also", "event", event.seq)?;
    Ok(removed + remove(batch, "events", "seq", event.seq)?)
}

/// Forgets the newest facts of keys, where these events were the last of them.
fn forget_newest(batch: &Batch<'_>, events: &[i64], rows: u64) -> Result<SweepDone> {
    let mut done = SweepDone::default();
    let oldest = oldest(batch.conn)?;
    for seq in events {
        if done.rows >= rows {
            break;
        }
        done.seen += 1;
        if oldest.is_none_or(|oldest| *seq < oldest) {
            done.rows += order::forget(batch, *seq)?;
        }
    }
    done.changed = done.rows;
    Ok(done)
}

/// Whether nothing needs the key of an event that has no body any more.
fn may_forget(batch: &Batch<'_>, retention: &Retention, event: &EventRow) -> Result<bool> {
    match retention.keys(&event.source) {
        Keys::Forever => Ok(false),
        Keys::For(period) => Ok(is_forgettable(event, period, batch.at.ages)),
        Keys::WhileEmittable => Ok(oldest(batch.conn)?.is_none_or(|oldest| oldest > event.seq)),
    }
}

/// Whether the last arrival of an event lies `period` or more back.
pub(super) fn is_forgettable(event: &EventRow, period: Duration, ages: Ages) -> bool {
    let last = event
        .received
        .max(event.last_duplicate.unwrap_or(WallTime::EPOCH));
    ages.is_past(last, period)
}

/// The first event that is not pruned.
pub(super) fn oldest(conn: &rusqlite::Connection) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT event FROM bodies ORDER BY event LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()
}

/// Gives free pages back to the file system: others move into them from the file's end, which
/// the next checkpoint cuts off.
fn give_back(batch: &Batch<'_>, pages: u32) -> Result<SweepDone> {
    let before = free_pages(batch.conn)?;
    // Each step of this statement moves one page.
    let mut statement = batch
        .conn
        .prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    drop(steps);
    let given = before.saturating_sub(free_pages(batch.conn)?);
    Ok(SweepDone {
        seen: 0,
        changed: given.unsigned_abs(),
        ..SweepDone::default()
    })
}

pub(super) fn free_pages(conn: &rusqlite::Connection) -> Result<i64> {
    conn.prepare_cached("PRAGMA freelist_count")?
        .query_row([], |row| row.get(0))
}
