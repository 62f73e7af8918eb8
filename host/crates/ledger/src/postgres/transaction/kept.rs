//! What a transaction keeps in memory of rows.

use std::collections::HashMap;

use crate::postgres::rows::DeliveryRow;
use crate::{Attempt, DeliveryId};

/// What is read ahead and written late.
#[derive(Default)]
pub(super) struct Late {
    /// Deliveries that were read ahead, as the transaction has them by now.
    pub(super) known: HashMap<i64, DeliveryRow>,
    /// Rows that are to leave `queue` for `history`.
    pub(super) ended: Vec<DeliveryRow>,
    /// Attempts without requests and emitted events.
    pub(super) attempts: Vec<(DeliveryId, Attempt)>,
}
