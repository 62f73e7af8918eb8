//! The requests that wait, as far as memory holds them, and which may go next.
//!
//! Requests of one handler with the same order key form a lane: only its head may go,
//! and what waits for a retry or for a host holds up its lane alone. A request without a
//! key is a lane by itself. Handlers take turns.
//!
//! Memory holds a bounded part of what the ledger holds. Two rules keep that right:
//!
//! 1. A lane in memory is a prefix of the lane in the ledger. So its head is the lane's
//!    head, and whatever is left out comes later.
//! 2. A handler is either *complete* (all its waiting requests are in memory) or
//!    *behind* from some place on: everything of it that is not in memory lies there or
//!    after. What arrives for a handler that is behind is taken in only where nothing of
//!    its lane and to its host is known to be left out; a [`super::pass::Pass`] over the
//!    ledger takes in the rest.
//!
//! [`super::room`] says how much memory holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::time::Duration;

use super::heads::{Host, host_of};
use super::pass::Pass;
use super::room::{Bounds, Room};
use super::share::{Behind, Load, Share};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{OutboxRequest, OutboxSeq};

/// A request that is due within this time counts as one that can go soon.
pub(super) const SOON: Duration = Duration::from_secs(10);

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

/// All requests in memory. Where a handler's `hosts` are asked for, that is the number of
/// hosts that it may send to; 0 if it is not in the manifest.
pub(super) struct Queue {
    pub(super) bounds: Bounds,
    pub(super) shares: BTreeMap<HandlerName, Share>,
    pub(super) load: Load,
    running: HashMap<OutboxSeq, (HandlerName, Lane)>,
    /// Those under way that are not to go again, however they end.
    cancelled: HashSet<OutboxSeq>,
    /// Whose turn was last.
    last: Option<HandlerName>,
    /// The watermark of the first pass, which covers all handlers; until it has ended,
    /// all are behind from the start.
    pub(super) first_pass: Option<OutboxSeq>,
    pub(super) pass: Option<Pass>,
    hasher: RandomState,
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            shares: BTreeMap::new(),
            load: Load::default(),
            running: HashMap::new(),
            cancelled: HashSet::new(),
            last: None,
            first_pass: None,
            pass: None,
            hasher: RandomState::new(),
        }
    }

    /// How many requests are in memory.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.load.requests
    }

    /// The next request that may go at `now` to a host that is `free`, of a handler for
    /// which `ready` gives something and of which fewer than `per_handler` are under way.
    /// From here on it counts as under way.
    pub(super) fn next<T>(
        &mut self,
        now: SteadyTime,
        per_handler: usize,
        free: impl Fn(&str) -> bool,
        ready: impl Fn(&HandlerName) -> Option<T>,
    ) -> Option<(OutboxRequest, Host, T)> {
        let after = match &self.last {
            Some(last) => Bound::Excluded(last.clone()),
            None => Bound::Unbounded,
        };
        let (name, with) = self
            .shares
            .range((after, Bound::Unbounded))
            .chain(self.shares.iter())
            .filter(|(_, share)| share.running < per_handler && share.can_start(now, &free))
            .find_map(|(name, _)| Some((name.clone(), ready(name)?)))?;
        let (request, lane, host) = self.shares.get_mut(&name)?.start(now, free)?;
        self.running.insert(request.seq, (name.clone(), lane));
        self.last = Some(name);
        Some((request, host, with))
    }

    /// How long after `now` the next request will be due that is not due yet, of handlers
    /// that are `present`. (What is due and has not gone waits
    /// for a place, not for the time.)
    pub(super) fn next_due(
        &self,
        now: SteadyTime,
        present: impl Fn(&HandlerName) -> bool,
    ) -> Option<Duration> {
        self.shares
            .iter()
            .filter(|(name, _)| present(name))
            .filter_map(|(_, share)| share.due_after(now))
            .map(|due| due.since(now))
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
        self.cancelled.remove(&seq);
        if let Some(share) = self.shares.get_mut(&name) {
            self.load.remove(share.finish(lane));
        }
        if let Some(pass) = &mut self.pass {
            // A page that was read before this was settled still shows it as waiting.
            pass.settled.insert(seq);
        }
    }

    /// Lets a request that was under way go again at `due`, after so many tries; as many as
    /// before if that is not said.
    pub(super) fn again(&mut self, seq: OutboxSeq, tries: Option<u32>, due: SteadyTime) {
        if self.cancelled.contains(&seq) {
            return self.finished(seq);
        }
        if let Some((name, lane)) = self.running.remove(&seq)
            && let Some(share) = self.shares.get_mut(&name)
        {
            share.again(lane, tries, due);
        }
    }

    /// Takes out a request that was cancelled. One that is under way ends first.
    pub(super) fn withdraw(&mut self, handler: &HandlerName, seq: OutboxSeq) {
        if self.running.contains_key(&seq) {
            self.cancelled.insert(seq);
            return;
        }
        if let Some(share) = self.shares.get_mut(handler)
            && let Some(load) = share.withdraw(seq)
        {
            self.load.remove(load);
        }
        if let Some(pass) = &mut self.pass {
            // A page that was read before, and what was kept aside, still have it waiting.
            pass.settled.insert(seq);
        }
    }

    /// Lets a request go at `now` that was to wait for longer.
    pub(super) fn hasten(&mut self, handler: &HandlerName, seq: OutboxSeq, now: SteadyTime) {
        let share = self.shares.get_mut(handler);
        if share.is_some_and(|share| share.hasten(seq, now)) {
            return;
        }
        if let Some(pass) = &mut self.pass {
            // A page that was read before, and what was kept aside, have it wait for longer.
            pass.hastened.insert(seq, now);
        }
        // It is in the ledger alone, and due there.
        self.miss(handler, seq);
    }

    /// Takes in a request that has just been committed, if there is room and nothing that
    /// comes before it may have been left out; else it is left to the next pass.
    pub(super) fn arrive(&mut self, request: OutboxRequest, hosts: usize) {
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
        let lane = Lane::of(&request);
        let hash = self.hash(&lane);
        let share = self.shares.entry(request.handler.clone()).or_default();
        if request.seq <= share.seen.max(first_pass) {
            return;
        }
        // A lane in memory waits for the host of its head.
        let known = share
            .waits_for(&lane, SteadyTime::ZERO)
            .map(|(host, _)| host);
        let host = known.unwrap_or_else(|| host_of(&request));
        let keyed = matches!(lane, Lane::Key(_));
        let passed_over = share.behind.as_ref().is_some_and(|behind| {
            behind.more || behind.left.has_host(&host) || (keyed && behind.left.has_lane(hash))
        });
        let room = self.room(&request.handler, &host, hosts, true);
        if !passed_over && room == Room::Free {
            self.push(request);
            return;
        }
        let share = self.shares.entry(request.handler.clone()).or_default();
        let behind = share.behind.get_or_insert_with(|| Behind {
            from: request.seq,
            ..Behind::default()
        });
        behind.from = behind.from.min(request.seq);
        if keyed {
            behind.left.lane(hash);
            behind.left.shorten();
        }
        if room == Room::Crowded || behind.left.is_crowded(&host) {
            behind.left.host(host, true);
        } else {
            behind.more = true;
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
        let behind = share.behind.get_or_insert_with(|| Behind {
            from: seq,
            ..Behind::default()
        });
        behind.from = behind.from.min(seq);
        behind.more = true;
    }

    pub(super) fn hash(&self, lane: &Lane) -> u64 {
        self.hasher.hash_one(lane)
    }

    /// Puts a request behind the others of its lane.
    pub(super) fn push(&mut self, request: OutboxRequest) {
        let share = self.shares.entry(request.handler.clone()).or_default();
        self.load.add(share.push(request));
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
}
