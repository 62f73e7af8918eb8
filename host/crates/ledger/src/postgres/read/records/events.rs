//! Events as operators see them.

use tokio_postgres::Row;

use super::resolutions;
use super::walk::{Next, Walk};
use super::{deliveries, requests};
use crate::engine::{EventColumns, EventFilter, Span, has_delivery, payload_of};
use crate::postgres::connection::{Connection, Params};
use crate::postgres::error::Fault;
use crate::postgres::read::schedule;
use crate::postgres::rows::{self, EVENT};
use crate::postgres::values::{
    event_id, get, maybe_text, maybe_wall, pairs, small, text, unsigned, uuid, wall,
};
use crate::{
    DeliveryBrief, DeliveryDetail, EventDetail, EventSummary, Listed, Payload, RecordFilter,
    RequestDetail, RequestId, ScheduledView,
};
use tollgate_base::event::{Event, EventId, HANDLER_SOURCE_PREFIX};
use tollgate_base::time::Ahead;

/// The most rows of events that one page looks at.
const SCAN: usize = 2_000;

/// The most attempts of each delivery in the details of an event.
const ATTEMPTS: usize = 20;

/// The most requests, and the most schedule entries, in the details of an event.
const PARTS: usize = 100;

const COLUMNS: &str = "e.seq, e.id, e.source, e.kind, e.received, e.provider_id, e.subject,
    e.account, e.created, e.depth, coalesce(u.arrivals, 0), coalesce(u.differing, 0), u.last,
    e.erased, e.deliveries";

const FROM: &str = "events e LEFT JOIN duplicates u ON u.event = e.seq";

/// A page of the events that match the filter.
pub(crate) async fn events(
    conn: &Connection,
    filter: &RecordFilter,
    span: Span,
) -> Result<Listed<EventSummary>, Fault> {
    let Some(read) = EventFilter::new(filter) else {
        return Ok(Listed::default());
    };
    let scan = match *filter == RecordFilter::default() {
        true => span.limit.min(SCAN) + 1,
        false => SCAN,
    };
    let select = format!("SELECT {COLUMNS} FROM {FROM} WHERE e.pruned IS NULL AND");
    let mut walk = Walk::read(conn, (&select, "e.seq"), span, scan).await?;
    let mut items = Vec::new();
    loop {
        let row = match walk.next(items.len())? {
            Next::Row(row) => row,
            Next::Full => return Ok(walk.page(items, true)),
            Next::End => return Ok(walk.page(items, false)),
        };
        let summary = summary(&row)?;
        if read.is_past(summary.received_ms, span.order) {
            return Ok(walk.page(items, false));
        }
        if !takes(&read, &summary) {
            continue;
        }
        let summary = EventSummary {
            deliveries: deliveries_of(conn, &get::<Vec<i64>>(&row, 14)?).await?,
            ..summary
        };
        let is_meant = has_delivery(filter, &summary.deliveries)
            && walk.takes_payload(conn, &read, get(&row, 0)?).await?;
        if is_meant {
            items.push(summary);
        }
    }
}

/// Whether an event matches, by its own columns.
fn takes(filter: &EventFilter<'_>, event: &EventSummary) -> bool {
    let source = filter.filter.source.as_ref();
    source.is_none_or(|source| source.as_str() == event.source)
        && filter.takes_event(&EventColumns {
            kind: &event.kind,
            provider_id: event.provider_id.as_deref(),
            subject: event.subject.as_deref(),
            account: event.account.as_deref(),
            received: event.received_ms,
        })
}

/// The ids of events from `first` to `last`, in order.
pub(crate) async fn ids_between(
    conn: &Connection,
    first: EventId,
    last: EventId,
    limit: usize,
) -> Result<Vec<EventId>, Fault> {
    let sql = "SELECT id FROM events WHERE id BETWEEN $1 AND $2 AND pruned IS NULL
               ORDER BY id LIMIT $3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let params: &Params<'_> = &[&uuid(first), &uuid(last), &limit];
    let rows = conn.query(sql, params).await?;
    rows.iter().map(|row| event_id(row, 0)).collect()
}

/// Everything about one event.
pub(crate) async fn event(
    conn: &Connection,
    id: EventId,
    ahead: Ahead,
) -> Result<Option<EventDetail>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE e.id = $1 AND e.pruned IS NULL");
    let Some(row) = conn.first(&sql, &[&uuid(id)]).await? else {
        return Ok(None);
    };
    let seq: i64 = get(&row, 0)?;
    let event = EventSummary {
        deliveries: deliveries_of(conn, &get::<Vec<i64>>(&row, 14)?).await?,
        ..summary(&row)?
    };
    let mut history = Vec::with_capacity(event.deliveries.len());
    for brief in &event.deliveries {
        history.extend(deliveries::detail(conn, brief.seq, ATTEMPTS, ahead).await?);
    }
    let scheduled = schedule::of_cause(conn, id, PARTS, ahead).await?;
    let (headers, metadata, payload) = match body(conn, seq).await? {
        Some((headers, metadata, payload)) => (headers, metadata, Some(payload)),
        None => (Vec::new(), Vec::new(), None),
    };
    let cause = metadata
        .iter()
        .find(|(name, _)| name == "cause" && event.source.starts_with(HANDLER_SOURCE_PREFIX))
        .map(|(_, cause)| cause.clone());
    Ok(Some(EventDetail {
        cause,
        headers,
        metadata,
        payload,
        resolving: resolutions::resolving(conn, seq, ahead).await?,
        resolved: resolutions::resolved(conn, seq).await?,
        requests: requests_of(conn, &history, ahead).await?,
        scheduled: scheduled.into_iter().map(ScheduledView::from).collect(),
        event,
        history,
    }))
}

/// The requests that these deliveries queued, in the order of their attempts.
async fn requests_of(
    conn: &Connection,
    history: &[DeliveryDetail],
    ahead: Ahead,
) -> Result<Vec<RequestDetail>, Fault> {
    let attempts = history.iter().flat_map(|delivery| &delivery.tried);
    let ids = attempts.flat_map(|attempt| &attempt.requests);
    let mut found = Vec::new();
    for one in ids.take(PARTS) {
        found.extend(requests::request(conn, RequestId(one.seq), ahead).await?);
    }
    Ok(found)
}

/// The event with this id as handlers get it; `None` if its payload is no longer whole.
pub(crate) async fn event_to_run(conn: &Connection, id: EventId) -> Result<Option<Event>, Fault> {
    let sql = format!(
        "SELECT {EVENT} FROM events e JOIN bodies b ON b.event = e.seq
         WHERE e.id = $1 AND e.erased IS NULL"
    );
    let row = conn.first(&sql, &[&uuid(id)]).await?;
    row.map(|row| rows::event(&row, 0)).transpose()
}

type Body = (Vec<(String, String)>, Vec<(String, String)>, Payload);

/// Headers, metadata and payload; `None` if they are no longer kept.
async fn body(conn: &Connection, event: i64) -> Result<Option<Body>, Fault> {
    let row = conn
        .first(
            "SELECT headers, metadata, payload FROM bodies WHERE event = $1",
            &[&event],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let payload: Vec<u8> = get(&row, 2)?;
    Ok(Some((
        pairs(&row, 0)?,
        pairs(&row, 1)?,
        payload_of(&payload),
    )))
}

/// An event without its deliveries.
fn summary(row: &Row) -> Result<EventSummary, Fault> {
    Ok(EventSummary {
        id: event_id(row, 1)?.to_string(),
        source: text(row, 2)?,
        kind: text(row, 3)?,
        received_ms: wall(row, 4)?,
        provider_id: maybe_text(row, 5)?,
        subject: maybe_text(row, 6)?,
        account: maybe_text(row, 7)?,
        created_ms: maybe_wall(row, 8)?,
        depth: small(row, 9)?,
        duplicates: unsigned(row, 10)?,
        duplicates_differing: unsigned(row, 11)?,
        last_duplicate_ms: maybe_wall(row, 12)?,
        erased_ms: maybe_wall(row, 13)?,
        deliveries: Vec::new(),
    })
}

/// Deliveries in short, in the order of these ids.
async fn deliveries_of(conn: &Connection, ids: &[i64]) -> Result<Vec<DeliveryBrief>, Fault> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = conn
        .query(
            "SELECT d.id, d.handler, d.state, coalesce(d.turn = 2, false) AND NOT EXISTS
                 (SELECT 1 FROM resolutions r WHERE r.event = d.event) FROM deliveries d
             WHERE d.id = ANY ($1) ORDER BY array_position($1, d.id)",
            &[&ids],
        )
        .await?;
    let brief = |row| {
        Ok(DeliveryBrief {
            seq: get(row, 0)?,
            handler: text(row, 1)?,
            state: text(row, 2)?,
            blocked: get(row, 3)?,
        })
    };
    rows.iter().map(brief).collect()
}
