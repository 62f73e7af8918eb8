//! Records the ends of tries in the ledger.
//!
//! The ledger's call may block, so a thread of its own makes the call.

use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::warn;

use tollgate_base::failpoint::{self, Failpoint};
use tollgate_ledger::{LedgerError, Settled, Settlement, SettlementCallback};

/// The most settlements that wait for the thread. Further ones wait in their tries.
const MAX_WAITING: usize = 64;
type Ask = (Settlement, oneshot::Sender<Result<Settled, LedgerError>>);

/// Reaches the thread. The thread ends when all clones are dropped.
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
        let (asks, mut asked) = mpsc::channel::<Ask>(MAX_WAITING);
        thread::Builder::new()
            .name("outbox-settle".to_owned())
            .spawn(move || {
                while let Some((settlement, answer)) = asked.blocking_recv() {
                    let then = Box::new(move |result| {
                        // The task that asked may have been cut off.
                        _ = answer.send(result);
                    });
                    settle(settlement, then);
                }
            })
            .expect("a thread can be started while the gateway starts");
        Self { asks, pause }
    }

    /// Resolves with the ledger's answer when the settlement is durable, however long the ledger
    /// cannot write: the request was sent, and without a record it would be sent again. `None` if
    /// the ledger has been closed.
    pub(super) async fn settle(&self, settlement: Settlement) -> Option<Settled> {
        failpoint::reach(Failpoint::Sent);
        loop {
            let (answer, answered) = oneshot::channel();
            if self.asks.send((settlement.clone(), answer)).await.is_err() {
                return None;
            }
            match answered.await {
                Ok(Ok(settled)) => return Some(settled),
                Ok(Err(LedgerError::Closed)) | Err(_) => return None,
                Ok(Err(error)) => {
                    let request = settlement.request.0;
                    warn!(request, %error, "the end of a request's try could not be recorded; trying again");
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
    use tollgate_ledger::{OutboxNext, RequestId, Token};

    fn settlement() -> Settlement {
        Settlement {
            request: RequestId(7),
            token: Token(3),
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
                    _ => Ok(Settled::Committed),
                });
            },
            Duration::from_millis(1),
        );
        let settled = settler.settle(settlement()).await;
        assert_eq!(settled, Some(Settled::Committed));
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_closed_ledger_ends_it() {
        let closed = |_, then: SettlementCallback| then(Err(LedgerError::Closed));
        let settler = Settler::start(closed, Duration::ZERO);
        assert_eq!(settler.settle(settlement()).await, None);
        // A ledger that drops the callback has ended as well.
        let settler = Settler::start(|_, _| (), Duration::ZERO);
        assert_eq!(settler.settle(settlement()).await, None);
    }
}
