//! The task that decides what goes out when.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::error;

use super::hosts::{Hosts, quiet_until};
use super::inbox::Inbox;
use super::parts::{Parts, Targets};
use super::queue::Queue;
use super::room::Bounds;
use super::sending::{Ended, Sender};
use super::signals::{Changed, Signals};
use tollgate_base::event::HandlerName;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{LedgerError, OutboxNext, OutboxRequest, OutboxSeq, OutboxStore};

/// The longest time without a look at the clock: a machine that slept delays nothing by more.
const LOOK: Duration = Duration::from_secs(2);
/// What one page of a pass over the ledger holds at most.
const PAGE_REQUESTS: usize = 512;
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// The shortest pause between passes. They also pause for twice as long as they took, so
/// that a ledger with a million waiting requests is not read without end.
const REST: Duration = Duration::from_millis(50);
/// The pause after the ledger could not be read, and after a try that panicked.
const PAUSE: Duration = Duration::from_secs(1);

type Page = Result<Vec<OutboxRequest>, LedgerError>;

pub(super) struct Driver {
    ledger: Arc<dyn OutboxStore>,
    inbox: Arc<Inbox>,
    targets: Arc<dyn Targets>,
    sender: Arc<Sender>,
    clock: Arc<SteadyClock>,
    signals: Arc<Signals>,
    queue: Queue,
    tries: JoinSet<Ended>,
    /// The tries under way, and the name of the host that each counts for.
    seqs: HashMap<task::Id, (OutboxSeq, String)>,
    hosts: Hosts,
    reading: Option<JoinHandle<Page>>,
    pass_began: Instant,
    next_pass: Instant,
}

impl Driver {
    pub(super) fn new(parts: Parts, signals: Arc<Signals>, bounds: Bounds) -> Self {
        let now = Instant::now();
        Self {
            sender: Arc::new(Sender::start(&parts, signals.clone())),
            clock: parts.clock,
            signals,
            ledger: parts.ledger,
            inbox: parts.inbox,
            targets: parts.targets,
            queue: Queue::new(bounds),
            tries: JoinSet::new(),
            seqs: HashMap::new(),
            hosts: Hosts::default(),
            reading: None,
            pass_began: now,
            next_pass: now,
        }
    }

    /// Sends until `stopped`, then waits for the tries under way.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            self.take_in();
            self.take_changes();
            self.begin_pass();
            // One look at the clock for both: what falls due between two would be
            // neither started nor waited for.
            let now = self.clock.now();
            self.start_tries(now);
            let opens = self.hosts.look(now);
            let idle_until = self.idle_until(now, opens);
            let signals = self.signals.clone();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(ended) = self.tries.join_next_with_id() => self.ended(ended),
                page = next_page(&mut self.reading) => self.page(page),
                () = self.inbox.news.notified() => {}
                () = signals.wake.notified() => self.queue.look_again(),
                () = sleep_until(idle_until) => {}
            }
        }
        while let Some(ended) = self.tries.join_next_with_id().await {
            self.ended(ended);
        }
    }

    fn now(&self) -> SteadyTime {
        self.clock.now()
    }

    fn take_in(&mut self) {
        let arrived = self.inbox.take();
        for request in arrived.requests {
            let hosts = hosts_of(&*self.targets, &request.handler);
            self.queue.arrive(request, hosts);
        }
        for (handler, seq) in arrived.missed {
            self.queue.miss(&handler, seq);
        }
    }

    /// After what arrived has been taken in: it may be among that.
    fn take_changes(&mut self) {
        let changed = std::mem::take(&mut *self.signals.changed.lock());
        let now = self.now();
        for change in changed {
            match change {
                Changed::Cancelled(handler, seq) => self.queue.withdraw(&handler, seq),
                Changed::Due(handler, seq) => self.queue.hasten(&handler, seq, now),
            }
        }
    }

    fn begin_pass(&mut self) {
        if self.reading.is_some() || Instant::now() < self.next_pass {
            return;
        }
        let (now, targets) = (self.now(), self.targets.clone());
        if let Some(after) = self.queue.begin_pass(now, |name| hosts_of(&*targets, name)) {
            self.pass_began = Instant::now();
            self.read(after, Duration::ZERO);
        }
    }

    fn read(&mut self, after: OutboxSeq, pause: Duration) {
        let ledger = self.ledger.clone();
        self.reading = Some(tokio::spawn(async move {
            sleep(pause).await;
            let page = move || ledger.outbox_waiting(after, PAGE_REQUESTS, PAGE_BYTES);
            match task::spawn_blocking(page).await {
                Ok(page) => page,
                Err(error) => Err(LedgerError::Unreadable(error.to_string().into())),
            }
        }));
    }

    fn page(&mut self, page: Page) {
        self.reading = None;
        let (now, targets) = (self.now(), self.targets.clone());
        match page {
            Ok(requests) => {
                let hosts = |name: &HandlerName| hosts_of(&*targets, name);
                match self.queue.page(requests, now, hosts) {
                    Some(after) => self.read(after, Duration::ZERO),
                    None => {
                        let rest = REST.max(self.pass_began.elapsed() * 2);
                        self.next_pass = Instant::now() + rest;
                    }
                }
            }
            Err(LedgerError::Closed) => {
                self.next_pass = Instant::now() + PAUSE;
            }
            Err(error) => {
                error!(%error, "cannot read the outbox; trying again");
                if let Some(after) = self.queue.cursor() {
                    self.read(after, PAUSE);
                }
            }
        }
    }

    fn start_tries(&mut self, now: SteadyTime) {
        let settings = self.targets.settings();
        let limits = &*settings.hosts;
        self.hosts.follow(limits, now);
        // One handler never takes every place: its receiver may take all time to answer.
        let per_handler = (settings.concurrency - settings.concurrency / 4).max(1);
        while self.tries.len() < settings.concurrency {
            let ready = |name: &HandlerName| self.targets.handler(name);
            let free = |host: &str| self.hosts.is_free(host, limits, now);
            let next = self.queue.next(now, per_handler, free, ready);
            let Some((request, host, handler)) = next else {
                return;
            };
            let seq = request.seq;
            let host = self.hosts.started(&host, seq, limits, now);
            let send = self.sender.clone();
            let send = send.send(handler, request, settings.clone());
            let task = self.tries.spawn(send);
            self.seqs.insert(task.id(), (seq, host));
        }
    }

    fn ended(&mut self, ended: Result<(task::Id, Ended), JoinError>) {
        match ended {
            Ok((id, ended)) => {
                if let Some((seq, host)) = self.seqs.remove(&id) {
                    let quiet = ended.asked.map(|asked| quiet_until(ended.at, asked));
                    self.hosts.ended(&host, seq, quiet);
                }
                match ended.next {
                    Some(OutboxNext::Sent | OutboxNext::Dead) => self.queue.finished(ended.seq),
                    Some(OutboxNext::Waiting { due }) => {
                        self.queue.again(ended.seq, Some(ended.tries), due);
                    }
                    // The ledger has been closed: nothing goes any more.
                    None => {}
                }
            }
            Err(error) => {
                error!(%error, "sending an outbox request panicked");
                if let Some((seq, host)) = self.seqs.remove(&error.id()) {
                    self.hosts.ended(&host, seq, None);
                    let due = self.now() + PAUSE;
                    self.queue.again(seq, None, due);
                }
            }
        }
        self.tell_held();
    }

    fn tell_held(&self) {
        // By the time of day, for people.
        let ahead = self.clock.ahead();
        let held = self.hosts.held();
        let held = held.map(|(host, at)| (host.to_owned(), ahead.wall(at)));
        *self.signals.held.lock() = held.collect();
    }

    /// When to look again if nothing happens before.
    fn idle_until(&self, clock: SteadyTime, opens: Option<SteadyTime>) -> Instant {
        let now = Instant::now();
        let present = |name: &HandlerName| self.targets.handler(name).is_some();
        let due = self.queue.next_due(clock, present);
        let opens = opens.map(|at| at.since(clock));
        let due = due.into_iter().chain(opens).min().map_or(LOOK, |wait| {
            // Not less than a millisecond: what is due but has no place waits for one.
            wait.clamp(Duration::from_millis(1), LOOK)
        });
        let look = now + due;
        if self.reading.is_none() && self.queue.is_behind() && self.next_pass > now {
            return look.min(self.next_pass);
        }
        look
    }
}

/// How many hosts a handler may send to: about as many as its `allow` list is long, one at
/// least; 0 if it is not in the manifest.
fn hosts_of(targets: &dyn Targets, name: &HandlerName) -> usize {
    let handler = targets.handler(name);
    handler.map_or(0, |handler| handler.allow.len().max(1))
}

/// Resolves with the page that is being read, never if none is.
async fn next_page(reading: &mut Option<JoinHandle<Page>>) -> Page {
    match reading {
        Some(page) => page
            .await
            .unwrap_or_else(|error| Err(LedgerError::Unreadable(error.to_string().into()))),
        None => pending().await,
    }
}
