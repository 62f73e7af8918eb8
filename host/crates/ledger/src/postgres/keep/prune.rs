//! Removing events that have been kept long enough.
//!
//! An event goes whole: body, deliveries, attempts, requests. Its key is left, so that a late
//! duplicate is still known. A key that is kept for good is a row of `dedup` alone. A key that is
//! kept for a time needs the event's row, which says when that time is over.

use uuid::Uuid;

use super::history::{EventRow, History, oldest_kept};
use super::judge::{is_prunable, may_forget};
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::operations::forget_resolution;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{component, get, int};
use crate::{KeyRetention, Retention};

/// Prunes those of these events that ended long enough ago; returns their numbers.
pub(super) async fn prune(
    tx: &mut Tx,
    retention: &Retention,
    seqs: &[i64],
) -> Result<Vec<i64>, Fault> {
    let events = EventRow::find(tx.conn(), seqs).await?;
    let all: Vec<&EventRow> = events.iter().collect();
    let mut histories = History::of(tx.conn(), &all).await?;
    let ages = tx.now.ages;
    let mut gone = Vec::new();
    for event in &events {
        let history = histories.remove(&event.seq);
        let ready = |history: &History| is_prunable(retention, event, history, ages);
        if let Some(history) = history.filter(ready) {
            gone.push((event, history));
        }
    }
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    remove_requests(tx, &gone).await?;
    remove_deliveries(tx, &gone).await?;
    for (event, history) in &gone {
        forget_resolution(tx, event.seq).await?;
        tx.count(Counter::Events, -1);
        tx.count(Counter::Pruned, 1);
        tx.count(Counter::Unrouted, -i64::from(history.deliveries.is_empty()));
    }
    let pruned: Vec<i64> = gone.iter().map(|(event, _)| event.seq).collect();
    tx.execute("DELETE FROM bodies WHERE event = ANY ($1)", &[&pruned])
        .await?;
    let events: Vec<&EventRow> = gone.iter().map(|(event, _)| *event).collect();
    leave_keys(tx, retention, &events).await?;
    Ok(pruned)
}

async fn remove_requests(tx: &mut Tx, gone: &[(&EventRow, History)]) -> Result<(), Fault> {
    let mut ids = Vec::new();
    for (id, state) in gone.iter().flat_map(|(_, history)| &history.requests) {
        ids.push(*id);
        tx.count(Counter::Outbox(*state), -1);
    }
    if ids.is_empty() {
        return Ok(());
    }
    for sql in [
        // No id is given again.
        "UPDATE gateways g SET last_request = greatest(last_request, gone.last) FROM (
             SELECT id >> 40 AS slot, max(id) AS last FROM unnest($1::bigint[]) AS i (id)
             GROUP BY 1) AS gone WHERE g.slot = gone.slot",
        "DELETE FROM outbox_tries WHERE request = ANY ($1)",
        "DELETE FROM outbox_bodies WHERE request = ANY ($1)",
        "DELETE FROM outbox WHERE id = ANY ($1)",
    ] {
        tx.execute(sql, &[&ids]).await?;
    }
    Ok(())
}

async fn remove_deliveries(tx: &mut Tx, gone: &[(&EventRow, History)]) -> Result<(), Fault> {
    let mut ids = Vec::new();
    for (id, state) in gone.iter().flat_map(|(_, history)| &history.deliveries) {
        ids.push(*id);
        tx.count(Counter::Deliveries(*state), -1);
    }
    if ids.is_empty() {
        return Ok(());
    }
    let uses = tx
        .query(
            "SELECT component, count(*) FROM attempts
             WHERE delivery = ANY ($1) AND component IS NOT NULL GROUP BY component",
            &[&ids],
        )
        .await?;
    for row in &uses {
        if let Some(of) = component(row, 0)? {
            tx.count_uses(of, -get::<i64>(row, 1)?);
        }
    }
    for sql in [
        "UPDATE gateways g SET last_delivery = greatest(last_delivery, gone.last) FROM (
             SELECT id >> 40 AS slot, max(id) AS last FROM unnest($1::bigint[]) AS i (id)
             GROUP BY 1) AS gone WHERE g.slot = gone.slot",
        "DELETE FROM attempts WHERE delivery = ANY ($1)",
        "DELETE FROM exchanges WHERE delivery = ANY ($1)",
        "DELETE FROM interventions WHERE delivery = ANY ($1)",
        "DELETE FROM history WHERE id = ANY ($1)",
    ] {
        tx.execute(sql, &[&ids]).await?;
    }
    Ok(())
}

/// Leaves only the rows of pruned events that their keys still need.
async fn leave_keys(tx: &mut Tx, retention: &Retention, events: &[&EventRow]) -> Result<(), Fault> {
    let oldest = oldest_kept(tx.conn()).await?;
    let ages = tx.now.ages;
    let (mut rows_go, mut keys_go, mut rows_stay) = (Vec::new(), Vec::new(), Vec::new());
    for event in events {
        match retention.keys(&event.source) {
            KeyRetention::Forever => rows_go.push(event.seq),
            _ if may_forget(retention, event, ages, oldest) => keys_go.push(*event),
            _ => rows_stay.push(event.seq),
        }
    }
    tx.execute("DELETE FROM dedup_also WHERE event = ANY ($1)", &[&rows_go])
        .await?;
    remove_rows(tx, &rows_go).await?;
    remove_keys(tx, &keys_go).await?;
    tx.execute(
        "UPDATE events SET pruned = $2, subject = NULL, account = NULL, deliveries = '{}'
         WHERE seq = ANY ($1)",
        &[&rows_stay, &int(tx.now.wall)],
    )
    .await?;
    Ok(())
}

async fn remove_rows(tx: &Tx, seqs: &[i64]) -> Result<(), Fault> {
    for sql in [
        "DELETE FROM duplicates WHERE event = ANY ($1)",
        "DELETE FROM events WHERE seq = ANY ($1)",
    ] {
        tx.execute(sql, &[&seqs]).await?;
    }
    Ok(())
}

/// Removes the keys of pruned events, the last that is left of them.
async fn remove_keys(tx: &Tx, events: &[&EventRow]) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    let keys: Vec<Uuid> = events.iter().map(|event| event.dedup).collect();
    tx.execute(
        "DELETE FROM dedup d USING (
             SELECT * FROM unnest($1::uuid[], $2::bigint[])
             UNION ALL SELECT key, event FROM dedup_also WHERE event = ANY ($2)) AS g (key, event)
         WHERE d.key = g.key AND d.event = g.event",
        &[&keys, &seqs],
    )
    .await?;
    tx.execute("DELETE FROM dedup_also WHERE event = ANY ($1)", &[&seqs])
        .await?;
    remove_rows(tx, &seqs).await
}

/// Removes the keys of those of these pruned events whose time is over; returns their numbers.
pub(super) async fn forget(
    tx: &mut Tx,
    retention: &Retention,
    seqs: &[i64],
) -> Result<Vec<i64>, Fault> {
    let events = EventRow::find(tx.conn(), seqs).await?;
    let oldest = oldest_kept(tx.conn()).await?;
    let ages = tx.now.ages;
    let over =
        |event: &&EventRow| event.pruned.is_some() && may_forget(retention, event, ages, oldest);
    let gone: Vec<&EventRow> = events.iter().filter(over).collect();
    remove_keys(tx, &gone).await?;
    Ok(gone.iter().map(|event| event.seq).collect())
}
