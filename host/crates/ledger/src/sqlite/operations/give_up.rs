//! Giving a delivery up without another attempt.

use rusqlite::Result;

use super::order;
use super::set_state::set_state;
use crate::sqlite::counters::Counter;
use crate::sqlite::write::{Operation, Transaction};
use crate::{DeliveryId, DeliveryState, OrderEffect, Token};

/// Makes a delivery `dead`, unless the lease is not in force.
pub(crate) struct GiveUp {
    pub(crate) delivery: DeliveryId,
    pub(crate) token: Token,
    /// What the end means for later deliveries of the same key.
    pub(crate) order: OrderEffect,
}

impl Operation for GiveUp {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        if !tx.is_leased(self.delivery, self.token) {
            return Ok(());
        }
        let ended = set_state(tx, self.delivery, DeliveryState::Dead)?;
        tx.count(Counter::Died, i64::from(ended));
        if ended && !order::stays(DeliveryState::Dead, self.order) {
            order::leave(tx, self.delivery.0)?;
        }
        tx.end_lease(self.delivery, self.token);
        Ok(())
    }
}
