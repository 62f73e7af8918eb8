//! What a restored ledger means for the gateway: it is told, and work may be on hold.

use crate::run::core::Core;
use tollgate_ledger::{LedgerError, Restore};

impl Core {
    /// Whether no delivery and no request starts until an operator releases them.
    pub(crate) fn is_on_hold(&self) -> bool {
        self.restore.lock().is_some_and(|restore| restore.on_hold)
    }

    /// Releases the last restore: its hold ends, and it is told no more. Returns the restore, if
    /// there is one. Blocks until that is durable.
    pub(crate) fn release_restore(&self) -> Result<Option<Restore>, LedgerError> {
        let _one_at_a_time = self.pausing.lock();
        let released = self.ledger.release_restore()?;
        *self.restore.lock() = None;
        self.dispatcher.set_hold(false);
        if let Some(outbox) = self.outbox.get() {
            outbox.wake();
        }
        if let Some(resolver) = self.resolver.get() {
            resolver.wake();
        }
        if let Some(restore) = &released {
            tracing::warn!(on_hold = restore.on_hold, "the restored ledger is released");
        }
        Ok(released)
    }
}
