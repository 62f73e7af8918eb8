//! Pausing a handler and resuming it.

use rusqlite::{Result, params};

use crate::Pause;
use crate::sqlite::values::int;
use crate::sqlite::write::{Operation, Transaction};
use tollgate_base::event::HandlerName;

/// Pauses a handler or resumes it. The handler need not have had an event yet.
pub(crate) struct SetPause {
    pub(crate) handler: HandlerName,
    pub(crate) pause: Option<Pause>,
}

impl Operation for SetPause {
    type Answer = ();

    fn apply(&self, tx: &mut Transaction<'_>) -> Result<()> {
        let handler = tx.handler(&self.handler)?;
        tx.execute(
            "UPDATE handlers SET paused = ?2, outbox_paused = ?3 WHERE id = ?1",
            params![
                handler,
                self.pause.map(|pause| int(pause.since)),
                self.pause.is_some_and(|pause| pause.outbox),
            ],
        )?;
        Ok(())
    }
}
