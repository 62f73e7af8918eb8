//! Queueing requests: those of an attempt, and single ones.

use std::sync::Arc;

use rusqlite::{Result, params};

use super::request_order;
use super::span::Span;
use crate::engine::pairs_to_json;
use crate::sqlite::counters::Counter;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Completion, NewRequest, OutboxRequest, OutboxState, RequestHost, RequestId, Requeued};
use tollgate_base::event::{EventId, HandlerName};

/// Queues the requests of an attempt, whose hosts are given, and returns their rows. Requests whose
/// turn it is are handed to the sink.
pub(super) fn queue_requests(
    tx: &mut Transaction<'_>,
    completion: &Completion,
    hosts: &[RequestHost],
    handler: i64,
    event: i64,
) -> Result<Span> {
    let queuer = Queuer {
        name: &completion.handler,
        handler,
        event: (completion.event, event),
        delivery: completion.delivery.0,
    };
    let mut span = Span::default();
    for (new, host) in completion.effects.outbox.iter().zip(hosts) {
        span.extend([queue_request(tx, &queuer, new, host)?]);
    }
    Ok(span)
}

/// Who queues a request.
pub(super) struct Queuer<'a> {
    pub(super) name: &'a HandlerName,
    /// The number of the name.
    pub(super) handler: i64,
    /// The event and its number.
    pub(super) event: (EventId, i64),
    pub(super) delivery: i64,
}

/// Queues one request to this host and returns its row. If it is the request's turn, the request is
/// handed to the sink.
pub(super) fn queue_request(
    tx: &mut Transaction<'_>,
    of: &Queuer<'_>,
    new: &NewRequest,
    host: &RequestHost,
) -> Result<i64> {
    let row = Row {
        seq: tx.take_request(),
        handler: of.handler,
        event: of.event.1,
        delivery: of.delivery,
        host: tx.host(host)?,
        blocked: request_order::is_blocked(tx, of.handler, new.order_key.as_deref())?,
    };
    insert(tx, new, &row)?;
    tx.count(Counter::Outbox(OutboxState::Waiting), 1);
    if !row.blocked {
        tx.for_sink.queued.push(OutboxRequest {
            id: RequestId(row.seq),
            handler: of.name.clone(),
            event: of.event.0,
            request: Arc::new(new.clone()),
            host: host.clone(),
            tries: 0,
            queued: tx.now().wall,
            due: tx.now().steady,
            requeued: Requeued::never(tx.now().wall),
        });
    }
    Ok(row.seq)
}

/// The numbers in a new row, and whether the request stands behind another one.
struct Row {
    seq: i64,
    handler: i64,
    event: i64,
    delivery: i64,
    host: i64,
    blocked: bool,
}

/// Writes the rows of one request.
fn insert(tx: &Transaction<'_>, new: &NewRequest, row: &Row) -> Result<()> {
    tx.execute(
        "INSERT INTO outbox (seq, handler, event, delivery, key, method, url, host, order_key,
             blocked, respond, queued, due, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'waiting')",
        params![
            row.seq,
            row.handler,
            row.event,
            row.delivery,
            new.key,
            new.method,
            new.url,
            row.host,
            new.order_key,
            row.blocked,
            new.respond.as_ref().map(|respond| &respond.correlation),
            int(tx.now().wall),
            int(tx.now().steady),
        ],
    )?;
    tx.execute(
        "INSERT INTO outbox_bodies (request, headers, body) VALUES (?1, ?2, ?3)",
        params![row.seq, pairs_to_json(&new.headers), &new.body[..]],
    )?;
    Ok(())
}
