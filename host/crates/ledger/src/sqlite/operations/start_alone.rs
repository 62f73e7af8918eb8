//! Noting that a delivery is about to run alone.

use rusqlite::Result;

use super::set_state::set_state;
use crate::sqlite::write::{Operation, Transaction};
use crate::{DeliveryId, DeliveryState, Token};

/// Makes a delivery `running`, unless the lease is not in force.
pub(crate) struct StartAlone {
    pub(crate) delivery: DeliveryId,
    pub(crate) token: Token,
}

impl Operation for StartAlone {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        if tx.is_leased(self.delivery, self.token) {
            set_state(tx, self.delivery, DeliveryState::Running)?;
        }
        Ok(())
    }
}
