//! The task that decides which request goes out when.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::error;

use super::claims::{Answer, Claims};
use super::memory::{Arrived, Bounds, End, Hosts, Inbox, Lanes, quiet_until};
use super::parts::{Parts, Targets};
use super::sending::{Ended, Sender};
use super::signals::{Changed, Signals};
use tollgate_base::event::HandlerName;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{LedgerError, OutboxNext, RequestHost, RequestId, Settled};

/// The longest time without a look at the clock: a machine that slept delays nothing by more.
const LOOK: Duration = Duration::from_secs(2);
/// How often to look for requests that nobody announced, such as requests of a
/// gateway that is gone.
const LOOK_FOR_HOSTS: Duration = Duration::from_secs(60);
/// The pause after a try that panicked.
const PAUSE: Duration = Duration::from_secs(1);

/// The task's state.
pub(super) struct Driver {
    inbox: Arc<Inbox>,
    targets: Arc<dyn Targets>,
    sender: Arc<Sender>,
    clock: Arc<SteadyClock>,
    signals: Arc<Signals>,
    lanes: Lanes,
    hosts: Hosts,
    claims: Claims,
    /// When to look for the hosts of requests that wait in the ledger.
    look_for_hosts: Instant,
    tries: JoinSet<Ended>,
    /// The tries under way: the request, and the name of the host under which it counts.
    under_way: HashMap<task::Id, (RequestId, String)>,
}

impl Driver {
    pub(super) fn new(parts: Parts, signals: Arc<Signals>, bounds: Bounds) -> Self {
        Self {
            sender: Arc::new(Sender::start(&parts, signals.clone())),
            inbox: parts.inbox,
            targets: parts.targets,
            clock: parts.clock,
            signals,
            lanes: Lanes::new(bounds),
            hosts: Hosts::default(),
            claims: Claims::new(parts.ledger),
            look_for_hosts: Instant::now(),
            tries: JoinSet::new(),
            under_way: HashMap::new(),
        }
    }

    /// Sends until `stopped`, then waits for the tries under way.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            self.take_in();
            self.take_changes();
            // One look at the clock for all: a request that falls due between two looks would
            // neither start nor be waited for.
            let now = self.clock.now();
            self.begin_claim(now);
            self.start_tries(now);
            let opens = self.hosts.look(now);
            let idle_until = self.idle_until(now, opens);
            let signals = self.signals.clone();
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(ended) = self.tries.join_next_with_id() => self.ended(ended),
                answer = self.claims.answer() => self.answered(answer),
                () = self.inbox.news.notified() => {}
                () = signals.wake.notified() => {}
                () = sleep_until(idle_until) => {}
            }
        }
        while let Some(ended) = self.tries.join_next_with_id().await {
            self.ended(ended);
        }
    }

    fn is_present(&self, name: &HandlerName) -> bool {
        self.targets.target(name).is_some()
    }

    fn take_in(&mut self) {
        let Arrived {
            requests,
            left_behind,
            ..
        } = self.inbox.take();
        for leased in requests {
            // When an absent handler returns, the outbox looks for its requests in the ledger.
            if self.is_present(&leased.request.handler) {
                self.lanes.arrive(leased);
            }
        }
        for (handler, host) in left_behind {
            self.lanes.left_behind(&handler, &host);
        }
    }

    /// Requests that arrived must have been taken in: the changed ones may be among them.
    fn take_changes(&mut self) {
        if self.signals.handlers_changed.swap(false, Ordering::AcqRel) {
            let targets = &self.targets;
            let is_present = |name: &HandlerName| targets.target(name).is_some();
            self.lanes.keep_present(is_present);
            self.look_for_hosts = Instant::now();
        }
        let changes = std::mem::take(&mut *self.signals.changed.lock());
        let mut cancelled = HashSet::new();
        for change in changes {
            match change {
                Changed::Cancelled(id) => {
                    cancelled.insert(id);
                }
                Changed::Due(handler, host) => self.lanes.left_behind(&handler, &host),
            }
        }
        if !cancelled.is_empty() {
            self.lanes.cancel(&cancelled);
            self.claims.cancel(&cancelled);
        }
    }

    fn begin_claim(&mut self, now: SteadyTime) {
        if !self.claims.is_ready() {
            return;
        }
        if self.look_for_hosts <= Instant::now() {
            self.look_for_hosts = Instant::now() + LOOK_FOR_HOSTS;
            self.claims.find_hosts(self.targets.names());
            return;
        }
        let targets = &self.targets;
        let is_present = |name: &HandlerName| targets.target(name).is_some();
        if let Some(wanted) = self.lanes.next_claim(now, is_present) {
            self.claims.claim(wanted, now);
        }
    }

    fn answered(&mut self, answer: Answer) {
        let error = match answer {
            Answer::Hosts(Ok(handlers)) => {
                for (handler, hosts) in handlers {
                    for host in hosts {
                        self.lanes.left_behind(&handler, &host);
                    }
                }
                return;
            }
            Answer::Requests(wanted, Ok(claimed)) => {
                self.lanes.claimed(&wanted, claimed);
                return;
            }
            Answer::Hosts(Err(error)) => {
                self.look_for_hosts = Instant::now();
                error
            }
            Answer::Requests(wanted, Err(error)) => {
                self.lanes.claim_failed(&wanted);
                error
            }
        };
        if !matches!(error, LedgerError::Closed) {
            error!(%error, "the outbox could not be read; trying again");
        }
    }

    fn start_tries(&mut self, now: SteadyTime) {
        let settings = self.targets.settings();
        let limits = &*settings.hosts;
        self.hosts.follow(limits, now);
        // One handler never takes every place: its receiver may take all time to answer.
        let per_handler = (settings.concurrency - settings.concurrency / 4).max(1);
        while self.tries.len() < settings.concurrency {
            let ready = |name: &HandlerName| self.targets.target(name);
            let is_free = |host: &RequestHost| self.hosts.is_free(host.as_str(), limits, now);
            let Some((leased, target)) = self.lanes.next(per_handler, is_free, ready) else {
                return;
            };
            let (id, host) = (leased.request.id, leased.request.host.as_str());
            let host = self.hosts.started(host, id, limits, now);
            let send = self.sender.clone();
            let send = send.send(target, leased, settings.clone());
            let task = self.tries.spawn(send);
            self.under_way.insert(task.id(), (id, host));
        }
    }

    fn ended(&mut self, ended: Result<(task::Id, Ended), JoinError>) {
        let (task, quiet, end) = match ended {
            Ok((task, ended)) => {
                let quiet = ended.asked.map(|asked| quiet_until(ended.at, asked));
                (task, quiet, end_of(&ended))
            }
            Err(error) => {
                error!(%error, "sending an outbox request panicked");
                (error.id(), None, End::Due(self.clock.now() + PAUSE))
            }
        };
        if let Some((request, host)) = self.under_way.remove(&task) {
            self.hosts.ended(&host, request, quiet);
            self.lanes.ended(request, end);
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
        let due = self.lanes.next_due(clock, |name| self.is_present(name));
        let wait = due.into_iter().chain(opens).min().map_or(LOOK, |at| {
            // Not less than a millisecond, the unit of the clock.
            at.since(clock).clamp(Duration::from_millis(1), LOOK)
        });
        let look = now + wait;
        match self.claims.ready_at() {
            // After a rest, a lane may want a claim.
            Some(ready) if ready > now => look.min(ready),
            Some(_) => look.min(self.look_for_hosts.max(now)),
            None => look,
        }
    }
}

/// How a try ended for its request.
fn end_of(ended: &Ended) -> End {
    match (ended.settled, ended.next) {
        (Some(Settled::LeaseLost), _) => End::Unknown,
        (Some(Settled::Committed), OutboxNext::Waiting { due }) => End::Due(due),
        // If the ledger has been closed, nothing goes any more.
        (Some(Settled::Committed | Settled::Stale) | None, _) => End::Over,
    }
}
