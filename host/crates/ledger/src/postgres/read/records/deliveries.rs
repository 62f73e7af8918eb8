//! Deliveries as operators see them.

use tokio_postgres::Row;

use super::walk::{Next, Walk};
use super::{attempts, resolutions};
use crate::engine::{EventColumns, EventFilter, Span};
use crate::postgres::connection::Connection;
use crate::postgres::error::Fault;
use crate::postgres::values::{event_id, get, maybe_text, maybe_wall, small, text, wall};
use crate::{
    Blocker, DeliveryDetail, DeliveryId, DeliveryState, DeliverySummary, InterventionView, Listed,
    RecordFilter, StateFilter,
};
use tollgate_base::time::Ahead;

/// The most rows of deliveries that one page looks at.
const SCAN: usize = 2_000;

/// The most attempts in the details of a delivery.
const ATTEMPTS: usize = 100;

/// What a filter compares, from a table of deliveries `d` and `events e`.
const NARROW: &str = "SELECT d.place, d.id, d.event, d.handler, d.state,
    coalesce(d.turn = 2, false) AND NOT EXISTS
        (SELECT 1 FROM resolutions r WHERE r.event = d.event), e.source, e.kind, e.provider_id, e.subject, e.account, e.received
    FROM deliveries d JOIN events e ON e.seq = d.event WHERE";

/// A page of the deliveries that match the filter.
pub(crate) async fn deliveries(
    conn: &Connection,
    filter: &RecordFilter,
    span: Span,
    ahead: Ahead,
) -> Result<Listed<DeliverySummary>, Fault> {
    let Some(read) = EventFilter::new(filter) else {
        return Ok(Listed::default());
    };
    let select = match filter.state {
        Some(StateFilter::Unrouted) => return Ok(Listed::default()),
        Some(StateFilter::Delivery(DeliveryState::Dead)) => {
            format!("{NARROW} d.state = 'dead' AND")
        }
        _ => NARROW.to_owned(),
    };
    let scan = match *filter == RecordFilter::default() {
        true => span.limit.min(SCAN) + 1,
        false => SCAN,
    };
    let mut walk = Walk::read(conn, (&select, "d.place"), span, scan).await?;
    let mut items = Vec::new();
    loop {
        let row = match walk.next(items.len())? {
            Next::Row(row) => row,
            Next::Full => return Ok(walk.page(items, true)),
            Next::End => return Ok(walk.page(items, false)),
        };
        if read.is_past(wall(&row, 11)?, span.order) {
            return Ok(walk.page(items, false));
        }
        if takes(&read, &row)? && walk.takes_payload(conn, &read, get(&row, 2)?).await? {
            items.extend(summary(conn, get(&row, 1)?, ahead).await?);
        }
    }
}

/// Whether a row of [`NARROW`] matches.
fn takes(read: &EventFilter<'_>, row: &Row) -> Result<bool, Fault> {
    let filter = read.filter;
    let (handler, state, source) = (text(row, 3)?, text(row, 4)?, text(row, 6)?);
    let in_state = match filter.state {
        None => true,
        Some(StateFilter::Blocked) => get(row, 5)?,
        Some(wanted) => state == wanted.name(),
    };
    let is_of = filter
        .handler
        .as_ref()
        .is_none_or(|wanted| wanted.as_str() == handler)
        && filter
            .source
            .as_ref()
            .is_none_or(|wanted| wanted.as_str() == source);
    let (kind, provider_id) = (text(row, 7)?, maybe_text(row, 8)?);
    let (subject, account) = (maybe_text(row, 9)?, maybe_text(row, 10)?);
    let event = EventColumns {
        kind: &kind,
        provider_id: provider_id.as_deref(),
        subject: subject.as_deref(),
        account: account.as_deref(),
        received: wall(row, 11)?,
    };
    Ok(in_state && is_of && read.takes_event(&event))
}

/// One delivery with its event and the end of its last attempt.
async fn summary(
    conn: &Connection,
    id: i64,
    ahead: Ahead,
) -> Result<Option<DeliverySummary>, Fault> {
    let row = conn
        .first(
            "SELECT d.id, e.id, e.source, e.kind, e.received, d.handler, d.state, d.attempts,
                 d.run, d.crashes, d.due - $2, d.finished, d.keys, e.erased, d.turn, d.event
             FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.id = $1",
            &[&id, &ahead.as_millis()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut summary = read(&row)?;
    if get::<Option<i64>>(&row, 14)? == Some(2) {
        summary.blocked_by = blocker(conn, id).await?;
        summary.waits_for = resolutions::resolving(conn, get(&row, 15)?, ahead).await?;
    }
    if let Some((outcome, detail)) = attempts::last(conn, id).await? {
        summary.last_outcome = Some(outcome);
        summary.last_detail = detail;
    }
    Ok(Some(summary))
}

/// The head of the line in which this delivery is blocked.
async fn blocker(conn: &Connection, id: i64) -> Result<Option<Blocker>, Fault> {
    let row = conn
        .first(
            "SELECT first.id, first.state FROM queue d
             JOIN queue first ON first.order_key = d.order_key AND first.turn = 1
             WHERE d.id = $1",
            &[&id],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Blocker {
        seq: get(&row, 0)?,
        state: text(&row, 1)?,
    }))
}

fn read(row: &Row) -> Result<DeliverySummary, Fault> {
    Ok(DeliverySummary {
        seq: get(row, 0)?,
        event: event_id(row, 1)?.to_string(),
        source: text(row, 2)?,
        kind: text(row, 3)?,
        received_ms: wall(row, 4)?,
        erased_ms: maybe_wall(row, 13)?,
        handler: text(row, 5)?,
        state: text(row, 6)?,
        attempts: small(row, 7)?,
        run: small(row, 8)?,
        keys: small(row, 12)?,
        crashes: small(row, 9)?,
        blocked_by: None,
        waits_for: None,
        due_ms: maybe_wall(row, 10)?,
        finished_ms: maybe_wall(row, 11)?,
        last_outcome: None,
        last_detail: None,
    })
}

/// Everything about one delivery.
pub(crate) async fn delivery(
    conn: &Connection,
    id: DeliveryId,
    ahead: Ahead,
) -> Result<Option<DeliveryDetail>, Fault> {
    detail(conn, id.0, ATTEMPTS, ahead).await
}

/// Everything about one delivery, with its last attempts.
pub(super) async fn detail(
    conn: &Connection,
    id: i64,
    attempts: usize,
    ahead: Ahead,
) -> Result<Option<DeliveryDetail>, Fault> {
    let Some(delivery) = summary(conn, id, ahead).await? else {
        return Ok(None);
    };
    Ok(Some(DeliveryDetail {
        delivery,
        interventions: interventions(conn, id).await?,
        tried: attempts::of(conn, id, attempts).await?,
    }))
}

/// The last interventions of operators on a delivery, in order.
async fn interventions(conn: &Connection, id: i64) -> Result<Vec<InterventionView>, Fault> {
    let rows = conn
        .query(
            "SELECT at, action, run, who, why, request, scheduled FROM interventions
             WHERE delivery = $1 ORDER BY number DESC LIMIT 100",
            &[&id],
        )
        .await?;
    let view = |row| {
        Ok(InterventionView {
            at_ms: wall(row, 0)?,
            action: text(row, 1)?,
            run: small(row, 2)?,
            who: text(row, 3)?,
            why: maybe_text(row, 4)?,
            request: get(row, 5)?,
            scheduled: maybe_text(row, 6)?,
        })
    };
    rows.iter().rev().map(view).collect()
}
