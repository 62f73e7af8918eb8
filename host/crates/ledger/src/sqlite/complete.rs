//! Committing the end of an attempt together with its effects.
//!
//! Everything that may speak against it is looked at before the first write, so that
//! an attempt that cannot be committed leaves nothing behind.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Result, params};

use super::batch::{Batch, int, non_empty};
use super::op::{CompletionRequest, pairs_to_json};
use super::order::{self, Place};
use super::tally::Counter;
use super::{record, schedule, state};
use crate::{
    Attempt, Completed, Completion, DeliveryState, Inapplicable, Life, NextState, OutboxRequest,
    OutboxSeq, OutboxState, Rank,
};

/// What the ledger has of a delivery.
struct Row {
    event: i64,
    handler: i64,
    state: DeliveryState,
    attempts: u32,
    run: u32,
    key: Option<Vec<u8>>,
    place: Option<Place>,
}

/// Commits one attempt, or says why not.
pub(super) fn complete(batch: &mut Batch<'_>, request: &CompletionRequest) -> Result<Completed> {
    let completion = &request.completion;
    let Some(row) = find(batch, completion)? else {
        return Ok(Completed::Stale);
    };
    let handler = batch.handler(&completion.handler)?;
    if !is_next_attempt(&row, handler, &completion.attempt) {
        return answer_stale(batch, completion);
    }
    let with_effects = matches!(completion.next, NextState::Done | NextState::Ignored);
    let mut queued = Span::default();
    let mut emitted = Span::default();
    // A refusal that came of what no longer stands counts as little as an effect would.
    if !state::still_stand(batch.conn, handler, &completion.reads)? {
        return Ok(Completed::Conflict);
    }
    let ranked = ranked(completion, &row);
    if let Some((key, rank)) = ranked
        && order::is_stale(batch.conn, key, rank)?
    {
        // Run anew, it finds out before it begins.
        return Ok(Completed::Conflict);
    }
    if with_effects {
        let Some(writes) = state::resolve(batch.conn, handler, &completion.effects.state)? else {
            return Ok(Completed::Inapplicable(Inapplicable::NotACounter));
        };
        let entries = match schedule::resolve(batch, handler, &completion.effects.schedule)? {
            Ok(entries) => entries,
            Err(why) => return Ok(Completed::Inapplicable(why)),
        };
        schedule::apply(batch, handler, completion.event, entries)?;
        state::apply(batch, handler, writes)?;
        queued = queue_requests(batch, completion, handler, row.event)?;
        for event in &request.emitted {
            // One that is known was emitted by an earlier run with the same keys.
            emitted.extend(record::insert(batch, event)?);
        }
    }
    if let Some((key, rank)) = ranked {
        order::remember(batch, key, rank, row.event)?;
    }
    insert_attempt(batch, completion, queued, emitted)?;
    advance(batch, completion, &row)?;
    Ok(Completed::Committed)
}

/// The key and the rank of a delivery that becomes done, if it has both.
fn ranked<'a>(completion: &Completion, row: &'a Row) -> Option<(&'a [u8], Rank)> {
    let done = completion.next == NextState::Done;
    row.key
        .as_deref()
        .zip(completion.turn.rank)
        .filter(|_| done)
}

fn find(batch: &Batch<'_>, completion: &Completion) -> Result<Option<Row>> {
    batch
        .conn
        .prepare_cached(
            "SELECT event, handler, state, attempts, run, order_key, turn FROM deliveries
             WHERE seq = ?1",
        )?
        .query_row([completion.delivery.0], |row| {
            Ok(Row {
                event: row.get(0)?,
                handler: row.get(1)?,
                state: super::rows::delivery_state(row, 2)?,
                attempts: row.get(3)?,
                run: row.get(4)?,
                key: row.get(5)?,
                place: Place::from_row(row.get(6)?),
            })
        })
        .optional()
}

/// Whether this is the one attempt that the delivery waits for.
fn is_next_attempt(row: &Row, handler: i64, attempt: &Attempt) -> bool {
    let open = matches!(
        row.state,
        DeliveryState::Pending
            | DeliveryState::Retrying
            | DeliveryState::Running
            // Its handler left the manifest while it ran.
            | DeliveryState::Held
    );
    // One that waits for its turn has been handed to nobody.
    open && row.place != Some(Place::Behind)
        && row.handler == handler
        && row.run == attempt.run
        && row.attempts.checked_add(1) == Some(attempt.number)
}

/// An attempt that was committed before is committed; any other is stale.
fn answer_stale(batch: &Batch<'_>, completion: &Completion) -> Result<Completed> {
    let attempt = &completion.attempt;
    let same = batch
        .conn
        .prepare_cached(
            "SELECT 1 FROM attempts WHERE delivery = ?1 AND run = ?2 AND number = ?3
             AND started = ?4 AND duration_us = ?5 AND outcome = ?6",
        )?
        .exists(params![
            completion.delivery.0,
            attempt.run,
            attempt.number,
            int(attempt.started),
            int(attempt.duration_us),
            attempt.outcome.name(),
        ])?;
    Ok(if same {
        Completed::Committed
    } else {
        Completed::Stale
    })
}

/// Consecutive rows that an attempt made.
#[derive(Clone, Copy, Default)]
struct Span {
    first: Option<i64>,
    many: u32,
}

impl Extend<i64> for Span {
    fn extend<I: IntoIterator<Item = i64>>(&mut self, rows: I) {
        for row in rows {
            self.first.get_or_insert(row);
            self.many += 1;
        }
    }
}

impl Span {
    fn count(self) -> Option<u32> {
        self.first.map(|_| self.many)
    }
}

fn queue_requests(
    batch: &mut Batch<'_>,
    completion: &Completion,
    handler: i64,
    event: i64,
) -> Result<Span> {
    let mut span = Span::default();
    for new in &completion.effects.outbox {
        let seq = batch.next_request();
        let (now, due) = (batch.at.wall, batch.at.steady);
        batch
            .conn
            .prepare_cached(
                "INSERT INTO outbox (seq, handler, event, delivery, key, method, url, order_key,
                     respond, queued, due, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'waiting')",
            )?
            .execute(params![
                seq,
                handler,
                event,
                completion.delivery.0,
                new.key,
                new.method,
                new.url,
                new.order_key,
                new.respond.as_ref().map(|respond| &respond.correlation),
                int(now),
                int(due),
            ])?;
        batch
            .conn
            .prepare_cached(
                "INSERT INTO outbox_bodies (request, headers, body) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![seq, pairs_to_json(&new.headers), &new.body[..]])?;
        batch.tally.add(Counter::Outbox(OutboxState::Waiting), 1);
        batch.made.requests.push(OutboxRequest {
            seq: OutboxSeq(seq),
            handler: completion.handler.clone(),
            event: completion.event,
            request: Arc::new(new.clone()),
            tries: 0,
            queued: now,
            due,
            life: Life::first(now),
        });
        span.extend([seq]);
    }
    Ok(span)
}

fn insert_attempt(
    batch: &mut Batch<'_>,
    completion: &Completion,
    queued: Span,
    emitted: Span,
) -> Result<()> {
    let attempt = &completion.attempt;
    let component = batch.component(&attempt.component)?;
    batch.named(component, 1);
    batch
        .conn
        .prepare_cached(
            "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome,
                 component, detail, logs, first_request, requests, first_emitted, emitted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            completion.delivery.0,
            attempt.run,
            attempt.number,
            int(attempt.started),
            int(attempt.duration_us),
            attempt.outcome.name(),
            component,
            non_empty(&attempt.detail),
            non_empty(&attempt.logs),
            queued.first,
            queued.count(),
            emitted.first,
            emitted.count(),
        ])?;
    Ok(())
}

/// Gives the delivery its next state and, if it has ended, the turn to the next one.
fn advance(batch: &mut Batch<'_>, completion: &Completion, row: &Row) -> Result<()> {
    let attempt = &completion.attempt;
    let (mut to, due) = match completion.next {
        NextState::Done => (DeliveryState::Done, None),
        NextState::Ignored => (DeliveryState::Ignored, None),
        NextState::Dead => (DeliveryState::Dead, None),
        NextState::Retrying { due } => (DeliveryState::Retrying, Some(int(due))),
    };
    if due.is_some() && row.state == DeliveryState::Held {
        // Its handler is still away: it goes on waiting for it.
        to = DeliveryState::Held;
    }
    let counts = order::counts(to, completion.turn);
    let ended = int(attempt.started + Duration::from_micros(attempt.duration_us));
    batch
        .conn
        .prepare_cached(
            "UPDATE deliveries SET state = ?2, attempts = ?3, due = ?4, finished = ?5,
                 turn = CASE WHEN ?6 THEN turn END
             WHERE seq = ?1",
        )?
        .execute(params![
            completion.delivery.0,
            to.name(),
            attempt.number,
            due.filter(|_| to == DeliveryState::Retrying),
            due.is_none().then_some(ended),
            counts,
        ])?;
    batch.tally.moved(row.state, to, 1);
    match &row.key {
        Some(key) if !counts && row.place == Some(Place::First) => {
            order::compare_with(batch, key, row.event)?;
            order::pass_on(batch, key)
        }
        _ => Ok(()),
    }
}
