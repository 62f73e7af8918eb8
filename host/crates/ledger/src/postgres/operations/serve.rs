//! Registering the handlers that this gateway serves.

use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::{delivery_state, get};
use crate::{DeliveryState, Served};
use tollgate_base::event::HandlerName;

/// Registers handlers. Makes `held` what is due for handlers that no gateway serves, and `pending`
/// what was held for handlers that a gateway serves.
///
/// All of it is one transaction: it concerns only what waits, and a change of the manifest is rare.
pub(crate) struct Serve {
    /// The handlers that are served.
    pub(crate) handlers: Vec<HandlerName>,
}

impl Operation for Serve {
    type Answer = Served;

    fn handlers(&self) -> Vec<&HandlerName> {
        self.handlers.iter().collect()
    }

    async fn apply(&self, tx: &mut Tx) -> Result<Served, Fault> {
        let owner = tx.me.owner;
        tx.execute("DELETE FROM served WHERE owner = $1", &[&owner])
            .await?;
        let names: Vec<_> = self
            .handlers
            .iter()
            .map(|name| Text(name.as_str()))
            .collect();
        tx.execute(
            "INSERT INTO served (owner, handler) SELECT DISTINCT $1::bigint, unnest($2::text[])",
            &[&owner, &names],
        )
        .await?;
        tx.execute(
            "UPDATE gateways SET registered = true WHERE owner = $1",
            &[&owner],
        )
        .await?;
        tx.forget_served();
        let served = tx.read_served().await?.unwrap_or_default();
        let served: Vec<_> = served.iter().map(|name| Text(name)).collect();
        let resumed = tx
            .execute(
                "UPDATE queue SET state = 'pending', due = NULL
                 WHERE state = 'held' AND handler = ANY ($1)",
                &[&served],
            )
            .await?;
        tx.count_moved(
            DeliveryState::Held,
            DeliveryState::Pending,
            resumed.cast_signed(),
        );
        Ok(Served {
            held: hold(tx, &served).await?,
            resumed,
        })
    }
}

/// Holds what is due for handlers that are not served; returns how many deliveries.
async fn hold(tx: &mut Tx, served: &[Text<'_>]) -> Result<u64, Fault> {
    let rows = tx
        .query(
            "WITH unserved AS (
                 SELECT id, state FROM queue WHERE state IN ('pending', 'retrying')
                     AND handler <> ALL ($1) FOR NO KEY UPDATE),
             held AS (
                 UPDATE queue q SET state = 'held', due = NULL FROM unserved u WHERE q.id = u.id)
             SELECT state, count(*) FROM unserved GROUP BY state",
            &[&served],
        )
        .await?;
    let mut held = 0;
    for row in &rows {
        let many: i64 = get(row, 1)?;
        tx.count_moved(delivery_state(row, 0)?, DeliveryState::Held, many);
        held += many.unsigned_abs();
    }
    Ok(held)
}
