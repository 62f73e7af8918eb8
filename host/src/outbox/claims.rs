//! Claims: reads of the ledger that lease requests, one at a time.
//!
//! An operator may cancel a request that a claim under way has leased already. The request is not
//! in memory then, so [`Claims`] keeps its id until the claim has ended.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::memory::Wanted;
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{ClaimedRequests, LedgerError, OutboxStore, RequestHost, RequestId};

/// The pause after the ledger could not be read.
const PAUSE: Duration = Duration::from_secs(1);
/// A claim that leases fewer requests is followed by a rest, so that requests which fall due one by
/// one are claimed together.
const MANY: usize = 32;
/// The shortest rest. A rest takes at least as long as the claim.
const REST: Duration = Duration::from_millis(1);

/// The reads of the ledger.
pub(super) struct Claims {
    ledger: Arc<dyn OutboxStore>,
    under_way: Option<(Reading, JoinHandle<Answer>)>,
    began: Instant,
    not_before: Instant,
    cancelled: HashSet<RequestId>,
}

/// The subject of a read.
#[derive(Debug, Clone)]
enum Reading {
    Hosts,
    Requests(Wanted),
}

/// The answer to a read.
pub(super) enum Answer {
    /// The hosts for which requests wait, by handler.
    Hosts(Result<Vec<(HandlerName, Vec<RequestHost>)>, LedgerError>),
    /// The requests that a claim has leased.
    Requests(Wanted, Result<ClaimedRequests, LedgerError>),
}

impl Claims {
    pub(super) fn new(ledger: Arc<dyn OutboxStore>) -> Self {
        let now = Instant::now();
        Self {
            ledger,
            under_way: None,
            began: now,
            not_before: now,
            cancelled: HashSet::new(),
        }
    }

    /// Whether a read may begin.
    pub(super) fn is_ready(&self) -> bool {
        self.under_way.is_none() && self.not_before <= Instant::now()
    }

    /// When a read may begin; `None` if one is under way.
    pub(super) fn ready_at(&self) -> Option<Instant> {
        self.under_way.is_none().then_some(self.not_before)
    }

    /// Begins to look for the hosts of these handlers' waiting requests.
    pub(super) fn find_hosts(&mut self, handlers: Vec<HandlerName>) {
        let ledger = self.ledger.clone();
        let with_hosts = move |handler: HandlerName| {
            let hosts = ledger.waiting_hosts(&handler)?;
            Ok((handler, hosts))
        };
        self.begin(Reading::Hosts, move || {
            Answer::Hosts(handlers.into_iter().map(with_hosts).collect())
        });
    }

    /// Begins a claim of requests that are due at `now`.
    pub(super) fn claim(&mut self, wanted: Wanted, now: SteadyTime) {
        let ledger = self.ledger.clone();
        self.begin(Reading::Requests(wanted.clone()), move || {
            let Wanted {
                handler,
                host,
                limit,
                max_bytes,
            } = &wanted;
            let claimed = ledger.claim_requests(handler, host, now, *limit, *max_bytes);
            Answer::Requests(wanted, claimed)
        });
    }

    fn begin(&mut self, reading: Reading, read: impl FnOnce() -> Answer + Send + 'static) {
        self.began = Instant::now();
        self.under_way = Some((reading, spawn_blocking(read)));
    }

    /// Keeps requests that were cancelled out of the answer of a claim that is under way.
    pub(super) fn cancel(&mut self, ids: &HashSet<RequestId>) {
        if self.under_way.is_some() {
            self.cancelled.extend(ids);
        }
    }

    /// Resolves with the answer of the read that is under way, never if none is.
    pub(super) async fn answer(&mut self) -> Answer {
        let Some((reading, task)) = &mut self.under_way else {
            return pending().await;
        };
        let answer = match task.await {
            Ok(answer) => answer,
            Err(error) => {
                let error = LedgerError::Unreadable(error.to_string().into());
                match reading.clone() {
                    Reading::Hosts => Answer::Hosts(Err(error)),
                    Reading::Requests(wanted) => Answer::Requests(wanted, Err(error)),
                }
            }
        };
        self.under_way = None;
        self.finish(answer)
    }

    /// Decides when the next read may begin, and takes cancelled requests out of the answer.
    fn finish(&mut self, mut answer: Answer) -> Answer {
        let cancelled = std::mem::take(&mut self.cancelled);
        let wait = match &mut answer {
            Answer::Hosts(Ok(_)) => Duration::ZERO,
            Answer::Requests(_, Ok(claimed)) => {
                let few = claimed.leased.len() < MANY;
                let is_wanted = |id| !cancelled.contains(&id);
                claimed.leased.retain(|leased| is_wanted(leased.request.id));
                match few {
                    true => REST.max(self.began.elapsed()),
                    false => Duration::ZERO,
                }
            }
            Answer::Hosts(Err(_)) | Answer::Requests(_, Err(_)) => PAUSE,
        };
        self.not_before = Instant::now() + wait;
        answer
    }
}
