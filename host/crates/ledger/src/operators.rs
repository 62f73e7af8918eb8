//! Writes that operators ask for.

use super::{Intervened, Intervention, LedgerError, Pause};
use tollgate_base::event::HandlerName;

/// Carries out what operators ask for.
pub trait Operators: Send + Sync + 'static {
    /// Carries out what an operator asks for, in one transaction; answers for each delivery,
    /// event or request in order. Blocks until it is durable. The sink is given new deliveries
    /// and requests that are sent again; which deliveries became due again is found by
    /// [`Deliveries::claim`](super::Deliveries::claim).
    fn intervene(&self, intervention: Intervention) -> Result<Vec<Intervened>, LedgerError>;

    /// Pauses a handler, or resumes it. Blocks until it is durable. The ledger only
    /// remembers it; whoever runs deliveries keeps to it.
    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError>;
}
