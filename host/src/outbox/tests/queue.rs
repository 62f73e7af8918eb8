//! The queue and its passes against a model of the ledger, under every interleaving
//! that chance finds.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::harness::{NOW, ms};
use crate::outbox::queue::Queue;
use crate::outbox::room::Bounds;
use tollgate_base::event::{EventId, HandlerName};
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{Life, NewRequest, OutboxRequest, OutboxSeq};

const HANDLERS: [&str; 3] = ["a", "b", "c"];
const HOSTS: [&str; 2] = ["x.example:80", "y.example:80"];
const BOUNDS: Bounds = Bounds {
    requests: 4,
    bytes: 1 << 20,
    shares: 2,
};
const PER_HANDLER: usize = 3;

#[derive(Debug, Clone)]
enum Op {
    /// Commit a request of a handler and key to a host; the inbox may lose it.
    Commit {
        handler: usize,
        host: usize,
        key: Option<u8>,
        lost: bool,
    },
    /// Hand what has been committed to the queue.
    Arrive,
    /// Begin a pass, if the queue wants one.
    Begin,
    /// Read the next page from the ledger, of so many requests.
    Read { limit: usize },
    /// Hand the page that was read to the queue.
    Page,
    /// Start what may go.
    Start,
    /// End the try of one that is under way; tried again after so long, or settled.
    End {
        which: usize,
        again: Option<Duration>,
    },
    /// Time passes.
    Advance { by: Duration },
    /// A handler leaves the manifest, or comes back.
    Toggle { handler: usize },
    /// A host takes nothing more, or takes it again.
    Host { host: usize },
    /// An operator cancels one that waits or is under way.
    Cancel { which: usize },
    /// An operator has one tried now.
    Hasten { which: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let key = prop_oneof![Just(None), (0..3u8).prop_map(Some)];
    let again =
        prop_oneof![2 => Just(None), 1 => (0..60_000_u64).prop_map(|millis| Some(ms(millis)))];
    prop_oneof![
        6 => (0..3usize, 0..2usize, key, prop::bool::weighted(0.2))
            .prop_map(|(handler, host, key, lost)| Op::Commit { handler, host, key, lost }),
        4 => Just(Op::Arrive),
        2 => Just(Op::Begin),
        4 => (1..4usize).prop_map(|limit| Op::Read { limit }),
        4 => Just(Op::Page),
        4 => Just(Op::Start),
        6 => (any::<usize>(), again).prop_map(|(which, again)| Op::End { which, again }),
        1 => (0..30_000_u64).prop_map(|millis| Op::Advance { by: ms(millis) }),
        1 => (0..3usize).prop_map(|handler| Op::Toggle { handler }),
        1 => (0..2usize).prop_map(|host| Op::Host { host }),
        2 => any::<usize>().prop_map(|which| Op::Cancel { which }),
        2 => any::<usize>().prop_map(|which| Op::Hasten { which }),
    ]
}

/// The ledger, the world, and the queue under test.
struct Model {
    queue: Queue,
    now: SteadyTime,
    last: i64,
    waiting: BTreeMap<OutboxSeq, OutboxRequest>,
    arriving: Vec<OutboxRequest>,
    missed: BTreeMap<HandlerName, OutboxSeq>,
    read_after: Option<OutboxSeq>,
    page: Option<Vec<OutboxRequest>>,
    under_way: Vec<OutboxSeq>,
    absent: HashSet<HandlerName>,
    busy: HashSet<&'static str>,
    sent: HashSet<OutboxSeq>,
    cancelled: BTreeMap<OutboxSeq, OutboxRequest>,
}

/// How many hosts a handler may send to.
fn hosts(absent: &HashSet<HandlerName>) -> impl Fn(&HandlerName) -> usize {
    |name| match absent.contains(name) {
        true => 0,
        false => HOSTS.len(),
    }
}

impl Model {
    fn new() -> Self {
        Self {
            queue: Queue::new(BOUNDS),
            now: SteadyTime::from_millis(1_000_000),
            last: 0,
            waiting: BTreeMap::new(),
            arriving: vec![],
            missed: BTreeMap::new(),
            read_after: None,
            page: None,
            under_way: vec![],
            absent: HashSet::new(),
            busy: HashSet::new(),
            sent: HashSet::new(),
            cancelled: BTreeMap::new(),
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Commit {
                handler,
                host,
                key,
                lost,
            } => self.commit(handler, host, key, lost),
            Op::Arrive => self.arrive(),
            Op::Begin => {
                if self.read_after.is_none() && self.page.is_none() {
                    let hosts = hosts(&self.absent);
                    self.read_after = self.queue.begin_pass(self.now, hosts);
                }
            }
            Op::Read { limit } => {
                if let Some(after) = self.read_after.take() {
                    let rest = self.waiting.range(OutboxSeq(after.0 + 1)..);
                    self.page = Some(rest.take(limit).map(|(_, one)| one.clone()).collect());
                }
            }
            Op::Page => {
                if let Some(page) = self.page.take() {
                    let hosts = hosts(&self.absent);
                    self.read_after = self.queue.page(page, self.now, hosts);
                }
            }
            Op::Start => self.start(),
            Op::End { which, again } => self.end(which, again),
            Op::Advance { by } => self.now = self.now + by,
            Op::Toggle { handler } => {
                let name = HandlerName::new(HANDLERS[handler]);
                if !self.absent.remove(&name) {
                    self.absent.insert(name);
                }
                self.queue.look_again();
            }
            Op::Host { host } => {
                if !self.busy.remove(HOSTS[host]) {
                    self.busy.insert(HOSTS[host]);
                }
            }
            Op::Cancel { which } => {
                if let Some(request) = self.nth(which) {
                    self.waiting.remove(&request.seq);
                    // As the driver does: it may have arrived by then.
                    self.arrive();
                    self.queue.withdraw(&request.handler, request.seq);
                    self.cancelled.insert(request.seq, request);
                }
            }
            Op::Hasten { which } => {
                let waits = |one: &OutboxRequest| !self.under_way.contains(&one.seq);
                if let Some(request) = self.nth(which).filter(waits) {
                    self.waiting.get_mut(&request.seq).unwrap().due = self.now;
                    self.arrive();
                    self.queue.hasten(&request.handler, request.seq, self.now);
                }
            }
        }
        let firsts = HANDLERS.len() * HOSTS.len();
        assert!(self.queue.len() <= BOUNDS.requests * BOUNDS.shares + firsts);
    }

    fn nth(&self, which: usize) -> Option<OutboxRequest> {
        let which = which.checked_rem(self.waiting.len())?;
        self.waiting.values().nth(which).cloned()
    }

    fn commit(&mut self, handler: usize, host: usize, key: Option<u8>, lost: bool) {
        self.last += 1;
        let seq = OutboxSeq(self.last);
        let request = OutboxRequest {
            seq,
            handler: HandlerName::new(HANDLERS[handler]),
            event: EventId::from_bytes([0; 16]),
            request: Arc::new(NewRequest {
                key: String::new(),
                method: "POST".to_owned(),
                url: format!("http://{}/", HOSTS[host]),
                headers: vec![],
                body: Bytes::new(),
                order_key: key.map(|key| key.to_string()),
                respond: None,
            }),
            tries: 0,
            queued: NOW,
            due: self.now,
            life: Life::first(NOW),
        };
        self.waiting.insert(seq, request.clone());
        // As the inbox does: nothing of a handler arrives after a loss.
        if lost || self.missed.contains_key(&request.handler) {
            self.missed.entry(request.handler).or_insert(seq);
        } else {
            self.arriving.push(request);
        }
    }

    fn arrive(&mut self) {
        for request in self.arriving.drain(..) {
            let hosts = hosts(&self.absent)(&request.handler);
            self.queue.arrive(request, hosts);
        }
        for (handler, seq) in std::mem::take(&mut self.missed) {
            self.queue.miss(&handler, seq);
        }
    }

    fn start(&mut self) {
        let absent = self.absent.clone();
        let ready = |name: &HandlerName| (!absent.contains(name)).then_some(());
        let busy = self.busy.clone();
        let free = |host: &str| !busy.contains(host);
        while let Some((request, host, ())) = self.queue.next(self.now, PER_HANDLER, free, ready) {
            let seq = request.seq;
            assert_eq!(request.request.url, format!("http://{host}/"));
            assert!(free(&host), "{seq:?} was sent to a host that takes nothing");
            let known = self.waiting.get(&seq);
            let known = known.unwrap_or_else(|| panic!("{seq:?} was sent when it was settled"));
            assert!(
                !self.under_way.contains(&seq),
                "{seq:?} was sent twice at once"
            );
            assert!(known.due <= self.now, "{seq:?} was sent before it was due");
            assert_eq!(request.tries, known.tries);
            if let Some(key) = &request.request.order_key {
                let earlier = self.waiting.range(..seq).find(|(_, other)| {
                    other.handler == request.handler
                        && other.request.order_key.as_ref() == Some(key)
                });
                assert!(
                    earlier.is_none(),
                    "{seq:?} overtook {:?}",
                    earlier.unwrap().0
                );
            }
            self.under_way.push(seq);
            let of_handler = self.under_way.iter();
            let one = |seq| {
                self.waiting
                    .get(seq)
                    .unwrap_or_else(|| &self.cancelled[seq])
            };
            let of_handler = of_handler.filter(|seq| one(seq).handler == request.handler);
            assert!(of_handler.count() <= PER_HANDLER);
        }
    }

    fn end(&mut self, which: usize, again: Option<Duration>) {
        if self.under_way.is_empty() {
            return;
        }
        let seq = self.under_way.swap_remove(which % self.under_way.len());
        match again {
            Some(delay) => {
                let cancelled = &mut self.cancelled;
                let request = self.waiting.get_mut(&seq);
                let request = request.or_else(|| cancelled.get_mut(&seq)).unwrap();
                request.tries += 1;
                request.due = self.now + delay;
                self.queue.again(seq, Some(request.tries), request.due);
            }
            None => {
                if self.waiting.remove(&seq).is_some() {
                    self.sent.insert(seq);
                }
                self.queue.finished(seq);
            }
        }
    }

    /// Lets all go: everything that waits must get its turn.
    fn drain(&mut self) {
        self.absent.clear();
        self.busy.clear();
        self.queue.look_again();
        for _ in 0..1000 {
            for op in [
                Op::Arrive,
                Op::Begin,
                Op::Read { limit: 3 },
                Op::Page,
                Op::Start,
            ] {
                self.apply(op);
            }
            while !self.under_way.is_empty() {
                self.apply(Op::End {
                    which: 0,
                    again: None,
                });
            }
            self.apply(Op::Advance { by: ms(1000) });
            if self.waiting.is_empty() {
                assert_eq!(self.queue.len(), 0, "what is gone is in memory");
                return;
            }
        }
        panic!("never sent: {:?}", self.waiting.keys());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_request_goes_once_and_in_order(ops in prop::collection::vec(op(), 0..300)) {
        let mut model = Model::new();
        for op in ops {
            model.apply(op);
        }
        model.drain();
        prop_assert_eq!((model.sent.len() + model.cancelled.len()) as i64, model.last);
    }
}

/// A handler whose receiver is down, with far more requests than memory holds, keeps
/// nobody out, although all of its requests wait for their next try.
#[test]
fn a_stuck_handler_does_not_keep_others_out() {
    let mut model = Model::new();
    for _ in 0..500 {
        model.commit(0, 0, None, false);
        model.commit(1, 0, None, false);
    }
    for _ in 0..400 {
        for op in [
            Op::Arrive,
            Op::Begin,
            Op::Read { limit: 100 },
            Op::Page,
            Op::Start,
        ] {
            model.apply(op);
        }
        while let Some(&seq) = model.under_way.first() {
            let hour = Duration::from_secs(3600);
            let stuck = model.waiting[&seq].handler.as_str() != "c";
            model.end(0, stuck.then_some(hour));
            if !stuck {
                assert_eq!(seq, OutboxSeq(1001));
                return;
            }
        }
        model.now = model.now + ms(1);
        if model.last == 1000 {
            model.commit(2, 0, Some(1), false);
        }
    }
    panic!("the third handler's request never went");
}

impl Model {
    /// What one turn of the driver does, with pages of `limit` requests.
    fn turn(&mut self, limit: usize) {
        for op in [
            Op::Arrive,
            Op::Begin,
            Op::Read { limit },
            Op::Page,
            Op::Start,
        ] {
            self.apply(op);
        }
    }
}

/// A host that takes nothing keeps no other host's requests waiting: neither those that lie
/// behind a thousand of its own in the ledger, nor those that come later.
#[test]
fn a_slow_host_does_not_keep_others_out() {
    let mut model = Model::new();
    model.apply(Op::Host { host: 0 });
    for n in 0..1000 {
        model.commit(0, 0, (n % 2 == 0).then_some((n % 50) as u8), n % 10 == 0);
    }
    model.commit(0, 1, None, false);
    let mut expected = 1001;
    for n in 0..300 {
        model.turn(10);
        let gone: Vec<_> = model.under_way.clone();
        for seq in gone {
            assert_eq!(seq, OutboxSeq(expected));
            model.end(0, None);
            // Of a key of its own, or of none.
            model.commit(0, 1, (n % 2 == 0).then_some(200), n % 7 == 0);
            expected += 1;
        }
        model.now = model.now + ms(100);
    }
    assert!(expected > 1020, "only {expected}");
    model.drain();
    assert_eq!(model.sent.len() as i64, model.last);
}

/// What arrives for a host of which nothing is left out goes without a look into the ledger,
/// and a host that takes a few is filled up again by a look at a few.
#[test]
fn a_long_queue_for_one_host_is_not_read_again_and_again() {
    let mut model = Model::new();
    model.apply(Op::Host { host: 0 });
    for _ in 0..10_000 {
        model.commit(0, 0, None, false);
    }
    let mut read = 0;
    let mut turn = |model: &mut Model| {
        model.apply(Op::Arrive);
        model.apply(Op::Begin);
        while model.read_after.is_some() {
            model.apply(Op::Read { limit: 10 });
            read += model.page.as_ref().map_or(0, Vec::len);
            model.apply(Op::Page);
        }
        model.apply(Op::Start);
        std::mem::take(&mut read)
    };
    assert_eq!(turn(&mut model), 10_000, "to look for other hosts");
    for _ in 0..100 {
        model.commit(0, 1, None, false);
        assert_eq!(turn(&mut model), 0);
        assert_eq!(model.under_way.len(), 1);
        model.end(0, None);
    }
    model.apply(Op::Host { host: 0 });
    for done in 1..100 {
        let read = turn(&mut model);
        assert!(read <= 20, "{read} read for one that went");
        assert!(!model.under_way.is_empty(), "after {done}");
        model.end(0, None);
    }
    // They go in the order of their commits.
    assert!(model.sent.contains(&OutboxSeq(99)));
    assert!(!model.sent.contains(&OutboxSeq(110)));
}

/// One that was left out, since it was not to go for an hour, goes at once.
#[test]
fn what_is_made_due_goes_although_memory_does_not_hold_it() {
    let mut model = Model::new();
    for _ in 0..50 {
        model.commit(0, 0, None, true);
    }
    let hour = Duration::from_secs(3600);
    model
        .waiting
        .values_mut()
        .for_each(|one| one.due = one.due + hour);
    for _ in 0..20 {
        model.turn(10);
    }
    assert!(model.under_way.is_empty() && model.queue.len() < 50);
    let last = model.waiting.len() - 1;
    model.apply(Op::Hasten { which: last });
    for _ in 0..10 {
        model.turn(10);
    }
    assert_eq!(model.under_way, [OutboxSeq(50)]);
}
