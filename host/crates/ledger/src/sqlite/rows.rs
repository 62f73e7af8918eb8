//! From rows to values. The way back is [`super::values`].

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, types::Type};
use serde::de::DeserializeOwned;

use crate::{
    Delivery, DeliveryId, DeliveryState, NewRequest, OrderKey, OutboxRequest, OutboxState,
    RequestHost, RequestId, Requeued, Resolved, Respond, Told,
};
use tollgate_base::event::{ComponentDigest, Event, EventId, HandlerName, SourceName};
use tollgate_base::time::{SteadyTime, WallTime};

/// The columns that [`delivery`] reads, from `deliveries d` and [`DELIVERY_JOINS`].
pub(crate) const DELIVERY_COLUMNS: &str = "d.seq, h.name, d.attempts, d.run, d.crashes,
    e.id, s.name, e.provider_id, e.kind, e.subject, e.account, e.created, e.received,
    b.headers, b.metadata, e.depth, b.payload, coalesce(d.since, e.received), d.excused, d.keys,
    c.digest, d.order_key, x.at, x.object_state, x.object, x.event_state, x.full_event, d.answers";

/// The joins that [`DELIVERY_COLUMNS`] needs, in the order in which SQLite is to look them up.
pub(crate) const DELIVERY_JOINS: &str = "CROSS JOIN events e ON e.seq = d.event
    CROSS JOIN bodies b ON b.event = d.event
    CROSS JOIN sources s ON s.id = e.source CROSS JOIN handlers h ON h.id = d.handler
    LEFT JOIN components c ON c.id = d.component
    LEFT JOIN resolved x ON x.event = d.event";

/// A delivery with its event.
pub(crate) fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        id: DeliveryId(row.get(0)?),
        handler: HandlerName::new(row.get_ref(1)?.as_str()?),
        attempts: row.get(2)?,
        run: row.get(3)?,
        keys: row.get(19)?,
        component: row.get::<_, Option<[u8; 32]>>(20)?.map(ComponentDigest),
        crashes: row.get(4)?,
        since: wall(row, 17)?,
        uncounted: row.get(18)?,
        answers: row.get(27)?,
        key: row.get::<_, Option<[u8; 16]>>(21)?.map(OrderKey),
        event: Arc::new(event(row, 5)?),
        resolved: resolved(row, 22)?.map(Arc::new),
    })
}

/// What was told about an event: five columns of `resolved`, from column `first`.
fn resolved(row: &Row<'_>, first: usize) -> Result<Option<Resolved>> {
    let Some(at) = maybe_wall(row, first)? else {
        return Ok(None);
    };
    Ok(Some(Resolved {
        at,
        object: told(row, first + 1)?,
        event: told(row, first + 3)?,
    }))
}

fn told(row: &Row<'_>, first: usize) -> Result<Option<Told>> {
    Ok(match row.get(first)? {
        None => None,
        Some(false) => Some(Told::Gone),
        Some(true) => Some(Told::Found(row.get::<_, Vec<u8>>(first + 1)?.into())),
    })
}

/// What was told about the event of this number.
pub(crate) fn resolved_of(conn: &Connection, event: i64) -> Result<Option<Arc<Resolved>>> {
    conn.prepare_cached(
        "SELECT at, object_state, object, event_state, full_event FROM resolved WHERE event = ?1",
    )?
    .query_row([event], |row| resolved(row, 0))
    .optional()
    .map(|found| found.flatten().map(Arc::new))
}

/// The columns that [`event`] reads, next to each other, from `events e` with its source and
/// body.
pub(crate) const EVENT_COLUMNS: &str = "e.id, s.name, e.provider_id, e.kind, e.subject,
    e.account, e.created, e.received, b.headers, b.metadata, e.depth, b.payload";

/// An event. Its columns begin with column `first`.
pub(crate) fn event(row: &Row<'_>, first: usize) -> Result<Event> {
    Ok(Event {
        id: event_id(row, first)?,
        source: SourceName::new(row.get_ref(first + 1)?.as_str()?),
        provider_id: row.get(first + 2)?,
        kind: row.get(first + 3)?,
        subject: row.get(first + 4)?,
        account: row.get(first + 5)?,
        created: maybe_wall(row, first + 6)?,
        received: wall(row, first + 7)?,
        headers: pairs(row, first + 8)?,
        metadata: pairs(row, first + 9)?,
        depth: row.get(first + 10)?,
        payload: Bytes::from(row.get::<_, Vec<u8>>(first + 11)?),
    })
}

/// The columns that [`outbox_request`] reads, from `outbox o` and [`OUTBOX_JOINS`].
pub(crate) const OUTBOX_COLUMNS: &str = "o.seq, h.name, e.id, o.tries, o.queued, o.due,
    o.key, o.method, o.url, o.order_key, b.headers, b.body, o.state, o.status, o.error,
    o.respond, e.account, e.depth, o.requeued, o.tries_before, o.since, t.name";

/// The joins that [`OUTBOX_COLUMNS`] needs.
pub(crate) const OUTBOX_JOINS: &str = "CROSS JOIN outbox_bodies b ON b.request = o.seq
    CROSS JOIN events e ON e.seq = o.event CROSS JOIN handlers h ON h.id = o.handler
    CROSS JOIN hosts t ON t.id = o.host";

/// A request of the outbox.
pub(crate) fn outbox_request(row: &Row<'_>) -> Result<OutboxRequest> {
    Ok(OutboxRequest {
        id: RequestId(row.get(0)?),
        handler: HandlerName::new(row.get_ref(1)?.as_str()?),
        event: event_id(row, 2)?,
        tries: row.get(3)?,
        queued: wall(row, 4)?,
        due: steady(row, 5)?,
        host: RequestHost::from(row.get::<_, String>(21)?),
        requeued: Requeued {
            times: row.get(18)?,
            tries_before: row.get(19)?,
            since: match maybe_wall(row, 20)? {
                Some(since) => since,
                None => wall(row, 4)?,
            },
        },
        request: Arc::new(NewRequest {
            key: row.get(6)?,
            method: row.get(7)?,
            url: row.get(8)?,
            order_key: row.get(9)?,
            headers: pairs(row, 10)?,
            body: Bytes::from(row.get::<_, Vec<u8>>(11)?),
            respond: respond(row)?,
        }),
    })
}

fn respond(row: &Row<'_>) -> Result<Option<Respond>> {
    let Some(correlation) = row.get(15)? else {
        return Ok(None);
    };
    Ok(Some(Respond {
        correlation,
        account: row.get(16)?,
        // The answer is one step deeper than the event whose handling queued the request.
        depth: row.get::<_, u32>(17)?.saturating_add(1),
    }))
}

/// The state of a delivery in this column.
pub(crate) fn delivery_state(row: &Row<'_>, column: usize) -> Result<DeliveryState> {
    let name = row.get_ref(column)?.as_str()?;
    DeliveryState::from_name(name).ok_or_else(|| unknown(column, name))
}

/// The state of an outbox request in this column.
pub(crate) fn outbox_state(row: &Row<'_>, column: usize) -> Result<OutboxState> {
    let name = row.get_ref(column)?.as_str()?;
    OutboxState::from_name(name).ok_or_else(|| unknown(column, name))
}

fn unknown(column: usize, name: &str) -> Error {
    Error::FromSqlConversionFailure(column, Type::Text, format!("unknown state `{name}`").into())
}

/// An event's id in this column.
pub(crate) fn event_id(row: &Row<'_>, column: usize) -> Result<EventId> {
    row.get(column).map(EventId::from_bytes)
}

/// A number in this column that is not negative.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// A time of day in this column.
pub(crate) fn wall(row: &Row<'_>, column: usize) -> Result<WallTime> {
    unsigned(row, column).map(WallTime::from_millis)
}

/// A time of day in this column, if it holds one.
pub(crate) fn maybe_wall(row: &Row<'_>, column: usize) -> Result<Option<WallTime>> {
    let millis = row.get::<_, Option<i64>>(column)?;
    // A due time may lie before 1970 once the clock was set.
    Ok(millis.map(|millis| WallTime::from_millis(millis.max(0).cast_unsigned())))
}

/// A steady time in this column.
pub(crate) fn steady(row: &Row<'_>, column: usize) -> Result<SteadyTime> {
    unsigned(row, column).map(SteadyTime::from_millis)
}

/// Names and values in this column.
pub(crate) fn pairs<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
