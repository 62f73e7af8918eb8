//! Pauses and resumes handlers for an operator.
//!
//! The ledger remembers a pause, so that the pause outlives the process. The dispatcher and the
//! outbox obey it. A pause is no state of deliveries: they keep their states and wait.

use crate::run::core::Core;
use tollgate_base::event::HandlerName;
use tollgate_ledger::{LedgerError, Pause};

/// Why a handler was not paused or resumed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PauseError {
    /// The manifest has no handler with this name.
    #[error("the manifest has no handler `{0}`")]
    Unknown(HandlerName),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Core {
    /// Pauses a handler: its deliveries wait until it is resumed, across restarts; with `outbox`
    /// its requests wait too. Runs and requests under way end. A second pause changes `outbox`.
    /// Blocks until the pause is durable.
    pub(crate) fn pause(&self, handler: &HandlerName, outbox: bool) -> Result<Pause, PauseError> {
        let _one_at_a_time = self.pausing.lock();
        let paused = self.dispatcher.pause_of(handler);
        if paused.is_none() && !self.current.load().handlers.contains_key(handler) {
            return Err(PauseError::Unknown(handler.clone()));
        }
        let since = paused.map_or_else(|| self.clock.now(), |pause| pause.since);
        let pause = Pause { since, outbox };
        self.set_pause(handler, Some(pause))?;
        tracing::warn!(%handler, outbox, "the handler is paused: its deliveries wait");
        Ok(pause)
    }

    /// Resumes a handler. Returns whether it was paused. Blocks until the change is durable.
    pub(crate) fn resume(&self, handler: &HandlerName) -> Result<bool, PauseError> {
        let _one_at_a_time = self.pausing.lock();
        if self.dispatcher.pause_of(handler).is_none() {
            return match self.current.load().handlers.contains_key(handler) {
                true => Ok(false),
                false => Err(PauseError::Unknown(handler.clone())),
            };
        }
        self.set_pause(handler, None)?;
        tracing::warn!(%handler, "the handler is resumed");
        Ok(true)
    }

    fn set_pause(&self, handler: &HandlerName, pause: Option<Pause>) -> Result<(), LedgerError> {
        self.ledger.set_pause(handler, pause)?;
        self.dispatcher.set_pause(handler, pause);
        if let Some(outbox) = self.outbox.get() {
            outbox.wake();
        }
        Ok(())
    }
}
