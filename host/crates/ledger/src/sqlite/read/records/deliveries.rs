//! Deliveries as operators see them.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::due::deliveries_in;
use super::filter::Numbered;
use super::scan::Scan;
use super::search::Search;
use super::walk::walk;
use super::{attempts, resolutions};
use crate::engine::{EventColumns, Span};
use crate::sqlite::kept_time::AHEAD;
use crate::sqlite::rows::{maybe_wall, wall};
use crate::{
    Blocker, DeliveryDetail, DeliveryId, DeliverySummary, InterventionView, Listed, RecordFilter,
    RecordList, ResolvingView, StateFilter,
};
use tollgate_base::event::EventId;

/// The most rows of deliveries that one page looks at; the rows are narrow.
const SCAN: usize = 8_000;

/// The most attempts in the details of a delivery.
const ATTEMPTS: usize = 100;

/// Whether the delivery of the row `d` stands behind another of its order key, and does not wait
/// for the object of its event, for which `turn` is 2 as well.
pub(super) const IS_BEHIND: &str =
    "(d.turn IS 2 AND NOT EXISTS (SELECT 1 FROM resolutions r WHERE r.event = d.event))";

/// A page of the deliveries that match the filter.
pub(crate) fn deliveries(
    conn: &Connection,
    filter: &RecordFilter,
    span: Span,
) -> Result<Listed<DeliverySummary>> {
    let Some(numbered) = Numbered::new(conn, filter)? else {
        return Ok(Listed::default());
    };
    if filter.state == Some(StateFilter::Unrouted) {
        return Ok(Listed::default());
    }
    let scan = Scan::rows(SCAN);
    let due = deliveries_in(conn, filter.state)?;
    let due = due.map(|due| due.into_iter().map(|(delivery, _)| delivery).collect());
    let search = Search::of(RecordList::Deliveries, &numbered).among(due);
    let narrow = format!(
        "SELECT d.seq, d.event, d.handler, d.state, {IS_BEHIND},
             e.source, e.kind, e.provider_id, e.subject, e.account, e.received
         FROM deliveries d CROSS JOIN events e ON e.seq = d.event WHERE"
    );
    walk(conn, (&narrow, "d.seq"), (span, &search), &scan, |row| {
        let handler: i64 = row.get(2)?;
        let in_state = match filter.state {
            None => true,
            Some(StateFilter::Blocked) => row.get(4)?,
            Some(state) => row.get_ref(3)?.as_str() == Ok(state.name()),
        };
        if !in_state || numbered.handler.is_some_and(|wanted| wanted != handler) {
            return Ok(ControlFlow::Continue(None));
        }
        let source = row.get(5)?;
        let event = EventColumns {
            kind: row.get_ref(6)?.as_str()?,
            provider_id: row.get_ref(7)?.as_str_or_null()?,
            subject: row.get_ref(8)?.as_str_or_null()?,
            account: row.get_ref(9)?.as_str_or_null()?,
            received: wall(row, 10)?,
        };
        // A later delivery of an old event is among those of new events. So no event, however old
        // or new, is a reason to end.
        let is_meant = numbered.takes_source(source) && numbered.filter.takes_event(&event);
        if !is_meant || !numbered.takes_payload(conn, row.get(1)?, &scan)? {
            return Ok(ControlFlow::Continue(None));
        }
        Ok(ControlFlow::Continue(summary(conn, row.get(0)?)?))
    })
}

/// One delivery with its event and the end of its last attempt.
fn summary(conn: &Connection, seq: i64) -> Result<Option<DeliverySummary>> {
    let found = conn
        .prepare_cached(&format!(
            "SELECT d.seq, e.id, s.name, e.kind, e.received, h.name, d.state, d.attempts, d.run,
                 d.crashes, d.due - {AHEAD}, d.finished, d.keys, e.erased
             FROM deliveries d CROSS JOIN events e ON e.seq = d.event
             CROSS JOIN sources s ON s.id = e.source CROSS JOIN handlers h ON h.id = d.handler
             WHERE d.seq = ?1"
        ))?
        .query_row([seq], read)
        .optional()?;
    let Some(mut summary) = found else {
        return Ok(None);
    };
    summary.blocked_by = blocker(conn, seq)?;
    summary.waits_for = waits_for(conn, seq)?;
    if let Some((outcome, detail)) = attempts::last(conn, seq)? {
        summary.last_outcome = Some(outcome);
        summary.last_detail = detail;
    }
    Ok(Some(summary))
}

/// The head of the line in which this delivery is blocked; `None` if it is not blocked.
fn blocker(conn: &Connection, seq: i64) -> Result<Option<Blocker>> {
    conn.prepare_cached(
        "SELECT first.seq, first.state FROM deliveries d
         CROSS JOIN deliveries first INDEXED BY deliveries_ordered
             ON first.order_key = d.order_key AND first.turn = 1
         WHERE d.seq = ?1 AND d.turn = 2",
    )?
    .query_row([seq], |row| {
        Ok(Blocker {
            seq: row.get(0)?,
            state: row.get(1)?,
        })
    })
    .optional()
}

/// The question that a blocked delivery waits for; `None` if it does not wait for its object.
fn waits_for(conn: &Connection, seq: i64) -> Result<Option<ResolvingView>> {
    let event: Option<i64> = conn
        .prepare_cached("SELECT event FROM deliveries WHERE seq = ?1 AND turn = 2")?
        .query_row([seq], |row| row.get(0))
        .optional()?;
    event.map_or(Ok(None), |event| resolutions::resolving(conn, event))
}

fn read(row: &Row<'_>) -> Result<DeliverySummary> {
    Ok(DeliverySummary {
        seq: row.get(0)?,
        event: EventId::from_bytes(row.get(1)?).to_string(),
        source: row.get(2)?,
        kind: row.get(3)?,
        received_ms: wall(row, 4)?,
        erased_ms: maybe_wall(row, 13)?,
        handler: row.get(5)?,
        state: row.get(6)?,
        attempts: row.get(7)?,
        run: row.get(8)?,
        keys: row.get(12)?,
        crashes: row.get(9)?,
        blocked_by: None,
        waits_for: None,
        due_ms: maybe_wall(row, 10)?,
        finished_ms: maybe_wall(row, 11)?,
        last_outcome: None,
        last_detail: None,
    })
}

/// Everything about one delivery.
pub(crate) fn delivery(conn: &Connection, seq: DeliveryId) -> Result<Option<DeliveryDetail>> {
    detail(conn, seq.0, ATTEMPTS)
}

/// Everything about one delivery, with its last attempts.
pub(crate) fn detail(
    conn: &Connection,
    seq: i64,
    attempts: usize,
) -> Result<Option<DeliveryDetail>> {
    let Some(delivery) = summary(conn, seq)? else {
        return Ok(None);
    };
    Ok(Some(DeliveryDetail {
        delivery,
        interventions: interventions(conn, seq)?,
        tried: attempts::of(conn, seq, attempts)?,
    }))
}

/// The last interventions of operators on a delivery, in order.
fn interventions(conn: &Connection, seq: i64) -> Result<Vec<InterventionView>> {
    let mut found: Vec<_> = conn
        .prepare_cached(
            "SELECT at, action, run, who, why, request, scheduled FROM interventions
             WHERE delivery = ?1
             ORDER BY number DESC LIMIT ?2",
        )?
        .query_map([seq, ATTEMPTS as i64], |row| {
            Ok(InterventionView {
                at_ms: wall(row, 0)?,
                action: row.get(1)?,
                run: row.get(2)?,
                who: row.get(3)?,
                why: row.get(4)?,
                request: row.get(5)?,
                scheduled: row.get(6)?,
            })
        })?
        .collect::<Result<_>>()?;
    found.reverse();
    Ok(found)
}
