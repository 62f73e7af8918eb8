//! Pausing a handler and resuming it.

use crate::Pause;
use crate::postgres::error::Fault;
use crate::postgres::locks::Locks;
use crate::postgres::text::Text;
use crate::postgres::transaction::{Operation, Tx};
use crate::postgres::values::int;
use tollgate_base::event::HandlerName;

/// Pauses a handler or resumes it. The handler need not have had an event yet.
pub(crate) struct SetPause {
    pub(crate) handler: HandlerName,
    pub(crate) pause: Option<Pause>,
}

impl Operation for SetPause {
    type Answer = ();

    fn locks(&self) -> Locks {
        Locks::default()
    }

    fn handlers(&self) -> Vec<&HandlerName> {
        vec![&self.handler]
    }

    async fn apply(&self, tx: &mut Tx) -> Result<(), Fault> {
        tx.execute(
            "UPDATE handlers SET paused = $2, outbox_paused = $3 WHERE name = $1",
            &[
                &Text(self.handler.as_str()),
                &self.pause.map(|pause| int(pause.since)),
                &self.pause.is_some_and(|pause| pause.outbox),
            ],
        )
        .await?;
        Ok(())
    }
}
