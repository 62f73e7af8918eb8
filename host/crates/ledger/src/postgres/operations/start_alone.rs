//! Noting that a delivery is about to run alone.

use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use crate::postgres::transaction::{Operation, Tx};
use crate::{DeliveryId, DeliveryState, Token};

/// Makes a delivery `running`, unless the lease is not in force.
pub(crate) struct StartAlone {
    pub(crate) delivery: DeliveryId,
    pub(crate) token: Token,
}

impl Operation for StartAlone {
    type Answer = ();

    fn locks(&self) -> Locks {
        Locks::default()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<(), Fault> {
        use DeliveryState::{Pending, Retrying, Running};
        let Some(mut row) = tx.delivery(self.delivery.0).await? else {
            return Ok(());
        };
        let in_force = row.owner == Some(tx.me.owner) && row.token == self.token;
        if !in_force || !matches!(row.state, Pending | Retrying) {
            return Ok(());
        }
        tx.count_moved(row.state, Running, 1);
        row.state = Running;
        row.due = None;
        tx.put(&row, true).await
    }
}
