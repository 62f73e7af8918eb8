//! The task that decides which question goes when.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, warn};

use super::answer::{Answer, Failure, Then};
use super::asking::ask;
use super::backoff::wait_after;
use super::changes::{hasten, same};
use super::gates::{Gates, HostKey};
use super::lane::{Lane, QUEUE, Work};
use super::parts::{Parts, Sources};
use super::question::{About, Plan, Question};
use super::settling::settle;
use super::signals::{News, Signals, SourceTally};
use crate::egress::Clients;
use crate::settings::{Resolve, Source};
use tollgate_base::event::SourceName;
use tollgate_base::time::{SteadyClock, SteadyTime};
use tollgate_ledger::{LedgerError, ResolutionEnd, ResolutionStore, Told};

/// The longest time without a look at the clock: a machine that slept delays nothing by more.
const LOOK: Duration = Duration::from_secs(2);
/// How often to look for events that nobody announced.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);
/// The pause after the ledger could not be read.
const PAUSE: Duration = Duration::from_secs(1);
/// The most questions under way: at 100 a second, answers may take half a second.
const UNDER_WAY: usize = 64;
/// The time between two log lines about one source.
const BETWEEN_LINES: Duration = Duration::from_secs(60);
/// The task's state.
pub(super) struct Driver {
    ledger: Arc<dyn ResolutionStore>,
    news: Arc<News>,
    sources: Arc<dyn Sources>,
    clock: Arc<SteadyClock>,
    clients: Arc<Clients>,
    signals: Arc<Signals>,
    lanes: BTreeMap<SourceName, Lane>,
    /// The settings by which the lanes go.
    known: HashMap<SourceName, Arc<Source>>,
    gates: Gates,
    look_at_all: Instant,
    tasks: JoinSet<Ended>,
    logged: HashMap<SourceName, Instant>,
}

/// A task that has ended.
enum Ended {
    /// A question was asked.
    Asked(Box<Asked>),
    /// The end of a try is on record. The source's next try is due then.
    Settled(SourceName, Option<SteadyTime>),
}

/// A question that was asked.
struct Asked {
    work: Work,
    source: SourceName,
    host: HostKey,
    about: About,
    answer: Answer,
}

impl Driver {
    pub(super) fn new(parts: Parts, signals: Arc<Signals>) -> Self {
        Self {
            ledger: parts.ledger,
            news: parts.news,
            sources: parts.sources,
            clock: parts.clock,
            clients: Arc::new(Clients::new(parts.tls)),
            signals,
            lanes: BTreeMap::new(),
            known: HashMap::new(),
            gates: Gates::default(),
            look_at_all: Instant::now(),
            tasks: JoinSet::new(),
            logged: HashMap::new(),
        }
    }

    /// Asks until `stopped`, then waits for the questions under way.
    pub(super) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        self.follow(true).await;
        loop {
            if self.signals.sources_changed.swap(false, Ordering::AcqRel) {
                self.follow(false).await;
            }
            let now = self.clock.now();
            self.take_news();
            self.claim(now).await;
            let opens = self.start(self.clock.now());
            self.tell(now);
            let idle_until = self.idle_until(now, opens);
            let (signals, news) = (self.signals.clone(), self.news.clone());
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => break,
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                () = news.came.notified() => {}
                () = signals.wake.notified() => {}
                () = sleep_until(idle_until) => {}
            }
        }
        self.lanes.clear();
        while let Some(ended) = self.tasks.join_next().await {
            self.ended_at_the_end(ended);
        }
    }

    /// Goes by the present sources. If the settings of a source changed, what its events met may be
    /// mended, so they are due at once.
    async fn follow(&mut self, first: bool) {
        let present = self.sources.sources();
        let mut changed = Vec::new();
        for source in &present {
            let before = self.known.get(&source.name);
            let same = before.is_some_and(|before| same(before, source));
            let lane = self.lanes.entry(source.name.clone()).or_default();
            if !same {
                lane.settings_changed();
                changed.push(source.name.clone());
            }
        }
        self.lanes
            .retain(|name, _| present.iter().any(|source| source.name == *name));
        let named = present
            .into_iter()
            .map(|source| (source.name.clone(), source));
        self.known = named.collect();
        self.look_at_all = Instant::now();
        if !changed.is_empty() {
            let ledger = self.ledger.clone();
            let hastened = spawn_blocking(move || hasten(&*ledger, &changed, first)).await;
            match hastened {
                Ok(Err(error)) if error != LedgerError::Closed => {
                    warn!(%error, "waiting events could not be made due");
                }
                _ => {}
            }
        }
    }

    fn take_news(&mut self) {
        if self.news.unseen.swap(false, Ordering::AcqRel) {
            let known = &self.known;
            let resolves =
                |name: &SourceName| known.get(name).is_some_and(|of| of.resolve.is_some());
            let lanes = self.lanes.iter_mut();
            lanes
                .filter(|(name, _)| resolves(name))
                .for_each(|(_, lane)| lane.look());
        }
        if self.look_at_all <= Instant::now() {
            self.look_at_all = Instant::now() + LOOK_AT_ALL;
            self.lanes.values_mut().for_each(Lane::look);
        }
    }

    /// Claims for the lanes that have room.
    async fn claim(&mut self, now: SteadyTime) {
        if self.sources.is_on_hold() {
            return;
        }
        for (name, lane) in &mut self.lanes {
            if !lane.wants_claim(now) {
                continue;
            }
            lane.claiming();
            let (ledger, source) = (self.ledger.clone(), name.clone());
            let claim = move || ledger.claim_resolutions(&source, now, QUEUE);
            match spawn_blocking(claim).await {
                Ok(Ok(claimed)) => lane.claimed(claimed),
                Ok(Err(LedgerError::Closed)) => return,
                Ok(Err(error)) => {
                    error!(%error, "waiting events could not be read; trying again");
                    lane.claim_failed(now + PAUSE);
                }
                Err(_) => lane.claim_failed(now + PAUSE),
            }
        }
    }

    /// Starts what may go now, one source after another. Returns when more may go.
    fn start(&mut self, now: SteadyTime) -> Option<SteadyTime> {
        let resolving = self
            .known
            .values()
            .filter_map(|source| source.resolve.as_ref());
        self.gates.follow(resolving, now);
        let mut opens: Option<SteadyTime> = None;
        let mut names: Vec<_> = self.lanes.keys().cloned().collect();
        while !names.is_empty() && !self.sources.is_on_hold() {
            names.retain(|name| {
                if self.tasks.len() >= UNDER_WAY {
                    return false;
                }
                match self.start_one(name, now) {
                    Started::One => true,
                    Started::None(at) => {
                        opens = opens.into_iter().chain(at).min();
                        false
                    }
                }
            });
        }
        opens
    }

    /// Starts the next question of a source, or settles an event about which nothing is asked.
    fn start_one(&mut self, name: &SourceName, now: SteadyTime) -> Started {
        let (Some(source), Some(lane)) = (self.known.get(name), self.lanes.get_mut(name)) else {
            return Started::None(None);
        };
        let (source, resolve) = (source.clone(), source.resolve.clone());
        lane.choose_probe();
        let Some(work) = lane.queue.front() else {
            return Started::None(None);
        };
        let payload = &work.leased.resolution.event.payload;
        let plan = Plan::for_payload(resolve.as_ref(), payload);
        let question = work.next(&plan).cloned().filter(|_| plan.to_mend.is_none());
        let (Some(question), Some(resolve)) = (question, resolve) else {
            if let Some(work) = lane.queue.pop_front() {
                self.settle_unasked(&source, work, plan, now);
            }
            return Started::One;
        };
        let host = HostKey::of(&resolve);
        let Some(gate) = self.gates.get(&host) else {
            return Started::None(None);
        };
        let at = lane
            .opens_at()
            .zip(gate.opens_at(now))
            .map(|(lane, gate)| lane.max(gate));
        match (at, lane.queue.pop_front()) {
            (Some(at), Some(work)) if at <= now => {
                gate.started(now);
                lane.started();
                self.count(name, |tally| tally.requests += 1);
                self.spawn_question(source, host, (resolve, question), work);
                Started::One
            }
            (at, work) => {
                lane.queue.extend(work);
                lane.queue.rotate_right(1);
                Started::None(at)
            }
        }
    }

    fn spawn_question(
        &mut self,
        source: Arc<Source>,
        host: HostKey,
        (resolve, question): (Resolve, Question),
        work: Work,
    ) {
        let (clients, clock) = (self.clients.clone(), self.clock.clone());
        self.tasks.spawn(async move {
            let answer = ask(&clients, &resolve, &question, || clock.wall()).await;
            Ended::Asked(Box::new(Asked {
                work,
                source: source.name.clone(),
                host,
                about: question.about,
                answer,
            }))
        });
    }

    /// Records the end for an event about which nothing is asked, or nothing more.
    fn settle_unasked(&mut self, source: &Source, mut work: Work, plan: Plan, now: SteadyTime) {
        let end = match plan.to_mend {
            Some(error) => {
                let failure = Failure {
                    status: None,
                    error,
                    then: Then::Mend,
                };
                return self.settle_failed(&source.name, work, failure, now);
            }
            None => ResolutionEnd::Resolved {
                resolved: work.resolved(self.clock.wall()),
                note: plan.note,
            },
        };
        self.spawn_settling(source.name.clone(), work, end, None);
    }

    fn settle_failed(
        &mut self,
        source: &SourceName,
        work: Work,
        failure: Failure,
        now: SteadyTime,
    ) {
        let resolution = &work.leased.resolution;
        let due = now + wait_after(resolution.tries + 1, failure.then);
        let mend = failure.then.is_to_mend();
        self.count(source, |tally| match mend {
            true => tally.to_mend += 1,
            false => tally.again += 1,
        });
        let (event, error) = (resolution.event.id, &failure.error);
        let last = self.logged.get(source);
        if mend && last.is_none_or(|at| at.elapsed() >= BETWEEN_LINES) {
            self.logged.insert(source.clone(), Instant::now());
            warn!(
                %source, %event, error,
                "events wait for their objects until an operator has mended this"
            );
        } else {
            debug!(%source, %event, error, "no answer of the provider's API, to be asked again");
        }
        let end = ResolutionEnd::Later {
            due,
            status: failure.status,
            error: failure.error,
            mend,
        };
        self.spawn_settling(source.clone(), work, end, Some(due));
    }

    fn spawn_settling(
        &mut self,
        source: SourceName,
        work: Work,
        end: ResolutionEnd,
        due: Option<SteadyTime>,
    ) {
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move {
            settle(ledger, work.leased, end).await;
            Ended::Settled(source, due)
        });
    }

    fn ended(&mut self, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(Ended::Asked(asked)) => self.asked(*asked),
            Ok(Ended::Settled(source, due)) => {
                if let (Some(lane), Some(due)) = (self.lanes.get_mut(&source), due) {
                    lane.due(due);
                }
            }
            Err(error) => {
                // Its lease was dropped with it.
                error!(%error, "asking the provider's API panicked");
                self.look_at_all = Instant::now() + PAUSE;
            }
        }
    }

    /// Records what was still answered. Nothing new is asked.
    fn ended_at_the_end(&mut self, ended: Result<Ended, JoinError>) {
        let Ok(Ended::Asked(asked)) = ended else {
            return;
        };
        let Asked {
            mut work,
            source,
            about,
            answer,
            ..
        } = *asked;
        let Answer::Told(told) = answer else {
            return;
        };
        work.told(about, told);
        let resolve = self
            .known
            .get(&source)
            .and_then(|source| source.resolve.as_ref());
        let plan = Plan::for_payload(resolve, &work.leased.resolution.event.payload);
        if work.next(&plan).is_none() {
            let end = ResolutionEnd::Resolved {
                resolved: work.resolved(self.clock.wall()),
                note: plan.note,
            };
            self.spawn_settling(source, work, end, None);
        }
    }

    fn asked(&mut self, asked: Asked) {
        let Asked {
            mut work,
            source,
            host,
            about,
            answer,
        } = asked;
        let now = self.clock.now();
        if let Some(gate) = self.gates.get(&host) {
            gate.ended(now);
            if let Answer::None(Failure {
                then: Then::HostRests(asked),
                ..
            }) = answer
            {
                gate.rest(asked, now);
            }
        }
        self.note_key(&source, &answer, work.leased.resolution.tries, now);
        match answer {
            Answer::Told(told) => {
                let is_gone = told == Told::Gone;
                self.count(&source, |tally| {
                    tally.answered += 1;
                    tally.gone += u64::from(is_gone);
                });
                work.told(about, told);
                // The next question of the event, or its end, comes first. The lease of an event
                // whose source is gone is given back.
                if let Some(lane) = self.lanes.get_mut(&source) {
                    lane.queue.push_front(work);
                }
            }
            Answer::None(failure) => self.settle_failed(&source, work, failure, now),
        }
    }

    /// Notes what an answer says of the source's key.
    fn note_key(&mut self, source: &SourceName, answer: &Answer, tries: u32, now: SteadyTime) {
        let Some(lane) = self.lanes.get_mut(source) else {
            return;
        };
        match answer {
            Answer::None(Failure {
                then: Then::MendKey,
                ..
            }) => lane.key_refused(now, tries),
            Answer::None(Failure { status: None, .. }) => lane.key_unknown(),
            _ => lane.key_taken(),
        }
    }

    fn count(&self, source: &SourceName, change: impl FnOnce(&mut SourceTally)) {
        let mut tallies = self.signals.tallies.lock();
        change(tallies.entry(source.clone()).or_default());
    }

    /// Tells the status until when no request goes to a host.
    fn tell(&self, now: SteadyTime) {
        // By the time of day, for people.
        let ahead = self.clock.ahead();
        let mut tallies = self.signals.tallies.lock();
        for (name, source) in &self.known {
            let Some(resolve) = &source.resolve else {
                continue;
            };
            let rests = self.gates.rests_until(&HostKey::of(resolve), now);
            let refused = self.lanes.get(name).and_then(Lane::refused_until);
            let until = rests.max(refused).map(|until| ahead.wall(until));
            let tally = tallies.entry(name.clone()).or_default();
            tally.rests_until = until;
        }
    }

    /// When to look again if nothing happens before.
    fn idle_until(&self, clock: SteadyTime, opens: Option<SteadyTime>) -> Instant {
        let claims = !self.sources.is_on_hold();
        let lanes = self.lanes.values().filter(|_| claims);
        let due = lanes.filter_map(Lane::claims_at);
        let wait = due.chain(opens).min().map_or(LOOK, |at| {
            // Not less than a millisecond, the unit of the clock.
            at.since(clock).clamp(Duration::from_millis(1), LOOK)
        });
        let look = Instant::now() + wait;
        look.min(self.look_at_all.max(Instant::now()))
    }
}

/// What became of a wish to start something.
enum Started {
    /// Something was started.
    One,
    /// Nothing can be started now. It may be at this time, if that is known.
    None(Option<SteadyTime>),
}
