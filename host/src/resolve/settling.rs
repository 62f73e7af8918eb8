//! Recording the end of a try, under its lease.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use tollgate_ledger::{
    LeasedResolution, LedgerError, ResolutionEnd, ResolutionSettled, ResolutionStore,
    TriedResolution,
};

/// The pause after the ledger could not be written.
const PAUSE: Duration = Duration::from_secs(1);

/// Records the end of a try, until that is durable or the ledger is closed. The lease lives until
/// then.
pub(super) async fn settle(
    ledger: Arc<dyn ResolutionStore>,
    leased: LeasedResolution,
    end: ResolutionEnd,
) {
    let tried = TriedResolution {
        resolution: leased.lease.item(),
        token: leased.lease.token(),
        end,
    };
    loop {
        let (ledger, tried) = (ledger.clone(), tried.clone());
        // The ledger may let its caller wait while many writes do.
        let settled = spawn_blocking(move || write(&*ledger, tried)).await;
        match settled.unwrap_or(Err(LedgerError::Closed)) {
            Ok(ResolutionSettled::LeaseLost) => {
                let event = leased.resolution.event.id;
                return warn!(%event, "the lease of a resolution was lost: its try is not recorded");
            }
            Ok(_) | Err(LedgerError::Closed) => return,
            Err(error) => warn!(%error, "an answer of the provider's API waits for the ledger"),
        }
        sleep(PAUSE).await;
    }
}

fn write(
    ledger: &dyn ResolutionStore,
    tried: TriedResolution,
) -> Result<ResolutionSettled, LedgerError> {
    let (answer, answered) = mpsc::sync_channel(1);
    let then = move |result| {
        // The caller waits for the answer.
        let _ = answer.send(result);
    };
    ledger.resolve(tried, Box::new(then));
    answered.recv().unwrap_or(Err(LedgerError::Closed))
}
