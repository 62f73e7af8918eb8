//! Queueing the requests of an attempt.

use std::sync::Arc;

use rusqlite::{Result, params};

use super::prepared::pairs_to_json;
use super::request_order;
use super::span::Span;
use crate::sqlite::counters::Counter;
use crate::sqlite::values::int;
use crate::sqlite::write::Transaction;
use crate::{Completion, NewRequest, OutboxRequest, OutboxState, RequestHost, RequestId, Requeued};

/// Queues the requests of an attempt, and returns their rows. Requests whose turn it is are handed
/// to the sink.
pub(super) fn queue_requests(
    tx: &mut Transaction<'_>,
    completion: &Completion,
    handler: i64,
    event: i64,
) -> Result<Span> {
    let mut span = Span::default();
    for new in &completion.effects.outbox {
        let seq = tx.take_request();
        let host = RequestHost::of_url(&new.url);
        let blocked = request_order::is_blocked(tx, handler, new.order_key.as_deref())?;
        insert(tx, completion, new, (seq, handler, event), &host, blocked)?;
        tx.count(Counter::Outbox(OutboxState::Waiting), 1);
        if !blocked {
            tx.for_sink.queued.push(OutboxRequest {
                id: RequestId(seq),
                handler: completion.handler.clone(),
                event: completion.event,
                request: Arc::new(new.clone()),
                host,
                tries: 0,
                queued: tx.now().wall,
                due: tx.now().steady,
                requeued: Requeued::never(tx.now().wall),
            });
        }
        span.extend([seq]);
    }
    Ok(span)
}

/// Writes the rows of one request.
fn insert(
    tx: &Transaction<'_>,
    completion: &Completion,
    new: &NewRequest,
    (seq, handler, event): (i64, i64, i64),
    host: &RequestHost,
    blocked: bool,
) -> Result<()> {
    tx.execute(
        "INSERT INTO outbox (seq, handler, event, delivery, key, method, url, host, order_key,
             blocked, respond, queued, due, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'waiting')",
        params![
            seq,
            handler,
            event,
            completion.delivery.0,
            new.key,
            new.method,
            new.url,
            host.as_str(),
            new.order_key,
            blocked,
            new.respond.as_ref().map(|respond| &respond.correlation),
            int(tx.now().wall),
            int(tx.now().steady),
        ],
    )?;
    tx.execute(
        "INSERT INTO outbox_bodies (request, headers, body) VALUES (?1, ?2, ?3)",
        params![seq, pairs_to_json(&new.headers), &new.body[..]],
    )?;
    Ok(())
}
