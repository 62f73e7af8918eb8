//! The model: the ledger with its leases, the world, and the lanes under test.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use proptest::prelude::*;

use crate::outbox::memory::{Bounds, End, Lanes, Load, Wanted};
use crate::outbox::tests::harness::{NOW, ms};
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{
    ClaimedRequests, Lease, LeaseRegistry, LeasedRequest, NewRequest, OutboxRequest, RequestHost,
    RequestId, Requeued, Token,
};

pub(super) const HANDLERS: [&str; 3] = ["a", "b", "c"];
pub(super) const HOSTS: [&str; 2] = ["x.example:80", "y.example:80"];
pub(super) const BOUNDS: Bounds = Bounds {
    all: Load {
        requests: 8,
        bytes: 1 << 20,
    },
    lane: Load {
        requests: 4,
        bytes: 1 << 20,
    },
};
const PER_HANDLER: usize = 3;

#[derive(Debug, Clone)]
pub(super) enum Op {
    /// Commit a request of a handler and key to a host; the inbox may lose it.
    Commit {
        handler: usize,
        host: usize,
        key: Option<u8>,
        lost: bool,
    },
    /// Hand the committed requests to the lanes.
    Arrive,
    /// Look for the hosts of the requests in the ledger.
    Find,
    /// Begin a claim, if the lanes want one.
    Begin,
    /// Answer the claim from the ledger, with so many requests at most.
    Claim { limit: usize },
    /// Hand the answer to the lanes.
    Answer,
    /// Start the requests that may go.
    Start,
    /// End a try. The request is tried again after so long, or has ended.
    End {
        which: usize,
        again: Option<Duration>,
    },
    /// A try that is under way loses its lease.
    Lose { which: usize },
    /// Time passes.
    Advance { by: Duration },
    /// A handler leaves the manifest, or comes back.
    Toggle { handler: usize },
    /// A host takes no more requests, or takes some again.
    Host { host: usize },
    /// An operator cancels a request that waits or is under way.
    Cancel { which: usize },
    /// An operator makes a request due now.
    Hasten { which: usize },
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let key = prop_oneof![Just(None), (0..3u8).prop_map(Some)];
    let again =
        prop_oneof![2 => Just(None), 1 => (0..60_000_u64).prop_map(|millis| Some(ms(millis)))];
    prop_oneof![
        6 => (0..3usize, 0..2usize, key, prop::bool::weighted(0.2))
            .prop_map(|(handler, host, key, lost)| Op::Commit { handler, host, key, lost }),
        4 => Just(Op::Arrive),
        1 => Just(Op::Find),
        3 => Just(Op::Begin),
        4 => (1..4usize).prop_map(|limit| Op::Claim { limit }),
        4 => Just(Op::Answer),
        4 => Just(Op::Start),
        6 => (any::<usize>(), again).prop_map(|(which, again)| Op::End { which, again }),
        1 => any::<usize>().prop_map(|which| Op::Lose { which }),
        1 => (0..30_000_u64).prop_map(|millis| Op::Advance { by: ms(millis) }),
        1 => (0..3usize).prop_map(|handler| Op::Toggle { handler }),
        1 => (0..2usize).prop_map(|host| Op::Host { host }),
        2 => any::<usize>().prop_map(|which| Op::Cancel { which }),
        2 => any::<usize>().prop_map(|which| Op::Hasten { which }),
    ]
}

/// The leases that are in force.
#[derive(Default)]
struct Leases(Mutex<HashSet<RequestId>>);

impl LeaseRegistry<RequestId> for Leases {
    fn give_back(&self, item: RequestId, _: Token) {
        self.0.lock().remove(&item);
    }
}

/// A claim that is under way.
struct UnderWay {
    wanted: Wanted,
    answer: Option<ClaimedRequests>,
    /// Requests that were cancelled since.
    cancelled: HashSet<RequestId>,
}

/// The ledger, the world, and the lanes under test.
pub(super) struct Model {
    pub(super) lanes: Lanes,
    pub(super) now: SteadyTime,
    pub(super) last: i64,
    pub(super) waiting: BTreeMap<i64, OutboxRequest>,
    leases: Arc<Leases>,
    arriving: Vec<LeasedRequest>,
    left_behind: HashSet<(HandlerName, RequestHost)>,
    claim: Option<UnderWay>,
    /// How many requests claims have leased.
    pub(super) claimed: usize,
    pub(super) under_way: Vec<LeasedRequest>,
    absent: HashSet<HandlerName>,
    busy: HashSet<&'static str>,
    pub(super) sent: HashSet<i64>,
    pub(super) cancelled: HashSet<i64>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            lanes: Lanes::new(BOUNDS),
            now: SteadyTime::from_millis(1_000_000),
            last: 0,
            waiting: BTreeMap::new(),
            leases: Arc::default(),
            arriving: vec![],
            left_behind: HashSet::new(),
            claim: None,
            claimed: 0,
            under_way: vec![],
            absent: HashSet::new(),
            busy: HashSet::new(),
            sent: HashSet::new(),
            cancelled: HashSet::new(),
        }
    }

    pub(super) fn apply(&mut self, op: Op) {
        match op {
            Op::Commit {
                handler,
                host,
                key,
                lost,
            } => self.commit(handler, host, key, lost),
            Op::Arrive => self.arrive(),
            Op::Find => self.find(),
            Op::Begin => self.begin(),
            Op::Claim { limit } => self.answer_claim(limit),
            Op::Answer => self.take_answer(),
            Op::Start => self.start(),
            Op::End { which, again } => self.end(which, again),
            Op::Lose { which } => self.lose(which),
            Op::Advance { by } => self.now = self.now + by,
            Op::Toggle { handler } => {
                let name = HandlerName::new(HANDLERS[handler]);
                if !self.absent.remove(&name) {
                    self.absent.insert(name);
                }
                self.look_again();
            }
            Op::Host { host } => {
                if !self.busy.remove(HOSTS[host]) {
                    self.busy.insert(HOSTS[host]);
                }
            }
            Op::Cancel { which } => self.cancel(which),
            Op::Hasten { which } => self.hasten(which),
        }
        let lanes = HANDLERS.len() * HOSTS.len();
        assert!(self.lanes.load().requests <= BOUNDS.all.requests + lanes);
    }

    fn nth(&self, which: usize) -> Option<i64> {
        let which = which.checked_rem(self.waiting.len())?;
        self.waiting.keys().nth(which).copied()
    }

    fn is_leased(&self, id: i64) -> bool {
        self.leases.0.lock().contains(&RequestId(id))
    }

    fn lease(&self, request: OutboxRequest) -> LeasedRequest {
        let registry = self.leases.clone();
        assert!(self.leases.0.lock().insert(request.id), "one lease at most");
        let lease = Lease::new(request.id, Token::default(), registry);
        LeasedRequest { request, lease }
    }

    /// The first waiting request of each order key, and all that have no key.
    fn firsts(&self) -> Vec<i64> {
        let mut lines = HashSet::new();
        let mut firsts = Vec::new();
        for (id, request) in &self.waiting {
            let key = request.request.order_key.as_ref();
            if key.is_none_or(|key| lines.insert((&request.handler, key))) {
                firsts.push(*id);
            }
        }
        firsts
    }

    /// Hands a request to the inbox if it is its turn, as the ledger does.
    fn hand_over(&mut self, id: i64, lost: bool) {
        if !self.firsts().contains(&id) {
            return;
        }
        let leased = self.lease(self.waiting[&id].clone());
        if lost {
            let request = &leased.request;
            let lane = (request.handler.clone(), request.host.clone());
            self.left_behind.insert(lane);
        } else {
            self.arriving.push(leased);
        }
    }

    pub(super) fn commit(&mut self, handler: usize, host: usize, key: Option<u8>, lost: bool) {
        self.last += 1;
        let url = format!("http://{}/", HOSTS[host]);
        let request = OutboxRequest {
            id: RequestId(self.last),
            handler: HandlerName::new(HANDLERS[handler]),
            event: EventId::from_bytes([0; 16]),
            host: RequestHost::of_url(&url),
            request: Arc::new(NewRequest {
                key: String::new(),
                method: "POST".to_owned(),
                url,
                headers: vec![],
                body: Bytes::new(),
                order_key: key.map(|key| key.to_string()),
                respond: None,
            }),
            tries: 0,
            queued: NOW,
            due: self.now,
            requeued: Requeued::never(NOW),
        };
        self.waiting.insert(self.last, request);
        self.hand_over(self.last, lost);
    }

    /// A request has ended: the next one of its key is handed over.
    fn remove(&mut self, id: i64) -> OutboxRequest {
        let before = self.firsts();
        let request = self.waiting.remove(&id).unwrap();
        let released = self.firsts().into_iter().find(|id| !before.contains(id));
        if let Some(next) = released {
            self.hand_over(next, next % 5 == 0);
        }
        request
    }

    fn arrive(&mut self) {
        for leased in self.arriving.drain(..) {
            if !self.absent.contains(&leased.request.handler) {
                self.lanes.arrive(leased);
            }
        }
        for (handler, host) in self.left_behind.drain() {
            self.lanes.left_behind(&handler, &host);
        }
    }

    fn look_again(&mut self) {
        let absent = &self.absent;
        self.lanes.keep_present(|name| !absent.contains(name));
        self.find();
    }

    fn find(&mut self) {
        for id in self.firsts() {
            let request = &self.waiting[&id];
            if !self.absent.contains(&request.handler) {
                self.lanes.left_behind(&request.handler, &request.host);
            }
        }
    }

    fn begin(&mut self) {
        if self.claim.is_none() {
            let absent = &self.absent;
            let wanted = self
                .lanes
                .next_claim(self.now, |name| !absent.contains(name));
            self.claim = wanted.map(|wanted| UnderWay {
                wanted,
                answer: None,
                cancelled: HashSet::new(),
            });
        }
    }

    fn answer_claim(&mut self, limit: usize) {
        let Some(mut claim) = self.claim.take_if(|claim| claim.answer.is_none()) else {
            return;
        };
        let wanted = claim.wanted.clone();
        let mut free: Vec<_> = self
            .firsts()
            .into_iter()
            .filter(|id| !self.is_leased(*id))
            .map(|id| self.waiting[&id].clone())
            .filter(|one| one.handler == wanted.handler && one.host == wanted.host)
            .collect();
        free.sort_by_key(|one| (one.due, one.id.0));
        let later = free.iter().map(|one| one.due).find(|due| *due > self.now);
        free.retain(|one| one.due <= self.now);
        let more = free.len() > limit.min(wanted.limit);
        free.truncate(limit.min(wanted.limit));
        self.claimed += free.len();
        claim.answer = Some(ClaimedRequests {
            leased: free.into_iter().map(|one| self.lease(one)).collect(),
            more,
            next: later.filter(|_| !more),
        });
        self.claim = Some(claim);
    }

    fn take_answer(&mut self) {
        let Some(claim) = self.claim.take_if(|claim| claim.answer.is_some()) else {
            return;
        };
        let mut answer = claim.answer.unwrap();
        let is_cancelled = |one: &LeasedRequest| claim.cancelled.contains(&one.request.id);
        answer.leased.retain(|one| !is_cancelled(one));
        self.lanes.claimed(&claim.wanted, answer);
    }

    fn start(&mut self) {
        let absent = self.absent.clone();
        let ready = |name: &HandlerName| (!absent.contains(name)).then_some(());
        let busy = self.busy.clone();
        let free = |host: &RequestHost| !busy.contains(host.as_str());
        while let Some((leased, ())) = self.lanes.next(PER_HANDLER, free, ready) {
            let request = &leased.request;
            let id = request.id.0;
            assert!(
                free(&request.host),
                "{id} was sent to a host that takes nothing"
            );
            let known = self.waiting.get(&id);
            let known = known.unwrap_or_else(|| panic!("{id} was sent when it was settled"));
            assert!(self.is_leased(id), "{id} was sent without a lease");
            assert!(known.due <= self.now, "{id} was sent before it was due");
            assert_eq!(request.tries, known.tries);
            let same_line = |other: &OutboxRequest| {
                let key = request.request.order_key.as_ref();
                key.is_some()
                    && other.handler == request.handler
                    && other.request.order_key.as_ref() == key
            };
            let mut earlier = self.waiting.range(..id);
            assert!(!earlier.any(|(_, other)| same_line(other)), "{id} overtook");
            let mut tries = self.under_way.iter();
            assert!(
                !tries.any(|other| same_line(&other.request)),
                "{id} at once"
            );
            self.under_way.push(leased);
            let handler = &self.under_way.last().unwrap().request.handler;
            let of_handler = self.under_way.iter();
            let of_handler = of_handler.filter(|one| one.request.handler == *handler);
            assert!(of_handler.count() <= PER_HANDLER);
        }
    }

    pub(super) fn end(&mut self, which: usize, again: Option<Duration>) {
        let Some(which) = which.checked_rem(self.under_way.len()) else {
            return;
        };
        let leased = self.under_way.swap_remove(which);
        let id = leased.request.id;
        // The lease ends with the settlement.
        drop(leased);
        let end = match (again, self.waiting.get_mut(&id.0)) {
            (Some(delay), Some(request)) => {
                request.tries += 1;
                request.due = self.now + delay;
                End::Due(request.due)
            }
            (None, Some(_)) => {
                self.remove(id.0);
                self.sent.insert(id.0);
                End::Over
            }
            // It was cancelled.
            (_, None) => End::Over,
        };
        // The next one of the key may arrive before the outbox hears of the end.
        if id.0 % 2 == 0 {
            self.arrive();
            self.start();
        }
        self.lanes.ended(id, end);
    }

    fn lose(&mut self, which: usize) {
        if let Some(which) = which.checked_rem(self.under_way.len()) {
            let leased = self.under_way.swap_remove(which);
            let id = leased.request.id;
            drop(leased);
            self.lanes.ended(id, End::Unknown);
        }
    }

    fn cancel(&mut self, which: usize) {
        let Some(id) = self.nth(which) else { return };
        self.remove(id);
        self.cancelled.insert(id);
        // As the driver does: it may have arrived by then.
        self.arrive();
        let ids = HashSet::from([RequestId(id)]);
        self.lanes.cancel(&ids);
        if let Some(claim) = &mut self.claim {
            claim.cancelled.extend(ids);
        }
    }

    fn hasten(&mut self, which: usize) {
        let Some(id) = self.nth(which) else { return };
        let mut under_way = self.under_way.iter();
        if !under_way.any(|one| one.request.id.0 == id) {
            let request = self.waiting.get_mut(&id).unwrap();
            request.due = request.due.min(self.now);
            let request = request.clone();
            self.arrive();
            self.lanes.left_behind(&request.handler, &request.host);
        }
    }

    /// One turn of the driver, with claims of `limit` requests.
    pub(super) fn turn(&mut self, limit: usize) {
        self.apply(Op::Arrive);
        for _ in 0..HANDLERS.len() * HOSTS.len() {
            for op in [Op::Begin, Op::Claim { limit }, Op::Answer] {
                self.apply(op);
            }
        }
        self.apply(Op::Start);
    }

    /// The ids of the requests under way.
    pub(super) fn ids(&self) -> Vec<i64> {
        let ids = self.under_way.iter();
        ids.map(|leased| leased.request.id.0).collect()
    }

    /// Ends all tries under way.
    fn end_all(&mut self) {
        while !self.under_way.is_empty() {
            self.apply(Op::End {
                which: 0,
                again: None,
            });
        }
    }

    /// Lets all requests go: each one that waits must get its turn.
    pub(super) fn drain(&mut self) {
        self.absent.clear();
        self.busy.clear();
        self.look_again();
        for _ in 0..1000 {
            self.turn(3);
            self.end_all();
            self.apply(Op::Advance { by: ms(1000) });
            if self.waiting.is_empty() {
                self.turn(3);
                assert_eq!(
                    self.lanes.load(),
                    Load::default(),
                    "what is gone is in memory"
                );
                assert!(self.leases.0.lock().is_empty(), "what is gone is leased");
                return;
            }
        }
        panic!("never sent: {:?}", self.waiting.keys());
    }
}
