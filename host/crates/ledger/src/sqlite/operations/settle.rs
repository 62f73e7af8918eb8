//! Committing the end of a try of an outbox request.

use rusqlite::{OptionalExtension, Result, params};

use super::insert_event::insert_event;
use super::prepared::PreparedEvent;
use crate::sqlite::counters::Counter;
use crate::sqlite::rows;
use crate::sqlite::values::{int, non_empty};
use crate::sqlite::write::{BASE_WEIGHT, Operation, Transaction};
use crate::{OutboxNext, OutboxState, Settlement};

/// Writes down one try of an outbox request and, if the try ends the request, records the
/// event with the answer for the handler. A request that no longer waits stays as it is, with
/// one exception: it was cancelled during a try that its receiver accepted.
pub(crate) struct Settle {
    settlement: Settlement,
    response: Option<PreparedEvent>,
}

impl From<Settlement> for Settle {
    fn from(mut settlement: Settlement) -> Self {
        let response = settlement.response.take();
        Self {
            settlement,
            response: response.map(|event| PreparedEvent::from(*event)),
        }
    }
}

impl Operation for Settle {
    type Answer = ();

    fn weight(&self) -> usize {
        BASE_WEIGHT + self.response.as_ref().map_or(0, PreparedEvent::weight)
    }

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        let settlement = &self.settlement;
        let found: Option<(u32, OutboxState, bool)> = tx
            .prepare("SELECT tries, state, cancelled FROM outbox WHERE seq = ?1")?
            .query_row([settlement.seq.0], |row| {
                Ok((row.get(0)?, rows::outbox_state(row, 1)?, row.get(2)?))
            })
            .optional()?;
        let Some((tries, from, cancelled)) = found else {
            return Ok(());
        };
        let sent_though_cancelled = cancelled && settlement.next == OutboxNext::Sent;
        if from != OutboxState::Waiting && !sent_though_cancelled {
            return Ok(());
        }
        let number = tries.saturating_add(1);
        let to = update_request(tx, settlement, number)?;
        if to != OutboxState::Sent {
            insert_try(tx, settlement, number)?;
        }
        tx.count(Counter::Outbox(from), -1);
        tx.count(Counter::Outbox(to), 1);
        if to != OutboxState::Waiting
            && let Some(event) = &self.response
        {
            // A known event comes from an earlier run with the same idempotency keys.
            insert_event(tx, event)?;
        }
        Ok(())
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
            settlement.seq.0,
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
            settlement.seq.0,
            number,
            int(settlement.at),
            settlement.status,
            non_empty(&settlement.error),
        ],
    )?;
    Ok(())
}
