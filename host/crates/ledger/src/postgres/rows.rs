//! Rows of deliveries, events and requests.

use std::sync::Arc;

use tokio_postgres::Row;
use uuid::Uuid;

use super::connection::Connection;
use super::error::Fault;
use super::values::{
    component, delivery_state, event_id, get, handler, maybe_small, maybe_text, maybe_wall, pairs,
    small, steady, text, wall,
};
use crate::{
    Delivery, DeliveryId, DeliveryState, NewRequest, OrderKey, OutboxRequest, RequestHost,
    RequestId, Requeued, Resolved, Respond, Token, Told,
};
use bytes::Bytes;
use tollgate_base::event::{ComponentDigest, Event, HandlerName, SourceName};

/// The columns of [`DeliveryRow`], in the order of the table.
pub(crate) const ROW: &str = "id, event, handler, state, attempts, run, keys, crashes, since,
    excused, due, finished, component, order_key, turn, answers, place, owner, token";

/// The position of a delivery in its line: the values of `turn`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    /// The delivery may run, or is dead and blocks the others.
    Head = 1,
    /// The delivery waits for the head, or for the object of its event.
    Blocked = 2,
}

/// The row of a delivery.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryRow {
    pub(crate) id: i64,
    pub(crate) event: i64,
    pub(crate) handler: HandlerName,
    pub(crate) state: DeliveryState,
    pub(crate) attempts: u32,
    pub(crate) run: u32,
    pub(crate) keys: u32,
    pub(crate) crashes: u32,
    pub(crate) since: i64,
    pub(crate) excused: u32,
    pub(crate) due: Option<i64>,
    pub(crate) finished: Option<i64>,
    pub(crate) component: Option<ComponentDigest>,
    pub(crate) key: Option<OrderKey>,
    pub(crate) turn: Option<Position>,
    pub(crate) answers: Option<u32>,
    pub(crate) place: i64,
    pub(crate) owner: Option<i64>,
    pub(crate) token: Token,
}

impl DeliveryRow {
    /// Reads a row whose columns are [`ROW`].
    pub(crate) fn read(row: &Row) -> Result<Self, Fault> {
        let turn: Option<i64> = get(row, 14)?;
        let key: Option<Uuid> = get(row, 13)?;
        Ok(Self {
            id: get(row, 0)?,
            event: get(row, 1)?,
            handler: handler(row, 2)?,
            state: delivery_state(row, 3)?,
            attempts: small(row, 4)?,
            run: small(row, 5)?,
            keys: small(row, 6)?,
            crashes: small(row, 7)?,
            since: get(row, 8)?,
            excused: small(row, 9)?,
            due: get(row, 10)?,
            finished: get(row, 11)?,
            component: component(row, 12)?,
            key: key.map(|key| OrderKey(key.into_bytes())),
            turn: turn.map(|turn| match turn {
                1 => Position::Head,
                _ => Position::Blocked,
            }),
            answers: maybe_small(row, 15)?,
            place: get(row, 16)?,
            owner: get(row, 17)?,
            token: Token(get::<i64>(row, 18)?.cast_unsigned()),
        })
    }

    /// Whether the delivery is done, ignored or dead.
    pub(crate) fn is_ended(&self) -> bool {
        use DeliveryState::{Dead, Done, Ignored};
        matches!(self.state, Done | Ignored | Dead)
    }

    /// Whether the row belongs into the table `queue`.
    pub(crate) fn is_queued(&self) -> bool {
        !self.is_ended() || self.turn.is_some()
    }

    /// Whether the delivery is blocked.
    pub(crate) fn is_blocked(&self) -> bool {
        self.turn == Some(Position::Blocked)
    }
}

/// The columns of [`delivery`], from [`DELIVERY_JOINS`].
pub(crate) const DELIVERY: &str = "d.id, d.handler, d.attempts, d.run, d.crashes, d.since,
    d.excused, d.keys, d.component, d.order_key, d.answers, d.token,
    x.at, x.object_state, x.object, x.event_state, x.full_event,
    e.id, e.source, e.provider_id, e.kind, e.subject, e.account, e.created, e.received,
    b.headers, b.metadata, e.depth, b.payload";

/// The joins that [`DELIVERY`] needs, after a table of deliveries `d`.
pub(crate) const DELIVERY_JOINS: &str = "JOIN events e ON e.seq = d.event
    JOIN bodies b ON b.event = d.event LEFT JOIN resolved x ON x.event = d.event";

/// A delivery with its event, and the token of its last lease.
pub(crate) fn delivery(row: &Row) -> Result<(Delivery, Token), Fault> {
    let key: Option<Uuid> = get(row, 9)?;
    let delivery = Delivery {
        id: DeliveryId(get(row, 0)?),
        handler: handler(row, 1)?,
        attempts: small(row, 2)?,
        run: small(row, 3)?,
        crashes: small(row, 4)?,
        since: wall(row, 5)?,
        uncounted: small(row, 6)?,
        keys: small(row, 7)?,
        component: component(row, 8)?,
        key: key.map(|key| OrderKey(key.into_bytes())),
        answers: maybe_small(row, 10)?,
        resolved: resolved(row, 12)?.map(Arc::new),
        event: Arc::new(event(row, 17)?),
    };
    Ok((delivery, Token(get::<i64>(row, 11)?.cast_unsigned())))
}

/// The columns of [`event`], from `events e` and `bodies b`.
pub(crate) const EVENT: &str = "e.id, e.source, e.provider_id, e.kind, e.subject, e.account,
    e.created, e.received, b.headers, b.metadata, e.depth, b.payload";

/// An event, whose columns begin with `first`.
pub(crate) fn event(row: &Row, first: usize) -> Result<Event, Fault> {
    Ok(Event {
        id: event_id(row, first)?,
        source: SourceName::new(&*text(row, first + 1)?),
        provider_id: maybe_text(row, first + 2)?,
        kind: text(row, first + 3)?,
        subject: maybe_text(row, first + 4)?,
        account: maybe_text(row, first + 5)?,
        created: maybe_wall(row, first + 6)?,
        received: wall(row, first + 7)?,
        headers: pairs(row, first + 8)?,
        metadata: pairs(row, first + 9)?,
        depth: small(row, first + 10)?,
        payload: Bytes::from(get::<Vec<u8>>(row, first + 11)?),
    })
}

/// What was told about an event: five columns of `resolved`, from column `first`.
fn resolved(row: &Row, first: usize) -> Result<Option<Resolved>, Fault> {
    let Some(at) = maybe_wall(row, first)? else {
        return Ok(None);
    };
    Ok(Some(Resolved {
        at,
        object: told(row, first + 1)?,
        event: told(row, first + 3)?,
    }))
}

fn told(row: &Row, first: usize) -> Result<Option<Told>, Fault> {
    Ok(match get::<Option<bool>>(row, first)? {
        None => None,
        Some(false) => Some(Told::Gone),
        Some(true) => Some(Told::Found(get::<Vec<u8>>(row, first + 1)?.into())),
    })
}

/// What was told about the event of this number.
pub(crate) async fn resolved_of(
    conn: &Connection,
    event: i64,
) -> Result<Option<Arc<Resolved>>, Fault> {
    let row = conn
        .first(
            "SELECT at, object_state, object, event_state, full_event FROM resolved
             WHERE event = $1",
            &[&event],
        )
        .await?;
    let told = row.map(|row| resolved(&row, 0)).transpose()?;
    Ok(told.flatten().map(Arc::new))
}

/// The columns of [`request`], from [`REQUEST_FROM`].
pub(crate) const REQUEST: &str = "o.id, o.handler, e.id, o.tries, o.queued, o.due, o.key, o.method,
    o.url, o.order_key, b.headers, b.body, o.respond, e.account, e.depth, o.requeued,
    o.tries_before, o.since, o.host, o.token, o.line";

/// The tables that [`REQUEST`] reads.
pub(crate) const REQUEST_FROM: &str = "outbox o JOIN outbox_bodies b ON b.request = o.id
    JOIN events e ON e.seq = o.event";

/// The number of columns of [`REQUEST`].
pub(crate) const REQUEST_COLUMNS: usize = 21;

/// A request of the outbox.
pub(crate) fn request(row: &Row) -> Result<OutboxRequest, Fault> {
    Ok(OutboxRequest {
        id: RequestId(get(row, 0)?),
        handler: handler(row, 1)?,
        event: event_id(row, 2)?,
        tries: small(row, 3)?,
        queued: wall(row, 4)?,
        due: steady(row, 5)?,
        host: RequestHost::from(text(row, 18)?),
        requeued: Requeued {
            times: small(row, 15)?,
            tries_before: small(row, 16)?,
            since: match maybe_wall(row, 17)? {
                Some(since) => since,
                None => wall(row, 4)?,
            },
        },
        request: Arc::new(NewRequest {
            key: text(row, 6)?,
            method: text(row, 7)?,
            url: text(row, 8)?,
            order_key: maybe_text(row, 9)?,
            headers: pairs(row, 10)?,
            body: Bytes::from(get::<Vec<u8>>(row, 11)?),
            respond: respond(row)?,
        }),
    })
}

/// The token of a request's last lease, and its line.
pub(crate) fn request_lease(row: &Row) -> Result<(Token, Option<[u8; 16]>), Fault> {
    let line: Option<Uuid> = get(row, 20)?;
    let token = Token(get::<i64>(row, 19)?.cast_unsigned());
    Ok((token, line.map(Uuid::into_bytes)))
}

fn respond(row: &Row) -> Result<Option<Respond>, Fault> {
    let Some(correlation) = maybe_text(row, 12)? else {
        return Ok(None);
    };
    Ok(Some(Respond {
        correlation,
        account: maybe_text(row, 13)?,
        // The answer is one step deeper than the event whose handling queued the request.
        depth: small(row, 14)?.saturating_add(1),
    }))
}
