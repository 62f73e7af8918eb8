//! Releasing the order keys that dead deliveries hold.

use rusqlite::{Result, params};

use super::order;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use tollgate_base::event::HandlerName;

/// Takes dead deliveries of these handlers out of their lines, so that later deliveries of
/// their keys go on. Answers how many: fewer than [`ReleaseKeys::STEP`] if none is left.
pub(crate) struct ReleaseKeys {
    pub(crate) handlers: Vec<HandlerName>,
}

impl ReleaseKeys {
    /// How many dead deliveries one transaction takes out.
    pub(crate) const STEP: u64 = 500;
}

impl Operation for ReleaseKeys {
    type Answer = u64;

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<u64> {
        let mut released = 0;
        for handler in &self.handlers {
            let number = tx.handler(handler)?;
            let holding: Vec<i64> = tx
                .prepare(
                    "SELECT seq FROM deliveries INDEXED BY deliveries_holding
                     WHERE state = 'dead' AND turn = 1 AND handler = ?1 LIMIT ?2",
                )?
                .query_map(params![number, int(Self::STEP - released)], |row| {
                    row.get(0)
                })?
                .collect::<Result<_>>()?;
            released += holding.len() as u64;
            holding
                .into_iter()
                .try_for_each(|seq| order::leave(tx, seq))?;
        }
        Ok(released)
    }
}
