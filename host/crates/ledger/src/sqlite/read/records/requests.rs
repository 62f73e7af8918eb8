//! Requests of the outbox as operators see them.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::scan::Scan;
use super::search::Search;
use super::walk::walk;
use crate::engine::Span;
use crate::sqlite::kept_time::AHEAD;
use crate::sqlite::rows::{maybe_wall, wall};
use crate::{
    Listed, OutboxState, RequestDetail, RequestFilter, RequestId, RequestSummary, RequestView,
    TryView, without_query,
};
use tollgate_base::event::EventId;

/// The most rows of requests that one page looks at; the rows are narrow, but for their URLs.
const SCAN: usize = 2_000;

/// The most tries in the details of a request: the last ones.
const TRIES: usize = 100;

/// The columns that [`view`] reads, from `outbox o`.
const VIEW: &str = "o.seq, o.state, o.tries, o.status, o.error, o.method, o.url, o.key,
    o.order_key, o.queued";

/// A page of the requests that match the filter.
pub(crate) fn requests(
    conn: &Connection,
    filter: &RequestFilter,
    span: Span,
) -> Result<Listed<RequestSummary>> {
    // SQLite uses a partial index only if the state stands in the statement's text.
    let from = match filter.state {
        Some(state @ (OutboxState::Waiting | OutboxState::Dead)) => {
            format!("outbox o INDEXED BY outbox_{state}")
        }
        _ => "outbox o".to_owned(),
    };
    let state = filter
        .state
        .map_or_else(String::new, |state| format!("o.state = '{state}' AND"));
    let select = format!(
        "SELECT {VIEW}, h.name, e.id, o.delivery, o.due - {AHEAD}, o.finished
         FROM {from} CROSS JOIN handlers h ON h.id = o.handler
         CROSS JOIN events e ON e.seq = o.event WHERE {state}"
    );
    walk(
        conn,
        (&select, "o.seq"),
        (span, &Search::default()),
        &Scan::rows(SCAN),
        |row| {
            let is_meant = filter.matches(
                row.get_ref(10)?.as_str()?,
                row.get_ref(6)?.as_str()?,
                wall(row, 9)?,
            );
            Ok(ControlFlow::Continue(
                is_meant.then(|| summary(row)).transpose()?,
            ))
        },
    )
}

/// Everything about the request of this number.
pub(crate) fn request(conn: &Connection, seq: RequestId) -> Result<Option<RequestDetail>> {
    let sql = format!(
        "SELECT {VIEW}, h.name, e.id, o.delivery, o.due - {AHEAD}, o.finished, o.was
         FROM outbox o CROSS JOIN handlers h ON h.id = o.handler
         CROSS JOIN events e ON e.seq = o.event WHERE o.seq = ?1"
    );
    let found = conn
        .prepare_cached(&sql)?
        .query_row([seq.0], |row| Ok((summary(row)?, row.get(15)?)))
        .optional()?;
    let Some((request, first_id)) = found else {
        return Ok(None);
    };
    let mut tried: Vec<TryView> = conn
        .prepare_cached(
            "SELECT number, ended, status, error FROM outbox_tries WHERE request = ?1
             ORDER BY number DESC LIMIT ?2",
        )?
        .query_map(params![seq.0, TRIES as i64], |row| {
            Ok(TryView {
                number: row.get(0)?,
                ended_ms: wall(row, 1)?,
                status: row.get(2)?,
                error: row.get(3)?,
            })
        })?
        .collect::<Result<_>>()?;
    tried.reverse();
    Ok(Some(RequestDetail {
        request,
        first_id,
        tried,
    }))
}

fn summary(row: &Row<'_>) -> Result<RequestSummary> {
    let request = view(row)?;
    let waits = request.state == OutboxState::Waiting.name();
    Ok(RequestSummary {
        handler: row.get(10)?,
        event: EventId::from_bytes(row.get(11)?).to_string(),
        delivery: row.get(12)?,
        due_ms: maybe_wall(row, 13)?.filter(|_| waits),
        finished_ms: maybe_wall(row, 14)?,
        request,
    })
}

/// The requests that an attempt queued, in the order of its calls, whatever their numbers are
/// now.
pub(crate) fn of_attempt(
    conn: &Connection,
    first: Option<i64>,
    many: Option<i64>,
) -> Result<Vec<RequestView>> {
    let sql = of_range(VIEW, "outbox o");
    conn.prepare_cached(&sql)?
        .query_map(params![first, many], view)?
        .collect()
}

/// The statement that selects the `?2` requests which were queued from number `?1` on, in that
/// order.
pub(crate) fn of_range(columns: &str, from: &str) -> String {
    format!(
        "SELECT {columns}, coalesce(o.was, o.seq) AS place FROM {from}
         WHERE o.seq >= ?1 AND o.seq < ?1 + ?2
         UNION ALL
         SELECT {columns}, o.was FROM {from} WHERE o.was >= ?1 AND o.was < ?1 + ?2
         ORDER BY place"
    )
}

fn view(row: &Row<'_>) -> Result<RequestView> {
    Ok(RequestView {
        seq: row.get(0)?,
        state: row.get(1)?,
        tries: row.get(2)?,
        status: row.get(3)?,
        error: row.get(4)?,
        method: row.get(5)?,
        url: without_query(row.get_ref(6)?.as_str()?),
        idempotency_key: row.get(7)?,
        order_key: row.get(8)?,
        queued_ms: wall(row, 9)?,
    })
}
