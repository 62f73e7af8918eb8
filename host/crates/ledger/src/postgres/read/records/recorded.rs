//! The input and the effects of a delivery's last attempt, to compare another run with.

use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::exchanges;
use crate::postgres::rows::{self, DELIVERY, DELIVERY_JOINS, REQUEST, REQUEST_FROM};
use crate::postgres::values::{component, get, maybe_text, small, text};
use crate::{DeliveryId, NewRequest, RecordedEmission, RecordedEnd, RecordedRun};

/// The last attempt of a delivery. `None` if there is none, or if the event's payload is no longer
/// whole.
pub(crate) async fn recorded(
    conn: &Connection,
    id: DeliveryId,
) -> Result<Option<RecordedRun>, Fault> {
    let sql = format!(
        "SELECT {DELIVERY} FROM deliveries d {DELIVERY_JOINS} WHERE d.id = $1 AND e.erased IS NULL"
    );
    let delivery = conn.first(&sql, &[&id.0]).await?;
    let tried = conn
        .first(
            "SELECT run, number, outcome, detail, component, requests, emitted FROM attempts
             WHERE delivery = $1 ORDER BY run DESC, number DESC LIMIT 1",
            &[&id.0],
        )
        .await?;
    let (Some(delivery), Some(tried)) = (delivery, tried) else {
        return Ok(None);
    };
    let (run, number) = (small(&tried, 0)?, small(&tried, 1)?);
    let did = RecordedEnd {
        outcome: text(&tried, 2)?,
        detail: maybe_text(&tried, 3)?.unwrap_or_default(),
        component: component(&tried, 4)?,
        requests: queued(conn, &get::<Vec<i64>>(&tried, 5)?).await?,
        emitted: emitted(conn, &get::<Vec<i64>>(&tried, 6)?).await?,
        exchanges: exchanges::of_attempt(conn, id.0, run, number).await?,
    };
    // The delivery as that attempt got it.
    let (mut delivery, _) = rows::delivery(&delivery)?;
    delivery.run = run;
    delivery.attempts = number.saturating_sub(1);
    Ok(Some(RecordedRun { delivery, did }))
}

async fn queued(conn: &Connection, ids: &[i64]) -> Result<Vec<NewRequest>, Fault> {
    let sql = format!(
        "SELECT {REQUEST} FROM {REQUEST_FROM}
         WHERE o.id = ANY ($1) AND o.was IS NULL OR o.was = ANY ($1)
         ORDER BY array_position($1, coalesce(o.was, o.id))"
    );
    let rows = conn.query(&sql, &[&ids]).await?;
    let request = |row| Ok(rows::request(row)?.request.as_ref().clone());
    rows.iter().map(request).collect()
}

async fn emitted(conn: &Connection, events: &[i64]) -> Result<Vec<RecordedEmission>, Fault> {
    let rows = conn
        .query(
            "SELECT e.kind, e.subject, b.payload FROM events e JOIN bodies b ON b.event = e.seq
             WHERE e.seq = ANY ($1) ORDER BY e.seq",
            &[&events],
        )
        .await?;
    let emission = |row| {
        Ok(RecordedEmission {
            kind: text(row, 0)?,
            subject: maybe_text(row, 1)?,
            payload: get(row, 2)?,
        })
    };
    rows.iter().map(emission).collect()
}
