//! Events as operators see them.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::deliveries::IS_BEHIND;
use super::due::deliveries_in;
use super::filter::Numbered;
use super::requests;
use super::resolutions::{self, payload};
use super::scan::Scan;
use super::search::Search;
use super::walk::walk;
use crate::engine::{EventColumns, Span, has_delivery};
use crate::sqlite::read::schedule;
use crate::sqlite::rows::{self, EVENT_COLUMNS, maybe_wall, wall};
use crate::{
    DeliveryBrief, DeliveryDetail, EventDetail, EventSummary, Listed, Payload, RecordFilter,
    RecordList, RequestDetail, RequestId, ScheduledView,
};
use tollgate_base::event::{Event, EventId, HANDLER_SOURCE_PREFIX};

/// The most rows of events that one page looks at.
const SCAN: usize = 8_000;

/// How many more rows it costs to look at the deliveries of an event.
const DELIVERIES_COST: usize = 7;

/// The most attempts of each delivery in the details of an event.
const ATTEMPTS: usize = 20;

/// The most requests, and the most schedule entries, in the details of an event.
const PARTS: usize = 100;

const COLUMNS: &str = "e.seq, e.id, e.source, e.kind, e.received, s.name, e.provider_id, e.subject,
    e.account, e.created, e.depth, e.duplicates, e.duplicates_differing, e.last_duplicate,
    e.first_delivery, e.deliveries, e.erased";

/// A page of the events that match the filter.
pub(crate) fn events(
    conn: &Connection,
    filter: &RecordFilter,
    span: Span,
) -> Result<Listed<EventSummary>> {
    let Some(numbered) = Numbered::new(conn, filter)? else {
        return Ok(Listed::default());
    };
    let select = format!(
        "SELECT {COLUMNS} FROM events e CROSS JOIN sources s ON s.id = e.source
         WHERE e.pruned IS NULL AND"
    );
    let scan = Scan::rows(SCAN);
    let due = deliveries_in(conn, filter.state)?;
    let due = due.map(|due| due.into_iter().map(|(_, event)| event).collect());
    let search = Search::of(RecordList::Events, &numbered).among(due);
    walk(conn, (&select, "e.seq"), (span, &search), &scan, |row| {
        let received = wall(row, 4)?;
        if numbered.filter.is_past(received, span.order) {
            return Ok(ControlFlow::Break(()));
        }
        let source = row.get(2)?;
        let event = EventColumns {
            kind: row.get_ref(3)?.as_str()?,
            provider_id: row.get_ref(6)?.as_str_or_null()?,
            subject: row.get_ref(7)?.as_str_or_null()?,
            account: row.get_ref(8)?.as_str_or_null()?,
            received,
        };
        if !numbered.takes_source(source) || !numbered.filter.takes_event(&event) {
            return Ok(ControlFlow::Continue(None));
        }
        let number = row.get(0)?;
        let by_delivery = filter.state.is_some() || filter.handler.is_some();
        if by_delivery {
            scan.cost(DELIVERIES_COST);
            if !has_delivery(
                filter,
                &deliveries_of(conn, number, row.get(14)?, row.get(15)?)?,
            ) {
                return Ok(ControlFlow::Continue(None));
            }
        }
        let is_meant = numbered.takes_payload(conn, number, &scan)?;
        let found = is_meant.then(|| summary(conn, row)).transpose()?;
        Ok(ControlFlow::Continue(found))
    })
}

/// The ids of events from `first` to `last`, in order.
pub(crate) fn ids_between(
    conn: &Connection,
    first: EventId,
    last: EventId,
    limit: usize,
) -> Result<Vec<EventId>> {
    let sql = "SELECT id FROM events WHERE id BETWEEN ?1 AND ?2 AND pruned IS NULL
               ORDER BY id LIMIT ?3";
    let mut statement = conn.prepare_cached(sql)?;
    let range = params![first.as_bytes(), last.as_bytes(), limit as i64];
    let ids = statement.query_map(range, |row| rows::event_id(row, 0))?;
    ids.collect()
}

/// Everything about one event.
pub(crate) fn event(conn: &Connection, id: EventId) -> Result<Option<EventDetail>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events e CROSS JOIN sources s ON s.id = e.source
         WHERE e.id = ?1 AND e.pruned IS NULL"
    );
    let found = conn
        .prepare_cached(&sql)?
        .query_row([id.as_bytes()], |row| {
            Ok((row.get(0)?, summary(conn, row)?))
        })
        .optional()?;
    let Some((seq, event)) = found else {
        return Ok(None);
    };
    let body = body(conn, seq)?;
    let history = event
        .deliveries
        .iter()
        .map(|brief| super::deliveries::detail(conn, brief.seq, ATTEMPTS));
    let history: Vec<_> = history.collect::<Result<_>>()?;
    let history: Vec<_> = history.into_iter().flatten().collect();
    let scheduled = schedule::of_cause(conn, id, PARTS)?;
    let (headers, metadata, payload) = match body {
        Some((headers, metadata, payload)) => (headers, metadata, Some(payload)),
        None => (Vec::new(), Vec::new(), None),
    };
    let cause = metadata
        .iter()
        .find(|(name, _)| name == "cause" && event.source.starts_with(HANDLER_SOURCE_PREFIX))
        .map(|(_, cause)| cause.clone());
    Ok(Some(EventDetail {
        event,
        cause,
        headers,
        metadata,
        payload,
        resolving: resolutions::resolving(conn, seq)?,
        resolved: resolutions::resolved(conn, seq)?,
        requests: requests_of(conn, &history)?,
        scheduled: scheduled.into_iter().map(ScheduledView::from).collect(),
        history,
    }))
}

/// The requests that these deliveries queued, in the order of their attempts.
fn requests_of(conn: &Connection, history: &[DeliveryDetail]) -> Result<Vec<RequestDetail>> {
    let attempts = history.iter().flat_map(|delivery| &delivery.tried);
    let seqs = attempts.flat_map(|attempt| &attempt.requests);
    let found = seqs
        .take(PARTS)
        .map(|one| requests::request(conn, RequestId(one.seq)));
    let found: Vec<_> = found.collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The event with this id as handlers get it; `None` if its payload is no longer whole.
pub(crate) fn event_to_run(conn: &Connection, id: EventId) -> Result<Option<Event>> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM events e CROSS JOIN bodies b ON b.event = e.seq
         CROSS JOIN sources s ON s.id = e.source WHERE e.id = ?1 AND e.erased IS NULL"
    );
    conn.prepare_cached(&sql)?
        .query_row([id.as_bytes()], |row| rows::event(row, 0))
        .optional()
}

type Body = (Vec<(String, String)>, Vec<(String, String)>, Payload);

/// Headers, metadata and payload; `None` if they are no longer kept.
fn body(conn: &Connection, event: i64) -> Result<Option<Body>> {
    conn.prepare_cached("SELECT headers, metadata, payload FROM bodies WHERE event = ?1")?
        .query_row([event], |row| {
            let pairs = rows::pairs;
            Ok((pairs(row, 0)?, pairs(row, 1)?, payload(row, 2)?))
        })
        .optional()
}

fn summary(conn: &Connection, row: &Row<'_>) -> Result<EventSummary> {
    Ok(EventSummary {
        id: EventId::from_bytes(row.get(1)?).to_string(),
        source: row.get(5)?,
        kind: row.get(3)?,
        provider_id: row.get(6)?,
        subject: row.get(7)?,
        account: row.get(8)?,
        created_ms: maybe_wall(row, 9)?,
        received_ms: wall(row, 4)?,
        depth: row.get(10)?,
        duplicates: row.get::<_, i64>(11)?.unsigned_abs(),
        duplicates_differing: row.get::<_, i64>(12)?.unsigned_abs(),
        last_duplicate_ms: maybe_wall(row, 13)?,
        erased_ms: maybe_wall(row, 16)?,
        deliveries: deliveries_of(conn, row.get(0)?, row.get(14)?, row.get(15)?)?,
    })
}

/// The deliveries of an event: first the ones that were recorded with the event, then later
/// ones.
pub(crate) fn deliveries_of(
    conn: &Connection,
    event: i64,
    first: Option<i64>,
    many: i64,
) -> Result<Vec<DeliveryBrief>> {
    let brief = |row: &Row<'_>| {
        Ok(DeliveryBrief {
            seq: row.get(0)?,
            handler: row.get(1)?,
            state: row.get(2)?,
            blocked: row.get(3)?,
        })
    };
    let mut found = Vec::new();
    if let Some(first) = first {
        let mut recorded = conn.prepare_cached(&format!(
            "SELECT d.seq, h.name, d.state, {IS_BEHIND} FROM deliveries d
             CROSS JOIN handlers h ON h.id = d.handler
             WHERE d.seq >= ?1 AND d.seq < ?1 + ?2 ORDER BY d.seq"
        ))?;
        for delivery in recorded.query_map([first, many], brief)? {
            found.push(delivery?);
        }
    }
    let mut later = conn.prepare_cached(&format!(
        "SELECT d.seq, h.name, d.state, {IS_BEHIND} FROM later_deliveries l
         CROSS JOIN deliveries d ON d.seq = l.delivery
         CROSS JOIN handlers h ON h.id = d.handler
         WHERE l.event = ?1 ORDER BY l.delivery"
    ))?;
    for delivery in later.query_map([event], brief)? {
        found.push(delivery?);
    }
    Ok(found)
}
