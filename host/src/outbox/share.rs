//! One handler's requests in memory: its lanes, and what of them each host takes up.

use std::collections::{HashMap, HashSet, VecDeque};

use super::heads::{Heads, Host, host_of};
use super::queue::{Lane, SOON, size};
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{OutboxRequest, OutboxSeq};

/// Lanes that are remembered as left out between passes, at 16 bytes each or so.
const LANES: usize = 1 << 16;

/// What requests take up in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) requests: usize,
    pub(super) bytes: usize,
}

impl Load {
    pub(super) fn add(&mut self, other: Load) {
        self.requests += other.requests;
        self.bytes += other.bytes;
    }

    pub(super) fn remove(&mut self, other: Load) {
        self.requests -= other.requests;
        self.bytes -= other.bytes;
    }

    /// The `part`th part, rounded up.
    pub(super) fn part(self, part: usize) -> Load {
        Load {
            requests: self.requests.div_ceil(part),
            bytes: self.bytes.div_ceil(part),
        }
    }

    /// Whether another request fits below `most`.
    pub(super) fn is_below(self, most: Load) -> bool {
        self.requests < most.requests && self.bytes < most.bytes
    }

    /// Whether at least so much is free of `most`.
    pub(super) fn leaves(self, free: Load, most: Load) -> bool {
        self.requests + free.requests <= most.requests && self.bytes + free.bytes <= most.bytes
    }

    fn of(request: &OutboxRequest) -> Self {
        Self {
            requests: 1,
            bytes: size(request),
        }
    }
}

/// Requests of one lane, in order.
#[derive(Debug)]
struct Line {
    requests: VecDeque<OutboxRequest>,
    /// Where the head goes: the others wait for it.
    host: Host,
    load: Load,
}

/// What waits for one host: its own lanes' heads, and what is behind them.
#[derive(Debug, Default)]
struct AtHost {
    load: Load,
    running: usize,
}

/// From where on a handler's requests are not all in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Behind {
    /// Whatever is left out lies here or after.
    pub(super) from: OutboxSeq,
    /// Whether some of it can go as soon as there is room, or has not been looked at.
    pub(super) more: bool,
    /// When the next of the rest can go.
    pub(super) due: Option<SteadyTime>,
    /// Unless there is more: what the rest is.
    pub(super) left: Left,
}

/// Which requests were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Left {
    /// Lanes of which something was left out, by hash: a collision only delays.
    lanes: HashSet<u64>,
    /// Whether there are too many to remember.
    any_lane: bool,
    /// The hosts that they go to, and whether some can go once fewer requests to that host
    /// are in memory.
    hosts: HashMap<Host, bool>,
}

impl Left {
    pub(super) fn lane(&mut self, hash: u64) {
        self.lanes.insert(hash);
    }

    pub(super) fn host(&mut self, host: Host, crowded: bool) {
        *self.hosts.entry(host).or_default() |= crowded;
    }

    pub(super) fn has_lane(&self, hash: u64) -> bool {
        self.any_lane || self.lanes.contains(&hash)
    }

    pub(super) fn has_host(&self, host: &str) -> bool {
        self.hosts.contains_key(host)
    }

    pub(super) fn is_crowded(&self, host: &str) -> bool {
        self.hosts.get(host).is_some_and(|crowded| *crowded)
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The hosts of which some can go once fewer requests to them are in memory.
    pub(super) fn crowded(&self) -> impl Iterator<Item = &Host> {
        let crowded = self.hosts.iter().filter(|(_, crowded)| **crowded);
        crowded.map(|(host, _)| host)
    }

    /// Takes over what was left out before.
    pub(super) fn join(&mut self, before: Left) {
        self.lanes.extend(before.lanes);
        self.any_lane |= before.any_lane;
        for (host, crowded) in before.hosts {
            self.host(host, crowded);
        }
    }

    /// Forgets lanes if there are too many to keep between passes.
    pub(super) fn shorten(&mut self) {
        if self.lanes.len() > LANES {
            self.lanes = HashSet::new();
            self.any_lane = true;
        }
    }
}

/// One handler's requests in memory.
#[derive(Debug, Default)]
pub(super) struct Share {
    lanes: HashMap<Lane, Line>,
    /// The lanes whose head is not under way.
    heads: Heads,
    hosts: HashMap<Host, AtHost>,
    pub(super) running: usize,
    pub(super) load: Load,
    pub(super) behind: Option<Behind>,
    /// The watermark of the last pass that covered it. The ledger tells of a request
    /// after it can be read, so what arrives up to here has been seen before.
    pub(super) seen: OutboxSeq,
}

impl Share {
    /// Puts a request behind the others of its lane. Returns what it takes up.
    pub(super) fn push(&mut self, request: OutboxRequest) -> Load {
        let load = Load::of(&request);
        let lane = Lane::of(&request);
        let line = self.lanes.entry(lane.clone()).or_insert_with(|| {
            let host = host_of(&request);
            self.heads.insert(&host, &request, lane);
            Line {
                requests: VecDeque::new(),
                host,
                load: Load::default(),
            }
        });
        line.requests.push_back(request);
        line.load.add(load);
        let at_host = self.hosts.entry(line.host.clone()).or_default();
        at_host.load.add(load);
        self.load.add(load);
        load
    }

    /// Takes the next request that may go; from here on it counts as under way.
    pub(super) fn start(
        &mut self,
        now: SteadyTime,
        free: impl Fn(&str) -> bool,
    ) -> Option<(OutboxRequest, Lane, Host)> {
        let lane = self.heads.take(now, free)?;
        let line = self.lanes.get(&lane)?;
        let request = line.requests.front()?.clone();
        self.running += 1;
        self.hosts.entry(line.host.clone()).or_default().running += 1;
        Some((request, lane, line.host.clone()))
    }

    /// Whether some request may go.
    pub(super) fn can_start(&self, now: SteadyTime, free: impl Fn(&str) -> bool) -> bool {
        self.heads.has_next(now, free)
    }

    /// Takes out a lane's head that was under way. Returns what it took up.
    pub(super) fn finish(&mut self, lane: Lane) -> Load {
        self.ended(&lane);
        self.take_head(lane)
    }

    /// Takes out a lane's head, which is not among the heads that may go. Returns what it
    /// took up.
    fn take_head(&mut self, lane: Lane) -> Load {
        let Some(mut line) = self.lanes.remove(&lane) else {
            return Load::default();
        };
        let Some(done) = line.requests.pop_front() else {
            return Load::default();
        };
        let load = Load::of(&done);
        self.load.remove(load);
        self.leave(&line.host, line.load);
        line.load.remove(load);
        if let Some(next) = line.requests.front() {
            line.host = host_of(next);
            self.heads.insert(&line.host, next, lane.clone());
            let at_host = self.hosts.entry(line.host.clone()).or_default();
            at_host.load.add(line.load);
            self.lanes.insert(lane, line);
        }
        load
    }

    /// Lets a lane's head that was under way go again at `due`.
    pub(super) fn again(&mut self, lane: Lane, tries: Option<u32>, due: SteadyTime) {
        self.ended(&lane);
        if let Some(line) = self.lanes.get_mut(&lane)
            && let Some(head) = line.requests.front_mut()
        {
            head.tries = tries.unwrap_or(head.tries);
            head.due = due;
            self.heads.insert(&line.host, head, lane);
        }
    }

    /// Takes out a request wherever it stands, unless it is under way. Returns what it took
    /// up.
    pub(super) fn withdraw(&mut self, seq: OutboxSeq) -> Option<Load> {
        let (lane, at) = self.find(seq)?;
        let line = self.lanes.get_mut(&lane)?;
        if at == 0 {
            let waits = self.heads.remove(&line.host, line.requests.front()?);
            return waits.then(|| self.take_head(lane));
        }
        let load = Load::of(&line.requests.remove(at)?);
        line.load.remove(load);
        let host = line.host.clone();
        self.leave(&host, load);
        self.load.remove(load);
        Some(load)
    }

    /// Lets a request go from `now` on as far as it is concerned; whether it is in memory.
    pub(super) fn hasten(&mut self, seq: OutboxSeq, now: SteadyTime) -> bool {
        let Some((lane, at)) = self.find(seq) else {
            return false;
        };
        if let Some(line) = self.lanes.get_mut(&lane)
            && let Some(request) = line.requests.get_mut(at)
        {
            let waits = at == 0 && self.heads.remove(&line.host, request);
            if waits || at > 0 {
                request.due = now;
            }
            if waits {
                self.heads.insert(&line.host, request, lane);
            }
        }
        true
    }

    /// The lane of a request and its place in it.
    fn find(&self, seq: OutboxSeq) -> Option<(Lane, usize)> {
        self.lanes.iter().find_map(|(lane, line)| {
            let at = line
                .requests
                .binary_search_by_key(&seq, |request| request.seq);
            Some((lane.clone(), at.ok()?))
        })
    }

    fn ended(&mut self, lane: &Lane) {
        self.running -= 1;
        if let Some(line) = self.lanes.get(lane)
            && let Some(at_host) = self.hosts.get_mut(&line.host)
        {
            at_host.running -= 1;
        }
    }

    /// A lane, or what is left of it, waits for this host no more.
    fn leave(&mut self, host: &Host, load: Load) {
        if let Some(at_host) = self.hosts.get_mut(host) {
            at_host.load.remove(load);
            if at_host.load == Load::default() {
                self.hosts.remove(host);
            }
        }
    }

    /// Takes out the lanes whose head is due at `from` or later and goes to a host that is
    /// `meant`: the first place of them, and what they took up.
    pub(super) fn evict(
        &mut self,
        from: SteadyTime,
        meant: impl Fn(&str) -> bool,
    ) -> (Option<OutboxSeq>, Load) {
        let (mut first, mut out) = (None, Load::default());
        for (seq, lane) in self.heads.split_off(from, meant) {
            first = Some(first.map_or(seq, |first: OutboxSeq| first.min(seq)));
            if let Some(line) = self.lanes.remove(&lane) {
                self.leave(&line.host, line.load);
                self.load.remove(line.load);
                out.add(line.load);
            }
        }
        (first, out)
    }

    /// What the requests take up that wait for this host.
    pub(super) fn load_of(&self, host: &str) -> Load {
        let at_host = self.hosts.get(host);
        at_host.map_or(Load::default(), |at_host| at_host.load)
    }

    /// How many hosts are waited for.
    pub(super) fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// When the next head is due of those that are not due at `now`.
    pub(super) fn due_after(&self, now: SteadyTime) -> Option<SteadyTime> {
        self.heads.due_after(now)
    }

    /// Whether none of what is in memory can go soon.
    pub(super) fn is_stuck(&self, now: SteadyTime, present: bool) -> bool {
        self.running == 0 && (!present || !self.heads.is_due(now + SOON))
    }

    /// Whether none of what is in memory for this host can go soon.
    pub(super) fn is_stuck_at(&self, host: &str, now: SteadyTime) -> bool {
        let at_host = self.hosts.get(host);
        at_host.is_none_or(|at_host| at_host.running == 0)
            && !self.heads.is_due_for(host, now + SOON)
    }

    /// Whether a lane is in memory and, if so, up to where.
    pub(super) fn tail(&self, lane: &Lane) -> Option<OutboxSeq> {
        Some(self.lanes.get(lane)?.requests.back()?.seq)
    }

    /// The host that a lane in memory waits for, and whether its head is under way or can
    /// go by `until`.
    pub(super) fn waits_for(&self, lane: &Lane, until: SteadyTime) -> Option<(Host, bool)> {
        let line = self.lanes.get(lane)?;
        let head = line.requests.front()?;
        let goes = head.due <= until || !self.heads.contains(&line.host, head);
        Some((line.host.clone(), goes))
    }
}
