//! Releasing the order keys that dead deliveries hold.

use super::order;
use crate::postgres::error::Fault;
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::get;
use tollgate_base::event::HandlerName;

/// Takes dead deliveries of these handlers out of their lines, so that later deliveries of their
/// keys go on. Answers how many: fewer than [`ReleaseKeys::STEP`] if none is left.
pub(crate) struct ReleaseKeys {
    pub(crate) handlers: Vec<HandlerName>,
}

impl ReleaseKeys {
    /// How many dead deliveries one transaction takes out.
    pub(crate) const STEP: u64 = 500;
}

impl Operation for ReleaseKeys {
    type Answer = u64;

    async fn apply(&self, tx: &mut Tx) -> Result<u64, Fault> {
        let names: Vec<_> = self
            .handlers
            .iter()
            .map(|name| Text(name.as_str()))
            .collect();
        let rows = tx
            .query(
                "SELECT id FROM queue WHERE handler = ANY ($1) AND state = 'dead' AND turn = 1
                 ORDER BY place LIMIT $2",
                &[&names, &Self::STEP.cast_signed()],
            )
            .await?;
        for row in &rows {
            if let Some(row) = tx.delivery(get(row, 0)?).await? {
                order::leave(tx, row, true).await?;
            }
        }
        Ok(rows.len() as u64)
    }
}
