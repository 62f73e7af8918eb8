//! Writes for operators.

use super::{Intervened, Intervention, LedgerError, Pause, Restore};
use tollgate_base::event::HandlerName;

/// Carries out interventions.
pub trait Operators: Send + Sync + 'static {
    /// Carries out an intervention in one transaction. Returns a result for each item, in order.
    /// Blocks until the change is durable. The sink receives new deliveries and requeued requests.
    /// [`Deliveries::claim`](super::Deliveries::claim) finds deliveries that became due again.
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError>;

    /// Pauses a handler, or resumes it. Blocks until that is durable. The ledger only remembers
    /// the pause; the dispatcher and the outbox obey it.
    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError>;

    /// Forgets the last restore, and with it the hold. Returns the restore, if there is one.
    /// Blocks until that is durable. The ledger only remembers the hold; the dispatcher and the
    /// outbox obey it.
    fn release_restore(&self) -> Result<Option<Restore>, LedgerError>;
}
