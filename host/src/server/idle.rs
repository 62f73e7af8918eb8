//! Finds out whether a connection carries requests, and whether the head of a request is late.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::refusal::Refusal;

/// No head of a request is arriving.
const NO_HEAD: u64 = u64::MAX;
/// Nobody knows how many bytes have arrived beyond a head.
const UNKNOWN: u64 = u64::MAX;

/// Counts the requests of one connection. A reader compares counts at intervals: if the count did
/// not change and no request is under way, the connection was idle between.
///
/// Times are microseconds since the connection was made.
#[derive(Debug)]
pub(super) struct Activity {
    made: Instant,
    begun: AtomicU64,
    ended: AtomicU64,
    /// When the last request ended; 0 before the first request ends.
    rested: AtomicU64,
    /// When the head that is arriving began; [`NO_HEAD`] if none is arriving.
    head: AtomicU64,
    head_begun: Notify,
    /// The bytes that have arrived beyond the last head, or [`UNKNOWN`].
    beyond_head: AtomicU64,
    /// Whether a request of the connection was answered with 2xx.
    proven: AtomicBool,
    told_to_leave: Notify,
    /// Why the connection was ended by this side.
    refusal: OnceLock<Refusal>,
}

impl Activity {
    /// The activity of a connection that is made now.
    pub(super) fn new() -> Self {
        Self {
            made: Instant::now(),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            rested: AtomicU64::new(0),
            head: AtomicU64::new(NO_HEAD),
            head_begun: Notify::new(),
            beyond_head: AtomicU64::new(UNKNOWN),
            proven: AtomicBool::new(false),
            told_to_leave: Notify::new(),
            refusal: OnceLock::new(),
        }
    }

    fn now(&self) -> u64 {
        self.made.elapsed().as_micros() as u64
    }

    fn at(&self, micros: u64) -> Instant {
        self.made + Duration::from_micros(micros)
    }

    /// Counts a request as under way until the guard is dropped. `announced` is the length of its
    /// body, if the head tells it.
    pub(super) fn begin(self: &Arc<Self>, announced: Option<u64>) -> InFlight {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.head.store(NO_HEAD, Ordering::Relaxed);
        InFlight {
            of: self.clone(),
            announced,
        }
    }

    /// How many requests have begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Notes that bytes of the peer have arrived. If no request is under way, they are the head of
    /// the next request. Returns whether the head begins with these bytes.
    pub(super) fn received(&self) -> bool {
        let begins = self.head.load(Ordering::Relaxed) == NO_HEAD && self.at_rest().is_some();
        if begins {
            self.beyond_head.store(UNKNOWN, Ordering::Relaxed);
            self.begin_head();
        }
        begins
    }

    /// Notes that the head has arrived, and so many bytes beyond it.
    pub(super) fn found_end_of_head(&self, beyond: u64) {
        self.beyond_head.store(beyond, Ordering::Relaxed);
    }

    /// Notes that so many bytes more have arrived beyond the last head.
    pub(super) fn received_beyond_head(&self, bytes: u64) {
        let before = self.beyond_head.load(Ordering::Relaxed);
        if before != UNKNOWN {
            self.beyond_head.store(before + bytes, Ordering::Relaxed);
        }
    }

    fn begin_head(&self) {
        self.head.store(self.now(), Ordering::Relaxed);
        self.head_begun.notify_one();
    }

    /// When the head that is arriving began; `None` if none is arriving.
    #[cfg(test)]
    pub(super) fn head_begun(&self) -> Option<Instant> {
        let begun = self.head.load(Ordering::Relaxed);
        (begun != NO_HEAD).then(|| self.at(begun))
    }

    /// Notes that this side ends the connection, and why. The first reason stays.
    pub(super) fn refuse(&self, refusal: Refusal) {
        _ = self.refusal.set(refusal);
    }

    /// Why this side ended the connection.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }

    /// Resolves once the head of one request has been arriving for `limit`.
    pub(super) async fn head_is_late(&self, limit: Duration) {
        loop {
            self.head_begun.notified().await;
            // The head may have arrived in the meantime, and the next one may have begun.
            loop {
                let begun = self.head.load(Ordering::Relaxed);
                if begun == NO_HEAD {
                    break;
                }
                sleep_until(self.at(begun) + limit).await;
                if self.head.load(Ordering::Relaxed) == begun {
                    return;
                }
            }
        }
    }

    /// Resolves once no request began, was under way or ended for `period`, after `period` at the
    /// earliest and less than twice `period` at the latest.
    pub(super) async fn idle_for(&self, period: Duration) {
        let mut before = self.at_rest();
        loop {
            sleep(period).await;
            let now = self.at_rest();
            if now.is_some() && now == before {
                return;
            }
            before = now;
        }
    }

    /// Since when no request has been under way; `None` if one is.
    pub(super) fn silent_since(&self) -> Option<Instant> {
        self.at_rest()?;
        Some(self.at(self.rested.load(Ordering::Relaxed)))
    }

    /// Notes that a request was answered with 2xx.
    pub(super) fn prove(&self) {
        self.proven.store(true, Ordering::Relaxed);
    }

    /// Whether a request was answered with 2xx.
    pub(super) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    /// Tells the connection to end because others need its place.
    pub(super) fn tell_to_leave(&self) {
        self.told_to_leave.notify_one();
    }

    /// Resolves when the connection is told to leave while no request is under way.
    pub(super) async fn must_leave(&self) {
        loop {
            self.told_to_leave.notified().await;
            if self.at_rest().is_some() {
                return;
            }
        }
    }

    /// How many requests began; `None` if one of them is under way.
    fn at_rest(&self) -> Option<u64> {
        // Read in this order: a request that begins and ends between the two reads makes the
        // counts differ, not look equal.
        let ended = self.ended.load(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Acquire);
        (begun == ended).then_some(begun)
    }
}

/// One request under way.
#[derive(Debug)]
pub(super) struct InFlight {
    of: Arc<Activity>,
    announced: Option<u64>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Self { of, announced } = self;
        of.rested.store(of.now(), Ordering::Relaxed);
        of.ended.fetch_add(1, Ordering::Release);
        // Bytes beyond the body are the head of the next request.
        let beyond = of.beyond_head.swap(UNKNOWN, Ordering::Relaxed);
        if beyond != UNKNOWN && announced.is_some_and(|body| beyond > body) {
            of.begin_head();
        }
    }
}
