//! The trait of every kind of write but recording, which is done for many callers at once.

use super::tx::Tx;
use crate::engine::BASE_WEIGHT;
use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use tollgate_base::event::HandlerName;

/// One kind of write. The type is the request: its fields say what to do.
pub(crate) trait Operation: Send + Sync + 'static {
    /// The caller's answer once the operation is durable.
    type Answer: Send + 'static;

    /// About how many bytes the operation holds and will write.
    fn weight(&self) -> usize {
        BASE_WEIGHT
    }

    /// What the operation locks before it reads.
    fn locks(&self) -> Locks {
        Locks::alone()
    }

    /// The delivery whose attempt the operation ends. Completions that follow one another read and
    /// write together.
    fn completes(&self) -> Option<i64> {
        None
    }

    /// The handlers that the operation names, and that the ledger may not have met.
    fn handlers(&self) -> Vec<&HandlerName> {
        Vec::new()
    }

    /// Carries the operation out within the writer's transaction. An error undoes the whole
    /// transaction; then `apply` may be called once more in another one.
    fn apply(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}
