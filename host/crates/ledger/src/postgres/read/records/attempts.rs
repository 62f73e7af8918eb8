//! Attempts as operators see them, with the requests and events that they made.

use tokio_postgres::Row;

use super::requests;
use crate::engine::log_lines;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::exchanges;
use crate::postgres::values::{
    component, event_id, get, int, maybe_text, small, text, unsigned, wall,
};
use crate::{AttemptView, EmittedView, ExchangeView};

/// The outcome and the detail of a delivery's last attempt.
pub(super) async fn last(
    conn: &Connection,
    delivery: i64,
) -> Result<Option<(String, Option<String>)>, Fault> {
    let row = conn
        .first(
            "SELECT outcome, detail FROM attempts WHERE delivery = $1
             ORDER BY run DESC, number DESC LIMIT 1",
            &[&delivery],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((text(&row, 0)?, maybe_text(&row, 1)?)))
}

/// A delivery's last attempts, in order.
pub(super) async fn of(
    conn: &Connection,
    delivery: i64,
    limit: usize,
) -> Result<Vec<AttemptView>, Fault> {
    let rows = conn
        .query(
            "SELECT run, number, started, duration_us, outcome, detail, component, logs, requests,
                 emitted
             FROM attempts WHERE delivery = $1 ORDER BY run DESC, number DESC LIMIT $2",
            &[&delivery, &int(limit)],
        )
        .await?;
    let mut attempts = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        attempts.push(read(conn, delivery, row).await?);
    }
    Ok(attempts)
}

async fn read(conn: &Connection, delivery: i64, row: &Row) -> Result<AttemptView, Fault> {
    let (run, number) = (small(row, 0)?, small(row, 1)?);
    let logs = maybe_text(row, 7)?;
    let immediate = exchanges::of_attempt(conn, delivery, run, number).await?;
    Ok(AttemptView {
        run,
        number,
        started_ms: wall(row, 2)?,
        duration_us: unsigned(row, 3)?,
        outcome: text(row, 4)?,
        detail: maybe_text(row, 5)?,
        component: component(row, 6)?.map(|digest| digest.to_string()),
        logs: log_lines(logs.as_deref().unwrap_or_default()),
        requests: requests::of_attempt(conn, &get::<Vec<i64>>(row, 8)?).await?,
        emitted: emitted(conn, &get::<Vec<i64>>(row, 9)?).await?,
        immediate: immediate.into_iter().map(ExchangeView::from).collect(),
    })
}

async fn emitted(conn: &Connection, events: &[i64]) -> Result<Vec<EmittedView>, Fault> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let rows = conn
        .query(
            "SELECT id, kind FROM events WHERE seq = ANY ($1) ORDER BY seq",
            &[&events],
        )
        .await?;
    let view = |row| {
        Ok(EmittedView {
            id: event_id(row, 0)?.to_string(),
            kind: text(row, 1)?,
        })
    };
    rows.iter().map(view).collect()
}
