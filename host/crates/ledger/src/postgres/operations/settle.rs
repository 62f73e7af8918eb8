//! Committing the end of a try of an outbox request.

use super::insert_event::{derived_locks, insert_event};
use super::request_order;
use crate::engine::{BASE_WEIGHT, PreparedEvent};
use crate::postgres::book::Line;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::locks::{Locks, Thing, key as lock};
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{get, int, non_empty, outbox_state, small};
use crate::{OutboxNext, OutboxState, Settled, Settlement};
use tollgate_base::event::HandlerName;

/// Records one try of an outbox request under its lease. If the try ends the request, also records
/// the event with the answer for the handler, and releases the next request of the order key. A
/// request that no longer waits stays as it is, with one exception: it was cancelled during a try
/// that its receiver accepted.
pub(crate) struct Settle {
    settlement: Settlement,
    /// The line of the request, if this gateway holds the lease.
    held: Option<Line>,
    response: Option<PreparedEvent>,
}

impl Settle {
    /// Prepares the event on the caller's thread. `held` is the line of the request, if this
    /// gateway holds the lease that the settlement names.
    pub(crate) fn new(mut settlement: Settlement, held: Option<Line>) -> Self {
        let response = settlement.response.take();
        Self {
            settlement,
            held,
            response: response.map(|event| PreparedEvent::from(*event)),
        }
    }
}

/// The request's row.
struct RequestRow {
    tries: u32,
    state: OutboxState,
    cancelled: bool,
}

impl Operation for Settle {
    type Answer = Settled;

    fn weight(&self) -> usize {
        BASE_WEIGHT + self.response.as_ref().map_or(0, PreparedEvent::weight)
    }

    fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        let Some(line) = &self.held else { return locks };
        if let Some(line) = line {
            locks.add(lock(Thing::Requests(line)), true);
        }
        if let Some(response) = &self.response {
            derived_locks(response, &mut locks);
        }
        locks
    }

    fn handlers(&self) -> Vec<&HandlerName> {
        let recipients = self.response.iter().flat_map(|event| &event.handlers);
        recipients.map(|recipient| &recipient.handler).collect()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<Settled, Fault> {
        let Settlement { request, token, .. } = self.settlement;
        let Some(line) = self.held else {
            return Ok(Settled::LeaseLost);
        };
        let row = tx
            .first(
                "SELECT tries, state, cancelled FROM outbox
                 WHERE id = $1 AND owner = $2 AND token = $3 FOR NO KEY UPDATE",
                &[&request.0, &tx.me.owner, &token.0.cast_signed()],
            )
            .await?;
        let Some(row) = row else {
            // A request that was requeued has another id, and nobody has its old one.
            let gone = !tx
                .exists("SELECT 1 FROM outbox WHERE id = $1", &[&request.0])
                .await?;
            if gone {
                tx.news.ended.requests.push((request, token));
            }
            return Ok(match gone {
                true => Settled::Stale,
                false => Settled::LeaseLost,
            });
        };
        let row = RequestRow {
            tries: small(&row, 0)?,
            state: outbox_state(&row, 1)?,
            cancelled: get(&row, 2)?,
        };
        let settled = self.settle(tx, row, line).await?;
        tx.execute(
            "UPDATE outbox SET owner = NULL WHERE id = $1",
            &[&request.0],
        )
        .await?;
        tx.news.ended.requests.push((request, token));
        Ok(settled)
    }
}

impl Settle {
    async fn settle(&self, tx: &mut Tx, row: RequestRow, line: Line) -> Result<Settled, Fault> {
        let settlement = &self.settlement;
        let from = row.state;
        let sent_though_cancelled = row.cancelled && settlement.next == OutboxNext::Sent;
        if from != OutboxState::Waiting && !sent_though_cancelled {
            return Ok(Settled::Stale);
        }
        let number = row.tries.saturating_add(1);
        let to = update_request(tx, settlement, number).await?;
        if to != OutboxState::Sent {
            insert_try(tx, settlement, number).await?;
        }
        tx.count(Counter::Outbox(from), -1);
        tx.count(Counter::Outbox(to), 1);
        if to != OutboxState::Waiting {
            request_order::release_next(tx, line).await?;
            if let Some(event) = &self.response {
                // A known event comes from an earlier run with the same idempotency keys.
                insert_event(tx, event).await?;
            }
        }
        Ok(Settled::Committed)
    }
}

/// Writes the result of try `number` into the request's row; returns the request's new state.
async fn update_request(
    tx: &Tx,
    settlement: &Settlement,
    number: u32,
) -> Result<OutboxState, Fault> {
    let (to, due) = match settlement.next {
        OutboxNext::Sent => (OutboxState::Sent, None),
        OutboxNext::Dead => (OutboxState::Dead, None),
        OutboxNext::Waiting { due } => (OutboxState::Waiting, Some(int(due))),
    };
    tx.execute(
        "UPDATE outbox SET state = $2, tries = $3, status = $4, error = $5,
             due = coalesce($6, due), finished = $7
         WHERE id = $1",
        &[
            &settlement.request.0,
            &to.name(),
            &i64::from(number),
            &settlement.status.map(i64::from),
            &non_empty(&settlement.error),
            &due,
            &due.is_none().then_some(int(settlement.at)),
        ],
    )
    .await?;
    Ok(to)
}

async fn insert_try(tx: &Tx, settlement: &Settlement, number: u32) -> Result<(), Fault> {
    tx.execute(
        "INSERT INTO outbox_tries (request, number, ended, status, error)
         VALUES ($1, $2, $3, $4, $5)",
        &[
            &settlement.request.0,
            &i64::from(number),
            &int(settlement.at),
            &settlement.status.map(i64::from),
            &non_empty(&settlement.error),
        ],
    )
    .await?;
    Ok(())
}
