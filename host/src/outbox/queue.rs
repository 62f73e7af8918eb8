//! The requests that wait, as far as memory holds them, and which may go next.
//!
//! Requests of one handler with the same order key form a lane: only its head may go,
//! and what waits for a retry holds up its lane alone. A request without a key is a lane
//! by itself. Handlers take turns.
//!
//! Memory holds a bounded part of what the ledger holds. Two rules keep that right:
//!
//! 1. A lane in memory is a prefix of the lane in the ledger. So its head is the lane's
//!    head, and whatever is left out comes later.
//! 2. A handler is either *complete* (all its waiting requests are in memory) or
//!    *behind* from some place on: everything of it that is not in memory lies there or
//!    after. Arrivals of a handler that is behind are left out, since they would break
//!    rule 1; a [`super::pass::Pass`] over the ledger takes in what was left out.
//!
//! Each handler may fill only a share of the memory, and requests that cannot go soon
//! only half of that share: so neither a handler with a million requests to a receiver
//! that is down, nor the stuck half of its own requests, keeps others out.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::Bound;

use super::pass::Pass;
use crate::event::{HandlerName, UnixMillis};
use crate::ledger::{OutboxRequest, OutboxSeq};

/// A request that is due within this time counts as one that can go soon.
pub(super) const SOON: u64 = 10_000;

/// How much memory may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Requests of one handler.
    pub(super) requests: usize,
    /// Bytes of the requests of one handler.
    pub(super) bytes: usize,
    /// Shares of that size that all handlers may fill together.
    pub(super) shares: usize,
}

impl Default for Bounds {
    /// 64 MiB in all.
    fn default() -> Self {
        Self {
            requests: 4096,
            bytes: 8 * 1024 * 1024,
            shares: 8,
        }
    }
}

/// What a request takes in memory, about, in bytes.
pub(super) fn size(request: &OutboxRequest) -> usize {
    let new = &request.request;
    let headers: usize = new
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len() + 48)
        .sum();
    let key = new.order_key.as_ref().map_or(0, String::len);
    256 + new.url.len() + new.body.len() + headers + 2 * key
}

/// What goes out in order among itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Key(String),
    Alone(OutboxSeq),
}

impl Lane {
    pub(super) fn of(request: &OutboxRequest) -> Self {
        match &request.request.order_key {
            Some(key) => Self::Key(key.clone()),
            None => Self::Alone(request.seq),
        }
    }
}

/// From where on a handler's requests are not all in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Behind {
    /// Whatever is left out lies here or after.
    pub(super) from: OutboxSeq,
    /// Whether some of it can go as soon as there is room.
    pub(super) more: bool,
    /// When the next of the rest can go.
    pub(super) due: Option<UnixMillis>,
}

/// One handler's requests in memory.
#[derive(Debug, Default)]
pub(super) struct Share {
    lanes: HashMap<Lane, VecDeque<OutboxRequest>>,
    /// The lanes whose head is not under way, by when that is due.
    heads: BTreeMap<(UnixMillis, OutboxSeq), Lane>,
    running: usize,
    requests: usize,
    bytes: usize,
    pub(super) behind: Option<Behind>,
    /// The watermark of the last pass that covered it. The ledger tells of a request
    /// after it can be read, so what arrives up to here has been seen before.
    pub(super) seen: OutboxSeq,
}

/// All requests in memory.
pub(super) struct Queue {
    pub(super) bounds: Bounds,
    pub(super) shares: BTreeMap<HandlerName, Share>,
    requests: usize,
    bytes: usize,
    running: HashMap<OutboxSeq, (HandlerName, Lane)>,
    /// Whose turn was last.
    last: Option<HandlerName>,
    /// The watermark of the first pass, which covers all handlers; until it has ended,
    /// all are behind from the start.
    pub(super) first_pass: Option<OutboxSeq>,
    pub(super) pass: Option<Pass>,
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            shares: BTreeMap::new(),
            requests: 0,
            bytes: 0,
            running: HashMap::new(),
            last: None,
            first_pass: None,
            pass: None,
        }
    }

    /// How many requests are in memory.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.requests
    }

    /// The next request that may go at `now`, of a handler for which `ready` gives
    /// something and of which fewer than `per_handler` are under way. From here on it
    /// counts as under way.
    pub(super) fn next<T>(
        &mut self,
        now: UnixMillis,
        per_handler: usize,
        ready: impl Fn(&HandlerName) -> Option<T>,
    ) -> Option<(OutboxRequest, T)> {
        let after = match &self.last {
            Some(last) => Bound::Excluded(last.clone()),
            None => Bound::Unbounded,
        };
        let (name, with) = self
            .shares
            .range((after, Bound::Unbounded))
            .chain(self.shares.iter())
            .filter(|(_, share)| share.running < per_handler && share.is_due(now))
            .find_map(|(name, _)| Some((name.clone(), ready(name)?)))?;
        let share = self.shares.get_mut(&name)?;
        let (_, lane) = share.heads.pop_first()?;
        let request = share.lanes.get(&lane)?.front()?.clone();
        share.running += 1;
        self.running.insert(request.seq, (name.clone(), lane));
        self.last = Some(name);
        Some((request, with))
    }

    /// How long after `now` the next request will be due that is not due yet, in
    /// milliseconds, of handlers that are `present`. (What is due and has not gone waits
    /// for a place, not for the time.)
    pub(super) fn next_due(
        &self,
        now: UnixMillis,
        present: impl Fn(&HandlerName) -> bool,
    ) -> Option<u64> {
        let after = (now, OutboxSeq(i64::MAX));
        self.shares
            .iter()
            .filter(|(name, _)| present(name))
            .filter_map(|(_, share)| {
                share
                    .heads
                    .range((Bound::Excluded(after), Bound::Unbounded))
                    .next()
            })
            .map(|((due, _), _)| due - now)
            .min()
    }

    /// Whether some handler's requests are not all in memory.
    pub(super) fn is_behind(&self) -> bool {
        self.first_pass.is_none() || self.shares.values().any(|share| share.behind.is_some())
    }

    /// Takes out a request that was under way and will not go again.
    pub(super) fn finished(&mut self, seq: OutboxSeq) {
        let Some((name, lane)) = self.running.remove(&seq) else {
            return;
        };
        let Some(share) = self.shares.get_mut(&name) else {
            return;
        };
        share.running -= 1;
        if let Some(requests) = share.lanes.get_mut(&lane) {
            if let Some(request) = requests.pop_front() {
                let bytes = size(&request);
                share.requests -= 1;
                share.bytes -= bytes;
                self.requests -= 1;
                self.bytes -= bytes;
            }
            match requests.front() {
                Some(next) => _ = share.heads.insert((next.due, next.seq), lane),
                None => _ = share.lanes.remove(&lane),
            }
        }
        if let Some(pass) = &mut self.pass {
            // A page that was read before this was settled still shows it as waiting.
            pass.settled.insert(seq);
        }
    }

    /// Lets a request that was under way go again at `due`.
    pub(super) fn again(&mut self, seq: OutboxSeq, tries: u32, due: UnixMillis) {
        let Some((name, lane)) = self.running.remove(&seq) else {
            return;
        };
        let Some(share) = self.shares.get_mut(&name) else {
            return;
        };
        share.running -= 1;
        if let Some(head) = share.lanes.get_mut(&lane).and_then(VecDeque::front_mut) {
            head.tries = tries;
            head.due = due;
            share.heads.insert((due, seq), lane);
        }
    }

    /// Lets a request that was under way go again at `due`, as if it had not been tried.
    pub(super) fn retry_at(&mut self, seq: OutboxSeq, due: UnixMillis) {
        let tries = self.running.get(&seq).and_then(|(name, lane)| {
            let lane = self.shares.get(name)?.lanes.get(lane)?;
            Some(lane.front()?.tries)
        });
        self.again(seq, tries.unwrap_or_default(), due);
    }

    /// Takes in a request that has just been committed, if its handler is complete and
    /// there is room; else it is left to the next pass.
    pub(super) fn arrive(&mut self, request: OutboxRequest) {
        if let Some(pass) = &mut self.pass
            && pass.covers(&request.handler)
        {
            pass.keep(request);
            return;
        }
        let Some(first_pass) = self.first_pass else {
            // The first pass is still to begin and reads everything.
            return;
        };
        let share = self.shares.entry(request.handler.clone()).or_default();
        if request.seq <= share.seen.max(first_pass) {
            return;
        }
        if let Some(behind) = &mut share.behind {
            behind.more = true;
            return;
        }
        if self.has_room(&request.handler, true) {
            self.push(request);
        } else {
            self.miss(&request.handler, request.seq);
        }
    }

    /// Notes that requests of a handler from `seq` on did not arrive.
    pub(super) fn miss(&mut self, handler: &HandlerName, seq: OutboxSeq) {
        if let Some(pass) = &mut self.pass
            && pass.covers(handler)
        {
            pass.miss(handler, seq);
            return;
        }
        if self.first_pass.is_none() {
            return;
        }
        let share = self.shares.entry(handler.clone()).or_default();
        let from = share.behind.map_or(seq, |behind| behind.from.min(seq));
        share.behind = Some(Behind {
            from,
            more: true,
            due: share.behind.and_then(|behind| behind.due),
        });
    }

    /// Whether another request of the handler fits, one that can go soon or one that
    /// cannot. The first that can go soon always does, so that no handler waits for
    /// others to have less to do.
    pub(super) fn has_room(&self, handler: &HandlerName, soon: bool) -> bool {
        let part = if soon { 1 } else { 2 };
        let Bounds {
            requests, bytes, ..
        } = self.bounds;
        match self.shares.get(handler) {
            Some(share) if share.requests > 0 => {
                self.has_room_at_all(part)
                    && share.requests < requests.div_ceil(part)
                    && share.bytes < bytes.div_ceil(part)
            }
            _ => soon || self.has_room_at_all(part),
        }
    }

    fn has_room_at_all(&self, part: usize) -> bool {
        let Bounds {
            requests,
            bytes,
            shares,
        } = self.bounds;
        self.requests < (requests * shares).div_ceil(part)
            && self.bytes < (bytes * shares).div_ceil(part)
    }

    /// Puts a request behind the others of its lane.
    pub(super) fn push(&mut self, request: OutboxRequest) {
        let bytes = size(&request);
        let share = self.shares.entry(request.handler.clone()).or_default();
        let lane = Lane::of(&request);
        let requests = share.lanes.entry(lane.clone()).or_default();
        if requests.is_empty() {
            share.heads.insert((request.due, request.seq), lane);
        }
        requests.push_back(request);
        share.requests += 1;
        share.bytes += bytes;
        self.requests += 1;
        self.bytes += bytes;
    }

    /// Leaves out what cannot go soon of the handlers in `wanted` that have no room, and
    /// of all handlers if there is no room at all.
    pub(super) fn make_room(
        &mut self,
        wanted: &HashSet<HandlerName>,
        now: UnixMillis,
        present: impl Fn(&HandlerName) -> bool,
    ) {
        let handlers: Vec<_> = if self.has_room_at_all(2) {
            wanted.iter().cloned().collect()
        } else {
            self.shares.keys().cloned().collect()
        };
        for handler in handlers {
            if !self.has_room(&handler, false) {
                self.evict(&handler, now, present(&handler));
            }
        }
    }

    /// Leaves out a handler's lanes whose head cannot go soon; none can, unless `present`.
    fn evict(&mut self, handler: &HandlerName, now: UnixMillis, present: bool) {
        let Some(share) = self.shares.get_mut(handler) else {
            return;
        };
        let stuck = if present {
            share
                .heads
                .split_off(&(now + SOON + 1, OutboxSeq(i64::MIN)))
        } else {
            std::mem::take(&mut share.heads)
        };
        let mut first: Option<OutboxSeq> = None;
        for ((_, seq), lane) in stuck {
            first = Some(first.map_or(seq, |first| first.min(seq)));
            for request in share.lanes.remove(&lane).unwrap_or_default() {
                let bytes = size(&request);
                share.requests -= 1;
                share.bytes -= bytes;
                self.requests -= 1;
                self.bytes -= bytes;
            }
        }
        if let Some(first) = first {
            self.miss(handler, first);
        }
    }

    /// Every handler that is behind may have something that can go now: after a reload.
    pub(super) fn look_again(&mut self) {
        for share in self.shares.values_mut() {
            if let Some(behind) = &mut share.behind {
                behind.more = true;
            }
        }
        if let Some(pass) = &mut self.pass {
            pass.look_again = true;
        }
    }

    /// The handlers for which a pass is worth its while at `now`: something of them may
    /// go, and there is room, or room can be made.
    pub(super) fn wants_pass(
        &self,
        now: UnixMillis,
        present: impl Fn(&HandlerName) -> bool,
    ) -> HashSet<HandlerName> {
        let Bounds {
            requests, bytes, ..
        } = self.bounds;
        let stuck = |(name, share): &(&HandlerName, &Share)| {
            share.requests > 0 && share.is_stuck(now, present(name))
        };
        let room_at_all = self.has_room_at_all(2) || self.shares.iter().any(|one| stuck(&one));
        self.shares
            .iter()
            .filter(|(_, share)| {
                share
                    .behind
                    .is_some_and(|behind| behind.more || behind.due.is_some_and(|due| due <= now))
            })
            .filter(|one| {
                let half_free = one.1.requests <= requests / 2 && one.1.bytes <= bytes / 2;
                (half_free && (room_at_all || one.1.requests == 0)) || stuck(one)
            })
            .map(|(name, _)| name.clone())
            .collect()
    }
}

impl Share {
    fn is_due(&self, now: UnixMillis) -> bool {
        self.heads
            .first_key_value()
            .is_some_and(|((due, _), _)| *due <= now)
    }

    /// Whether none of what is in memory can go soon.
    fn is_stuck(&self, now: UnixMillis, present: bool) -> bool {
        self.running == 0 && (!present || !self.is_due(now + SOON))
    }

    /// The requests of a lane in memory.
    pub(super) fn lane(&self, lane: &Lane) -> Option<&VecDeque<OutboxRequest>> {
        self.lanes.get(lane)
    }

    /// Whether the lane's head is under way or can go by `until`.
    pub(super) fn goes_by(&self, lane: &VecDeque<OutboxRequest>, until: UnixMillis) -> bool {
        lane.front().is_some_and(|head| {
            head.due <= until || !self.heads.contains_key(&(head.due, head.seq))
        })
    }
}
