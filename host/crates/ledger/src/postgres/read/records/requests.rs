//! Requests of the outbox as operators see them.

use tokio_postgres::Row;

use super::walk::{Next, Walk};
use crate::engine::Span;
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{
    event_id, get, int, maybe_text, maybe_wall, small, status, text, wall,
};
use crate::{
    Listed, OutboxState, RequestDetail, RequestFilter, RequestId, RequestSummary, RequestView,
    TryView, without_query,
};
use tollgate_base::time::Ahead;

/// The most rows of requests that one page looks at.
const SCAN: usize = 2_000;

/// The most tries in the details of a request: the last ones.
const TRIES: usize = 100;

/// The columns that [`view`] reads, from `outbox o`, after the place.
const VIEW: &str = "o.place, o.id, o.state, o.tries, o.status, o.error, o.method, o.url, o.key,
    o.order_key, o.queued";

/// The further columns that [`summary`] reads.
const SUMMARY: &str = "o.handler, e.id, o.delivery, o.due, o.finished, o.was";

/// A page of the requests that match the filter.
pub(crate) async fn requests(
    conn: &Connection,
    filter: &RequestFilter,
    span: Span,
    ahead: Ahead,
) -> Result<Listed<RequestSummary>, Fault> {
    let state = filter
        .state
        .map_or_else(String::new, |state| format!("o.state = '{state}' AND"));
    let select = format!(
        "SELECT {VIEW}, {SUMMARY} FROM outbox o JOIN events e ON e.seq = o.event WHERE {state}"
    );
    let mut walk = Walk::read(conn, (&select, "o.place"), span, SCAN).await?;
    let mut items = Vec::new();
    loop {
        let row = match walk.next(items.len())? {
            Next::Row(row) => row,
            Next::Full => return Ok(walk.page(items, true)),
            Next::End => return Ok(walk.page(items, false)),
        };
        if filter.matches(&text(&row, 11)?, &text(&row, 7)?, wall(&row, 10)?) {
            items.push(summary(&row, ahead)?);
        }
    }
}

/// Everything about the request of this id.
pub(crate) async fn request(
    conn: &Connection,
    id: RequestId,
    ahead: Ahead,
) -> Result<Option<RequestDetail>, Fault> {
    let sql = format!(
        "SELECT {VIEW}, {SUMMARY} FROM outbox o JOIN events e ON e.seq = o.event WHERE o.id = $1"
    );
    let Some(row) = conn.first(&sql, &[&id.0]).await? else {
        return Ok(None);
    };
    let rows = conn
        .query(
            "SELECT number, ended, status, error FROM outbox_tries WHERE request = $1
             ORDER BY number DESC LIMIT $2",
            &[&id.0, &int(TRIES)],
        )
        .await?;
    let tried = |row| {
        Ok::<_, Fault>(TryView {
            number: small(row, 0)?,
            ended_ms: wall(row, 1)?,
            status: status(row, 2)?,
            error: maybe_text(row, 3)?,
        })
    };
    Ok(Some(RequestDetail {
        request: summary(&row, ahead)?,
        first_id: get(&row, 16)?,
        tried: rows.iter().rev().map(tried).collect::<Result<_, _>>()?,
    }))
}

fn summary(row: &Row, ahead: Ahead) -> Result<RequestSummary, Fault> {
    let request = view(row)?;
    let waits = request.state == OutboxState::Waiting.name();
    let due = crate::postgres::values::steady(row, 14)?;
    Ok(RequestSummary {
        handler: text(row, 11)?,
        event: event_id(row, 12)?.to_string(),
        delivery: get(row, 13)?,
        due_ms: waits.then(|| ahead.wall(due)),
        finished_ms: maybe_wall(row, 15)?,
        request,
    })
}

/// The requests that an attempt queued, in the order of its calls, whatever their ids are now.
pub(super) async fn of_attempt(conn: &Connection, ids: &[i64]) -> Result<Vec<RequestView>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {VIEW} FROM outbox o WHERE o.id = ANY ($1) AND o.was IS NULL OR o.was = ANY ($1)
         ORDER BY array_position($1, coalesce(o.was, o.id))"
    );
    let rows = conn.query(&sql, &[&ids]).await?;
    rows.iter().map(view).collect()
}

fn view(row: &Row) -> Result<RequestView, Fault> {
    Ok(RequestView {
        seq: get(row, 1)?,
        state: text(row, 2)?,
        tries: small(row, 3)?,
        status: status(row, 4)?,
        error: maybe_text(row, 5)?,
        method: text(row, 6)?,
        url: without_query(&text(row, 7)?),
        idempotency_key: text(row, 8)?,
        order_key: maybe_text(row, 9)?,
        queued_ms: wall(row, 10)?,
    })
}
