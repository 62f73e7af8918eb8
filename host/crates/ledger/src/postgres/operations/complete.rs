//! Committing the end of an attempt together with its effects.
//!
//! Every reason against the commit is checked before the first write, so that an attempt that
//! cannot be committed leaves nothing behind.

use std::time::Duration;

use super::insert_event::{derived_locks, insert_event};
use super::queue_requests::{Queuer, queue_request};
use super::{order, request_order, schedule, state};
use crate::engine::{BASE_WEIGHT, PreparedEvent, completion_weight};
use crate::postgres::book::Line;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::locks::{Locks, Thing, key as lock};
use crate::postgres::rows::{DeliveryRow, Position};
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{int, non_empty};
use crate::postgres::{exchanges, newest};
use crate::{
    Attempt, Completed, Completion, DeliveryState, Inapplicable, NextState, OrderKey, Rank,
    RequestHost,
};
use tollgate_base::event::HandlerName;

/// Commits the end of one attempt, or answers why it cannot be committed.
pub(crate) struct Complete {
    completion: Completion,
    /// The order key of the delivery, if this gateway holds the lease.
    held: Option<Line>,
    emitted: Vec<PreparedEvent>,
    /// The hosts of the requests.
    hosts: Vec<RequestHost>,
}

impl Complete {
    /// Prepares the emitted events and reads the URLs on the caller's thread. `held` is the line of
    /// the delivery, if this gateway holds the lease that the completion names.
    pub(crate) fn new(mut completion: Completion, held: Option<Line>) -> Self {
        let emitted = std::mem::take(&mut completion.effects.emitted);
        let requests = completion.effects.outbox.iter();
        Self {
            hosts: requests.map(|new| RequestHost::of_url(&new.url)).collect(),
            completion,
            held,
            emitted: emitted.into_iter().map(PreparedEvent::from).collect(),
        }
    }
}

impl Operation for Complete {
    type Answer = Completed;

    fn weight(&self) -> usize {
        let emitted = self.emitted.iter().map(PreparedEvent::weight);
        BASE_WEIGHT + completion_weight(&self.completion) + emitted.sum::<usize>()
    }

    fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        let Some(line) = &self.held else { return locks };
        let Completion {
            handler,
            reads,
            effects,
            ..
        } = &self.completion;
        if let Some(line) = line {
            locks.add(lock(Thing::Line(line)), true);
        }
        let writes = effects.state.iter().map(|(key, _)| key.as_str());
        state::locks(handler, reads, writes, &mut locks);
        if !effects.schedule.is_empty() {
            locks.add(lock(Thing::Schedule(handler.as_str())), true);
        }
        for new in &effects.outbox {
            if let Some(line) = request_order::line(handler, new.order_key.as_deref()) {
                locks.add(lock(Thing::Requests(&line)), true);
            }
        }
        for new in &self.emitted {
            derived_locks(new, &mut locks);
        }
        locks
    }

    fn completes(&self) -> Option<i64> {
        Some(self.completion.delivery.0)
    }

    fn handlers(&self) -> Vec<&HandlerName> {
        let recipients = self.emitted.iter().flat_map(|event| &event.handlers);
        recipients.map(|recipient| &recipient.handler).collect()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<Completed, Fault> {
        let Completion {
            delivery, token, ..
        } = self.completion;
        let row = match self.held {
            Some(_) => tx.delivery(delivery.0).await?,
            None => None,
        };
        let in_force = |row: &DeliveryRow| row.owner == Some(tx.me.owner) && row.token == token;
        let Some(row) = row.filter(in_force) else {
            return answer_repeated(tx, &self.completion, Completed::LeaseLost).await;
        };
        let answer = self.complete(tx, row).await?;
        if matches!(answer, Completed::Committed | Completed::Stale) {
            tx.news.ended.deliveries.push((delivery, token));
        }
        Ok(answer)
    }
}

impl Complete {
    /// Commits the attempt under its lease, or answers why not.
    async fn complete(&self, tx: &mut Tx, row: DeliveryRow) -> Result<Completed, Fault> {
        let completion = &self.completion;
        if !is_next_attempt(&row, completion) {
            let answer = answer_repeated(tx, completion, Completed::Stale).await?;
            give_back(tx, row).await?;
            return Ok(answer);
        }
        // Outdated reads make a rejection as worthless as effects.
        if !state::still_stand(tx, &completion.handler, &completion.reads).await? {
            return Ok(Completed::Conflict);
        }
        let ranked = ranked(completion, &row);
        if let Some((key, rank)) = &ranked
            && newest::is_stale(tx, key, *rank).await?
        {
            // The next run finds that out before it begins.
            return Ok(Completed::Conflict);
        }
        let mut made = Made::default();
        if matches!(completion.next, NextState::Done | NextState::Ignored) {
            match self.apply_effects(tx, row.event).await? {
                Ok(rows) => made = rows,
                Err(why) => return Ok(Completed::Inapplicable(why)),
            }
        }
        if let Some((key, rank)) = ranked {
            newest::remember(tx, &key, rank, row.event).await?;
        }
        insert_attempt(tx, completion, made).await?;
        advance(tx, completion, row).await?;
        Ok(Completed::Committed)
    }

    /// Applies the effects. If they cannot be applied, says why and writes nothing.
    async fn apply_effects(
        &self,
        tx: &mut Tx,
        event: i64,
    ) -> Result<Result<Made, Inapplicable>, Fault> {
        let completion = &self.completion;
        let handler = &completion.handler;
        let writes = match state::resolve(tx, handler, &completion.effects.state).await? {
            Ok(writes) => writes,
            Err(why) => return Ok(Err(why)),
        };
        let entries = match schedule::resolve(tx, handler, &completion.effects.schedule).await? {
            Ok(entries) => entries,
            Err(why) => return Ok(Err(why)),
        };
        schedule::apply(tx, handler, completion.event, entries).await?;
        state::apply(tx, handler, Some(completion.attempt.component), writes).await?;
        let queuer = Queuer {
            handler,
            event: (completion.event, event),
            delivery: completion.delivery.0,
        };
        let mut made = Made::default();
        for (new, host) in completion.effects.outbox.iter().zip(&self.hosts) {
            made.requests
                .push(queue_request(tx, &queuer, new, host).await?);
        }
        for new in &self.emitted {
            // A known event was emitted by an earlier run with the same idempotency keys.
            let emitted = insert_event(tx, new).await?;
            made.emitted.extend(emitted.map(|(seq, _)| seq));
        }
        Ok(Ok(made))
    }
}

/// The key and the rank of a delivery that becomes `done`, if it has both.
fn ranked(completion: &Completion, row: &DeliveryRow) -> Option<(OrderKey, Rank)> {
    let done = completion.next == NextState::Done;
    row.key.zip(completion.order.rank).filter(|_| done)
}

/// Whether the delivery waits for exactly this attempt.
fn is_next_attempt(row: &DeliveryRow, completion: &Completion) -> bool {
    let attempt = &completion.attempt;
    // A blocked delivery has been handed to nobody.
    !row.is_ended()
        && !row.is_blocked()
        && row.handler == completion.handler
        && row.run == attempt.run
        && row.attempts.checked_add(1) == Some(attempt.number)
}

/// Ends the lease of a delivery that does not wait for the attempt.
async fn give_back(tx: &mut Tx, mut row: DeliveryRow) -> Result<(), Fault> {
    row.owner = None;
    tx.put(&row, row.is_queued()).await
}

/// Answers an attempt that the delivery does not wait for: `Committed` if it was committed before.
async fn answer_repeated(
    tx: &mut Tx,
    completion: &Completion,
    otherwise: Completed,
) -> Result<Completed, Fault> {
    // The same attempt may have been committed by this very transaction.
    tx.write_late().await?;
    let attempt = &completion.attempt;
    let same = tx
        .exists(
            "SELECT 1 FROM attempts WHERE delivery = $1 AND run = $2 AND number = $3
             AND started = $4 AND duration_us = $5 AND outcome = $6",
            &[
                &completion.delivery.0,
                &i64::from(attempt.run),
                &i64::from(attempt.number),
                &int(attempt.started),
                &int(attempt.duration_us),
                &attempt.outcome.name(),
            ],
        )
        .await?;
    Ok(match same {
        true => Completed::Committed,
        false => otherwise,
    })
}

/// The rows of an attempt's effects.
#[derive(Default)]
struct Made {
    requests: Vec<i64>,
    emitted: Vec<i64>,
}

/// Writes the attempt's record.
async fn insert_attempt(tx: &mut Tx, completion: &Completion, made: Made) -> Result<(), Fault> {
    let attempt: &Attempt = &completion.attempt;
    tx.count_uses(attempt.component, 1);
    if made.requests.is_empty() && made.emitted.is_empty() {
        tx.add_attempt(completion.delivery, attempt);
        return exchanges::insert(tx, completion).await;
    }
    tx.execute(
        "INSERT INTO attempts (delivery, run, number, started, duration_us, outcome, component,
             detail, logs, requests, emitted)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        &[
            &completion.delivery.0,
            &i64::from(attempt.run),
            &i64::from(attempt.number),
            &int(attempt.started),
            &int(attempt.duration_us),
            &attempt.outcome.name(),
            &attempt.component.0.to_vec(),
            &non_empty(&attempt.detail),
            &non_empty(&attempt.logs),
            &made.requests,
            &made.emitted,
        ],
    )
    .await?;
    exchanges::insert(tx, completion).await
}

/// Gives the delivery its next state, and ends its lease. If the delivery leaves its line, the next
/// one becomes the head.
async fn advance(tx: &mut Tx, completion: &Completion, mut row: DeliveryRow) -> Result<(), Fault> {
    let attempt = &completion.attempt;
    let (mut to, due) = match completion.next {
        NextState::Done => (DeliveryState::Done, None),
        NextState::Ignored => (DeliveryState::Ignored, None),
        NextState::Dead => (DeliveryState::Dead, None),
        NextState::Retrying { due } => (DeliveryState::Retrying, Some(int(due))),
    };
    if due.is_some() && row.state == DeliveryState::Held {
        // The handler is still absent.
        to = DeliveryState::Held;
    }
    let ended = int(attempt.started + Duration::from_micros(attempt.duration_us));
    tx.count_moved(row.state, to, 1);
    tx.count(Counter::Died, i64::from(to == DeliveryState::Dead));
    let (turn, key, event) = (row.turn, row.key, row.event);
    let leaves = !order::stays(to, completion.order);
    row.state = to;
    row.attempts = attempt.number;
    row.due = due.filter(|_| to == DeliveryState::Retrying);
    row.finished = due.is_none().then_some(ended);
    row.owner = None;
    if leaves {
        row.turn = None;
    }
    tx.put_ended(row).await?;
    match key {
        Some(key) if leaves && turn == Some(Position::Head) => {
            newest::keep_for(tx, &key, event).await?;
            order::promote_next(tx, &key).await
        }
        _ => Ok(()),
    }
}
