//! Queueing requests: those of an attempt, and single ones.

use std::sync::Arc;

use uuid::Uuid;

use super::request_order;
use crate::engine::pairs_to_json;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::Tx;
use crate::postgres::values::{int, maybe};
use crate::{NewRequest, OutboxRequest, OutboxState, RequestHost, RequestId, Requeued, Token};
use tollgate_base::event::{EventId, HandlerName};

/// Who queues a request.
pub(super) struct Queuer<'a> {
    pub(super) handler: &'a HandlerName,
    /// The event and its number.
    pub(super) event: (EventId, i64),
    pub(super) delivery: i64,
}

/// Queues one request to this host and returns its id. If it is the request's turn, the request is
/// handed to the sink.
pub(super) async fn queue_request(
    tx: &mut Tx,
    of: &Queuer<'_>,
    new: &NewRequest,
    host: &RequestHost,
) -> Result<i64, Fault> {
    let line = request_order::line(of.handler, new.order_key.as_deref());
    let (place, blocked) = request_order::join(tx, line).await?;
    let id = tx.numbers.request();
    let row = Row {
        id,
        place,
        line,
        blocked,
    };
    insert(tx, of, (new, host), &row).await?;
    tx.count(Counter::Outbox(OutboxState::Waiting), 1);
    if !blocked {
        let request = OutboxRequest {
            id: RequestId(id),
            handler: of.handler.clone(),
            event: of.event.0,
            request: Arc::new(new.clone()),
            host: host.clone(),
            tries: 0,
            queued: tx.now.wall,
            due: tx.now.steady,
            requeued: Requeued::never(tx.now.wall),
        };
        tx.news.queued.push((request, Token(1), line));
    }
    Ok(id)
}

/// The numbers in a new row, and whether the request stands behind another one.
struct Row {
    id: i64,
    place: i64,
    line: Option<[u8; 16]>,
    blocked: bool,
}

/// Writes the rows of one request.
async fn insert(
    tx: &Tx,
    of: &Queuer<'_>,
    (new, host): (&NewRequest, &RequestHost),
    row: &Row,
) -> Result<(), Fault> {
    let owner = (!row.blocked).then_some(tx.me.owner);
    tx.execute(
        "WITH body AS (INSERT INTO outbox_bodies (request, headers, body) VALUES ($1, $18, $19))
         INSERT INTO outbox (id, place, handler, event, delivery, key, method, url, host,
             order_key, line, blocked, respond, queued, due, state, tries, cancelled, requeued,
             tries_before, owner, token)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'waiting', 0,
             false, 0, 0, $16, $17)",
        &[
            &row.id,
            &row.place,
            &Text(of.handler.as_str()),
            &of.event.1,
            &of.delivery,
            &Text(&new.key),
            &Text(&new.method),
            &Text(&new.url),
            &Text(host.as_str()),
            &maybe(new.order_key.as_deref()),
            &row.line.map(Uuid::from_bytes),
            &row.blocked,
            &maybe(new.respond.as_ref().map(|respond| &*respond.correlation)),
            &int(tx.now.wall),
            &int(tx.now.steady),
            &owner,
            &i64::from(owner.is_some()),
            &pairs_to_json(&new.headers),
            &&new.body[..],
        ],
    )
    .await?;
    Ok(())
}
