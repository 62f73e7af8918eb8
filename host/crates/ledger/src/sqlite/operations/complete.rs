//! Committing the end of an attempt together with its effects.
//!
//! Every reason against the commit is checked before the first write, so that an attempt that
//! cannot be committed leaves nothing behind.

use std::time::Duration;

use rusqlite::{OptionalExtension, Result, params};

use super::insert_event::insert_event;
use super::order::{self, Position};
use super::queue_requests::queue_requests;
use super::span::Span;
use super::{schedule, state};
use crate::engine::{BASE_WEIGHT, PreparedEvent, completion_weight};
use crate::sqlite::counters::Counter;
use crate::sqlite::values::{int, non_empty};
use crate::sqlite::write::{Operation, Transaction};
use crate::sqlite::{exchanges, newest, rows};
use crate::{
    Attempt, Completed, Completion, DeliveryState, Inapplicable, NextState, Rank, RequestHost,
};

/// Commits the end of one attempt, or answers why it cannot be committed.
pub(crate) struct Complete {
    completion: Completion,
    emitted: Vec<PreparedEvent>,
    /// The hosts of the requests.
    hosts: Vec<RequestHost>,
}

impl From<Completion> for Complete {
    /// Prepares the emitted events and reads the URLs on the caller's thread.
    fn from(mut completion: Completion) -> Self {
        let emitted = std::mem::take(&mut completion.effects.emitted);
        let requests = completion.effects.outbox.iter();
        Self {
            hosts: requests.map(|new| RequestHost::of_url(&new.url)).collect(),
            completion,
            emitted: emitted.into_iter().map(PreparedEvent::from).collect(),
        }
    }
}

/// The delivery's row.
struct DeliveryRow {
    event: i64,
    handler: i64,
    state: DeliveryState,
    attempts: u32,
    run: u32,
    key: Option<Vec<u8>>,
    position: Option<Position>,
}

impl Operation for Complete {
    type Answer = Completed;

    fn weight(&self) -> usize {
        let emitted = self.emitted.iter().map(PreparedEvent::weight);
        BASE_WEIGHT + completion_weight(&self.completion) + emitted.sum::<usize>()
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Completed> {
        let Completion {
            delivery, token, ..
        } = self.completion;
        if !tx.is_leased(delivery, token) {
            return answer_repeated(tx, &self.completion, Completed::LeaseLost);
        }
        let answer = self.complete(tx)?;
        if matches!(answer, Completed::Committed | Completed::Stale) {
            tx.end_lease(delivery, token);
        }
        Ok(answer)
    }
}

impl Complete {
    /// Commits the attempt under its lease, or answers why not.
    fn complete(&self, tx: &mut Transaction<'_>) -> Result<Completed> {
        let completion = &self.completion;
        let Some(row) = find(tx, completion)? else {
            return Ok(Completed::Stale);
        };
        let handler = tx.handler(&completion.handler)?;
        if !is_next_attempt(&row, handler, &completion.attempt) {
            return answer_repeated(tx, completion, Completed::Stale);
        }
        // Outdated reads make a rejection as worthless as effects.
        if !state::still_stand(tx.conn(), handler, &completion.reads)? {
            return Ok(Completed::Conflict);
        }
        let ranked = ranked(completion, &row);
        if let Some((key, rank)) = ranked
            && newest::is_stale(tx.conn(), key, rank)?
        {
            // The next run finds that out before it begins.
            return Ok(Completed::Conflict);
        }
        let mut made = EffectRows::default();
        if matches!(completion.next, NextState::Done | NextState::Ignored) {
            match self.apply_effects(tx, handler, row.event)? {
                Ok(rows) => made = rows,
                Err(why) => return Ok(Completed::Inapplicable(why)),
            }
        }
        if let Some((key, rank)) = ranked {
            newest::remember(tx.conn(), key, rank, row.event)?;
        }
        insert_attempt(tx, completion, made)?;
        advance(tx, completion, &row)?;
        Ok(Completed::Committed)
    }

    /// Applies the effects. If they cannot be applied, says why and writes nothing.
    fn apply_effects(
        &self,
        tx: &mut Transaction<'_>,
        handler: i64,
        event: i64,
    ) -> Result<std::result::Result<EffectRows, Inapplicable>> {
        let completion = &self.completion;
        let writes = match state::resolve(tx.conn(), handler, &completion.effects.state)? {
            Ok(writes) => writes,
            Err(why) => return Ok(Err(why)),
        };
        let entries = match schedule::resolve(tx, handler, &completion.effects.schedule)? {
            Ok(entries) => entries,
            Err(why) => return Ok(Err(why)),
        };
        schedule::apply(tx, handler, completion.event, entries)?;
        let component = match writes.is_empty() {
            true => None,
            false => Some(tx.component(&completion.attempt.component)?),
        };
        state::apply(tx, handler, component, writes)?;
        let mut made = EffectRows {
            queued: queue_requests(tx, completion, &self.hosts, handler, event)?,
            ..EffectRows::default()
        };
        for new in &self.emitted {
            // A known event was emitted by an earlier run with the same idempotency keys.
            made.emitted
                .extend(insert_event(tx, new)?.map(|(seq, _)| seq));
        }
        Ok(Ok(made))
    }
}

/// The key and the rank of a delivery that becomes `done`, if it has both.
fn ranked<'a>(completion: &Completion, row: &'a DeliveryRow) -> Option<(&'a [u8], Rank)> {
    let done = completion.next == NextState::Done;
    row.key
        .as_deref()
        .zip(completion.order.rank)
        .filter(|_| done)
}

fn find(tx: &Transaction<'_>, completion: &Completion) -> Result<Option<DeliveryRow>> {
    tx.prepare(
        "SELECT event, handler, state, attempts, run, order_key, turn FROM deliveries
         WHERE seq = ?1",
    )?
    .query_row([completion.delivery.0], |row| {
        Ok(DeliveryRow {
            event: row.get(0)?,
            handler: row.get(1)?,
            state: rows::delivery_state(row, 2)?,
            attempts: row.get(3)?,
            run: row.get(4)?,
            key: row.get(5)?,
            position: Position::from_row(row.get(6)?),
        })
    })
    .optional()
}

/// Whether the delivery waits for exactly this attempt.
fn is_next_attempt(row: &DeliveryRow, handler: i64, attempt: &Attempt) -> bool {
    let open = matches!(
        row.state,
        DeliveryState::Pending
            | DeliveryState::Retrying
            | DeliveryState::Running
            // The handler left the manifest during the run.
            | DeliveryState::Held
    );
    // A blocked delivery has been handed to nobody.
    open && row.position != Some(Position::Blocked)
        && row.handler == handler
        && row.run == attempt.run
        && row.attempts.checked_add(1) == Some(attempt.number)
}

/// Answers an attempt that the delivery does not wait for: `Committed` if it was committed
/// before.
fn answer_repeated(
    tx: &Transaction<'_>,
    completion: &Completion,
    otherwise: Completed,
) -> Result<Completed> {
    let attempt = &completion.attempt;
    let same = tx
        .prepare(
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
        otherwise
    })
}

/// The rows of an attempt's effects.
#[derive(Clone, Copy, Default)]
struct EffectRows {
    queued: Span,
    emitted: Span,
}

/// Writes the attempt's record.
fn insert_attempt(
    tx: &mut Transaction<'_>,
    completion: &Completion,
    made: EffectRows,
) -> Result<()> {
    let attempt = &completion.attempt;
    let component = tx.component(&attempt.component)?;
    tx.count_component_uses(component, 1);
    tx.execute(
        "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome,
             component, detail, logs, first_request, requests, first_emitted, emitted)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            completion.delivery.0,
            attempt.run,
            attempt.number,
            int(attempt.started),
            int(attempt.duration_us),
            attempt.outcome.name(),
            component,
            non_empty(&attempt.detail),
            non_empty(&attempt.logs),
            made.queued.first,
            made.queued.count(),
            made.emitted.first,
            made.emitted.count(),
        ],
    )?;
    exchanges::insert(tx, completion)
}

/// Gives the delivery its next state. If the delivery leaves its line, the next one becomes the
/// head.
fn advance(tx: &mut Transaction<'_>, completion: &Completion, row: &DeliveryRow) -> Result<()> {
    let attempt = &completion.attempt;
    let (mut to, due) = match completion.next {
        NextState::Done => (DeliveryState::Done, None),
        NextState::Ignored => (DeliveryState::Ignored, None),
        NextState::Dead => (DeliveryState::Dead, None),
        NextState::Retrying { due } => (DeliveryState::Retrying, Some(int(due))),
    };
    if due.is_some() && row.state == DeliveryState::Held {
        // The handler is still absent from the manifest.
        to = DeliveryState::Held;
    }
    let stays = order::stays(to, completion.order);
    let ended = int(attempt.started + Duration::from_micros(attempt.duration_us));
    tx.execute(
        "UPDATE deliveries SET state = ?2, attempts = ?3, due = ?4, finished = ?5,
             turn = CASE WHEN ?6 THEN turn END
         WHERE seq = ?1",
        params![
            completion.delivery.0,
            to.name(),
            attempt.number,
            due.filter(|_| to == DeliveryState::Retrying),
            due.is_none().then_some(ended),
            stays,
        ],
    )?;
    tx.count_moved(row.state, to, 1);
    tx.count(Counter::Died, i64::from(to == DeliveryState::Dead));
    match &row.key {
        Some(key) if !stays && row.position == Some(Position::Head) => {
            newest::keep_for(tx.conn(), key, row.event)?;
            order::promote_next(tx, key)
        }
        _ => Ok(()),
    }
}
