//! Committing the end of a try of an outbox request.

use rusqlite::{OptionalExtension, Result, params};

use super::insert_event::insert_event;
use super::request_order;
use crate::engine::{BASE_WEIGHT, PreparedEvent};
use crate::sqlite::counters::Counter;
use crate::sqlite::rows;
use crate::sqlite::values::{int, non_empty};
use crate::sqlite::write::{Operation, Transaction};
use crate::{OutboxNext, OutboxState, Settled, Settlement};

/// Records one try of an outbox request under its lease. If the try ends the request, also records
/// the event with the answer for the handler, and releases the next request of the order key. A
/// request that no longer waits stays as it is, with one exception: it was cancelled during a try
/// that its receiver accepted.
pub(crate) struct Settle {
    settlement: Settlement,
    response: Option<PreparedEvent>,
}

impl From<Settlement> for Settle {
    /// Prepares the event on the caller's thread.
    fn from(mut settlement: Settlement) -> Self {
        let response = settlement.response.take();
        Self {
            settlement,
            response: response.map(|event| PreparedEvent::from(*event)),
        }
    }
}

/// The request's row.
struct RequestRow {
    tries: u32,
    state: OutboxState,
    cancelled: bool,
    handler: i64,
    order_key: Option<String>,
}

impl Operation for Settle {
    type Answer = Settled;

    fn weight(&self) -> usize {
        BASE_WEIGHT + self.response.as_ref().map_or(0, PreparedEvent::weight)
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<Settled> {
        let Settlement { request, token, .. } = self.settlement;
        if !tx.is_request_leased(request, token) {
            return Ok(Settled::LeaseLost);
        }
        let settled = self.settle(tx)?;
        tx.end_request_lease(request, token);
        Ok(settled)
    }
}

impl Settle {
    fn settle(&self, tx: &mut Transaction<'_>) -> Result<Settled> {
        let settlement = &self.settlement;
        let Some(row) = self.find(tx)? else {
            return Ok(Settled::Stale);
        };
        let from = row.state;
        let sent_though_cancelled = row.cancelled && settlement.next == OutboxNext::Sent;
        if from != OutboxState::Waiting && !sent_though_cancelled {
            return Ok(Settled::Stale);
        }
        let number = row.tries.saturating_add(1);
        let to = update_request(tx, settlement, number)?;
        if to != OutboxState::Sent {
            insert_try(tx, settlement, number)?;
        }
        tx.count(Counter::Outbox(from), -1);
        tx.count(Counter::Outbox(to), 1);
        if to != OutboxState::Waiting {
            request_order::release_next(tx, row.handler, row.order_key.as_deref())?;
            if let Some(event) = &self.response {
                // A known event comes from an earlier run with the same idempotency keys.
                insert_event(tx, event)?;
            }
        }
        Ok(Settled::Committed)
    }

    fn find(&self, tx: &Transaction<'_>) -> Result<Option<RequestRow>> {
        tx.prepare("SELECT tries, state, cancelled, handler, order_key FROM outbox WHERE seq = ?1")?
            .query_row([self.settlement.request.0], |row| {
                Ok(RequestRow {
                    tries: row.get(0)?,
                    state: rows::outbox_state(row, 1)?,
                    cancelled: row.get(2)?,
                    handler: row.get(3)?,
                    order_key: row.get(4)?,
                })
            })
            .optional()
    }
}

/// Writes the result of try `number` into the request's row; returns the request's new state.
fn update_request(
    tx: &Transaction<'_>,
    settlement: &Settlement,
    number: u32,
) -> Result<OutboxState> {
    let (to, due) = match settlement.next {
        OutboxNext::Sent => (OutboxState::Sent, None),
        OutboxNext::Dead => (OutboxState::Dead, None),
        OutboxNext::Waiting { due } => (OutboxState::Waiting, Some(int(due))),
    };
    tx.execute(
        "UPDATE outbox SET state = ?2, tries = ?3, status = ?4, error = ?5,
             due = coalesce(?6, due), finished = ?7
         WHERE seq = ?1",
        params![
            settlement.request.0,
            to.name(),
            number,
            settlement.status,
            non_empty(&settlement.error),
            due,
            due.is_none().then_some(int(settlement.at)),
        ],
    )?;
    Ok(to)
}

fn insert_try(tx: &Transaction<'_>, settlement: &Settlement, number: u32) -> Result<()> {
    tx.execute(
        "INSERT INTO outbox_tries (request, number, ended, status, error)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            settlement.request.0,
            number,
            int(settlement.at),
            settlement.status,
            non_empty(&settlement.error),
        ],
    )?;
    Ok(())
}
