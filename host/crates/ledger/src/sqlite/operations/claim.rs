//! Claiming a delivery that is about to run alone.

use rusqlite::Result;

use super::set_state::set_state;
use crate::sqlite::write::{Operation, Transaction};
use crate::{DeliverySeq, DeliveryState};

/// Makes a delivery `running`.
pub(crate) struct Claim {
    pub(crate) delivery: DeliverySeq,
}

impl Operation for Claim {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        set_state(tx, self.delivery, DeliveryState::Running)?;
        Ok(())
    }
}
