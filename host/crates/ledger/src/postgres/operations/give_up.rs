//! Giving a delivery up without another attempt.

use super::order;
use crate::postgres::book::Line;
use crate::postgres::counters::Counter;
use crate::postgres::error::Fault;
use crate::postgres::locks::{Locks, Thing, key as lock};
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::int;
use crate::{DeliveryId, DeliveryState, OrderEffect, Token};

/// Makes a delivery `dead`, unless the lease is not in force.
pub(crate) struct GiveUp {
    pub(crate) delivery: DeliveryId,
    pub(crate) token: Token,
    /// The line of the delivery.
    pub(crate) line: Line,
    /// What the end means for later deliveries of the same key.
    pub(crate) order: OrderEffect,
}

impl Operation for GiveUp {
    type Answer = ();

    fn locks(&self) -> Locks {
        let mut locks = Locks::default();
        if let Some(line) = &self.line {
            locks.add(lock(Thing::Line(line)), true);
        }
        locks
    }

    async fn apply(&self, tx: &mut Tx) -> Result<(), Fault> {
        let Some(mut row) = tx.delivery(self.delivery.0).await? else {
            return Ok(());
        };
        if row.owner != Some(tx.me.owner) || row.token != self.token {
            return Ok(());
        }
        tx.news.ended.deliveries.push((self.delivery, self.token));
        let was_queued = row.is_queued();
        row.owner = None;
        if row.is_ended() || row.state == DeliveryState::Held {
            return tx.put(&row, was_queued).await;
        }
        tx.count_moved(row.state, DeliveryState::Dead, 1);
        tx.count(Counter::Died, 1);
        row.state = DeliveryState::Dead;
        row.due = None;
        row.finished = Some(int(tx.now.wall));
        match order::stays(DeliveryState::Dead, self.order) {
            true => tx.put(&row, was_queued).await,
            false => order::leave(tx, row, was_queued).await,
        }
    }
}
