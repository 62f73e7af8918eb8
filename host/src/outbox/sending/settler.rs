//! Records the ends of tries in the ledger.
//!
//! The ledger's call may block, so a thread of its own makes the call.

use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::warn;

use tollgate_base::failpoint::{self, Failpoint};
use tollgate_ledger::{LedgerError, Settlement, SettlementCallback};

/// Settlements that wait for the thread; more wait in their tries.
const WAITING: usize = 64;
type Ask = (Settlement, oneshot::Sender<Result<(), LedgerError>>);

/// The thread's way in. The thread ends when all clones are dropped.
#[derive(Clone)]
pub(super) struct Settler {
    asks: mpsc::Sender<Ask>,
    pause: Duration,
}

impl Settler {
    /// Starts the thread around the ledger's `settle`, with a pause after each failure.
    pub(super) fn start(
        settle: impl Fn(Settlement, SettlementCallback) + Send + 'static,
        pause: Duration,
    ) -> Self {
        let (asks, mut asked) = mpsc::channel::<Ask>(WAITING);
        thread::Builder::new()
            .name("outbox-settle".to_owned())
            .spawn(move || {
                while let Some((settlement, answer)) = asked.blocking_recv() {
                    let then = Box::new(move |result| {
                        // Who asked may have been cut off.
                        _ = answer.send(result);
                    });
                    settle(settlement, then);
                }
            })
            .expect("a thread can be started while the gateway starts");
        Self { asks, pause }
    }

    /// Resolves when the settlement is durable, however long the ledger cannot write:
    /// the request was sent, and without a record it would be sent again. False if the
    /// ledger has been closed.
    pub(super) async fn settle(&self, settlement: Settlement) -> bool {
        failpoint::reach(Failpoint::Sent);
        loop {
            let (answer, answered) = oneshot::channel();
            if self.asks.send((settlement.clone(), answer)).await.is_err() {
                return false;
            }
            match answered.await {
                Ok(Ok(())) => return true,
                Ok(Err(LedgerError::Closed)) | Err(_) => return false,
                Ok(Err(error)) => {
                    warn!(request = settlement.seq.0, %error, "cannot note what became of an outbox request; trying again");
                    sleep(self.pause).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use tollgate_base::time::WallTime;
    use tollgate_ledger::{OutboxNext, OutboxSeq};

    fn settlement() -> Settlement {
        Settlement {
            seq: OutboxSeq(7),
            at: WallTime::EPOCH,
            status: Some(200),
            error: String::new(),
            next: OutboxNext::Sent,
            response: None,
        }
    }

    #[tokio::test]
    async fn a_settlement_is_repeated_until_it_is_durable() {
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        let settler = Settler::start(
            move |asked, then| {
                assert_eq!(asked, settlement());
                then(match count.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(LedgerError::Busy),
                    1 => Err(LedgerError::Unavailable("disk full".into())),
                    _ => Ok(()),
                });
            },
            Duration::from_millis(1),
        );
        assert!(settler.settle(settlement()).await);
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_closed_ledger_ends_it() {
        let closed = |_, then: SettlementCallback| then(Err(LedgerError::Closed));
        let settler = Settler::start(closed, Duration::ZERO);
        assert!(!settler.settle(settlement()).await);
        // A ledger that drops the callback has ended as well.
        let settler = Settler::start(|_, _| (), Duration::ZERO);
        assert!(!settler.settle(settlement()).await);
    }
}
