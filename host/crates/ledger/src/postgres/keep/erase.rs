//! Erasing payloads: the event's body, the bodies of its requests, and the logs of its attempts.
//! Keys, times, states and outcomes stay.
//!
//! PostgreSQL leaves the old versions of rows in its files until a vacuum, and in its log and
//! backups for as long as these are kept: the ledger cannot overwrite them.

use super::history::{EventRow, History};
use super::judge::is_erasable;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::operations::forget_resolution;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{get, int, uuid};
use crate::{Erased, Erasure, Retention};
use tollgate_base::event::EventId;

/// Erases an event now, if it has ended, with the payloads of events that its handling scheduled.
pub(crate) struct Erase {
    pub(crate) event: EventId,
}

impl Operation for Erase {
    type Answer = Erased;

    async fn apply(&self, tx: &mut Tx) -> Result<Erased, Fault> {
        let id = uuid(self.event);
        let row = tx
            .first(
                "SELECT seq FROM events WHERE id = $1 AND pruned IS NULL",
                &[&id],
            )
            .await?;
        let Some(row) = row else {
            return Ok(Erased::Unknown);
        };
        let events = EventRow::find(tx.conn(), &[get(&row, 0)?]).await?;
        let Some(event) = events.first() else {
            return Ok(Erased::Unknown);
        };
        let mut histories = History::of(tx.conn(), &[event]).await?;
        let Some(history) = histories.remove(&event.seq) else {
            return Ok(Erased::StillDue);
        };
        erase(tx, event, &history, &Erasure::everything()).await?;
        // The entry stays scheduled, since the handler may depend on its time.
        tx.execute("UPDATE schedule SET payload = '' WHERE cause = $1", &[&id])
            .await?;
        Ok(Erased::Done)
    }
}

/// Erases those of these events that retention says are to be erased; returns their numbers.
pub(super) async fn when_due(
    tx: &mut Tx,
    retention: &Retention,
    seqs: &[i64],
) -> Result<Vec<i64>, Fault> {
    let events = EventRow::find(tx.conn(), seqs).await?;
    let all: Vec<&EventRow> = events.iter().collect();
    let histories = History::of(tx.conn(), &all).await?;
    let mut erased = Vec::new();
    for event in &events {
        let (Some(erasure), Some(history)) =
            (retention.erasure(&event.source), histories.get(&event.seq))
        else {
            continue;
        };
        if is_erasable(erasure, event, history, tx.now.ages) {
            erase(tx, event, history, erasure).await?;
            erased.push(event.seq);
        }
    }
    Ok(erased)
}

/// Erases an event that has ended.
async fn erase(
    tx: &mut Tx,
    event: &EventRow,
    history: &History,
    erasure: &Erasure,
) -> Result<(), Fault> {
    erase_body(tx, event, erasure).await?;
    // Whole, also where pointers leave a part of the payload: they are pointers into the event.
    forget_resolution(tx, event.seq).await?;
    let requests: Vec<i64> = history.requests.iter().map(|(id, _)| *id).collect();
    let deliveries: Vec<i64> = history.deliveries.iter().map(|(id, _)| *id).collect();
    for (sql, ids) in [
        (
            "UPDATE outbox_bodies SET headers = '[]', body = '' WHERE request = ANY ($1)",
            &requests,
        ),
        // The query of the URL may name a person.
        (
            "UPDATE outbox SET url = split_part(url, '?', 1), order_key = NULL
             WHERE id = ANY ($1)",
            &requests,
        ),
        // Whole, also where pointers leave a part of the payload: a replay is refused anyway.
        (
            "UPDATE exchanges SET digest = NULL, headers = '[]', body = ''
             WHERE delivery = ANY ($1) AND status IS NOT NULL",
            &deliveries,
        ),
    ] {
        tx.execute(sql, &[ids]).await?;
    }
    if erasure.logs {
        tx.execute(
            "UPDATE attempts SET logs = NULL, detail = NULL
             WHERE delivery = ANY ($1) AND (logs IS NOT NULL OR detail IS NOT NULL)",
            &[&deliveries],
        )
        .await?;
    }
    tx.execute(
        "UPDATE events SET erased = $2 WHERE seq = $1",
        &[&event.seq, &int(tx.now.wall)],
    )
    .await?;
    tx.count(Counter::Erased, i64::from(event.erased.is_none()));
    Ok(())
}

/// Erases or redacts the event's own body.
async fn erase_body(tx: &Tx, event: &EventRow, erasure: &Erasure) -> Result<(), Fault> {
    let mut redacted = None;
    if !erasure.pointers.is_empty() {
        let row = tx
            .first("SELECT payload FROM bodies WHERE event = $1", &[&event.seq])
            .await?;
        let payload: Option<Vec<u8>> = row.map(|row| get(&row, 0)).transpose()?;
        redacted = payload.and_then(|payload| erasure.redact(&payload));
    }
    match redacted {
        Some(payload) => {
            tx.execute(
                "UPDATE bodies SET payload = $2 WHERE event = $1",
                &[&event.seq, &payload],
            )
            .await?
        }
        None => {
            tx.execute(
                "UPDATE bodies SET headers = '[]', metadata = '[]', payload = '' WHERE event = $1",
                &[&event.seq],
            )
            .await?
        }
    };
    Ok(())
}
