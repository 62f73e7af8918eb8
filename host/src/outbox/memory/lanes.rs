//! All lanes together, and the rules by which handlers and hosts share memory and turns.
//!
//! - Handlers take turns. Within a handler, the host with the fewest tries under way goes first,
//!   among the hosts that take one, and of its requests the one that was due first.
//! - Each handler gets the same share of memory, and each of its lanes the same share of that. When
//!   lanes appear while memory is full, lanes that hold more than their share give requests back
//!   to the ledger. So neither a handler with a million requests to a receiver that is down nor a
//!   host that takes few keeps others out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use super::handler::HandlerLanes;
use super::lane::Lane;
use super::load::{Bounds, Load};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{ClaimedRequests, LeasedRequest, RequestHost, RequestId};

/// The most requests and bytes of one claim.
const MOST_PER_CLAIM: Load = Load {
    requests: 512,
    bytes: 4 * 1024 * 1024,
};

/// All requests in memory.
pub(in crate::outbox) struct Lanes {
    bounds: Bounds,
    handlers: BTreeMap<HandlerName, HandlerLanes>,
    /// The load of all lanes. Requests under way are not in it: `concurrency` bounds them.
    load: Load,
    under_way: HashMap<RequestId, UnderWay>,
    /// How many requests have come into memory.
    arrivals: u64,
    /// The handler whose turn was last.
    last_turn: Option<HandlerName>,
    /// The lane that was last claimed for.
    last_claim: Option<(HandlerName, RequestHost)>,
}

/// A request with a try under way.
struct UnderWay {
    handler: HandlerName,
    host: RequestHost,
    order_key: Option<String>,
}

/// How a try ended for its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::outbox) enum End {
    /// The request has ended.
    Over,
    /// The ledger holds the request until it is due again.
    Due(SteadyTime),
    /// The end is not known. The ledger may hold the request.
    Unknown,
}

/// A claim that would fill memory up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::outbox) struct Wanted {
    pub(in crate::outbox) handler: HandlerName,
    pub(in crate::outbox) host: RequestHost,
    /// The most requests.
    pub(in crate::outbox) limit: usize,
    /// The most bytes, about.
    pub(in crate::outbox) max_bytes: usize,
}

impl Lanes {
    /// Without a request.
    pub(in crate::outbox) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            handlers: BTreeMap::new(),
            load: Load::default(),
            under_way: HashMap::new(),
            arrivals: 0,
            last_turn: None,
            last_claim: None,
        }
    }

    /// The load of the requests in memory.
    #[cfg(test)]
    pub(in crate::outbox) fn load(&self) -> Load {
        self.load
    }

    /// Takes in a request that the ledger handed over. Gives the request back if there is no room
    /// for it, or if the ledger holds older requests of the lane.
    pub(in crate::outbox) fn arrive(&mut self, leased: LeasedRequest) {
        let request = &leased.request;
        let (handler, host) = (request.handler.clone(), request.host.clone());
        self.lane(&handler, &host);
        let share = self.share_of(&handler);
        let lane = self.lane(&handler, &host);
        if lane.remainder.is_behind() || !lane.has_room(share) {
            lane.remainder.left_behind();
            return;
        }
        self.push(leased);
        self.make_room();
    }

    /// The ledger holds requests of a lane that can go at once.
    pub(in crate::outbox) fn left_behind(&mut self, handler: &HandlerName, host: &RequestHost) {
        self.lane(handler, host).remainder.left_behind();
    }

    /// The next request whose host is free and whose handler is `ready` and has fewer than
    /// `per_handler` requests under way. From here on the request counts as under way.
    pub(in crate::outbox) fn next<T>(
        &mut self,
        per_handler: usize,
        is_free: impl Fn(&RequestHost) -> bool,
        ready: impl Fn(&HandlerName) -> Option<T>,
    ) -> Option<(LeasedRequest, T)> {
        let after = match &self.last_turn {
            Some(last) => Bound::Excluded(last.clone()),
            None => Bound::Unbounded,
        };
        let (name, host, place, with) = self
            .handlers
            .range((after, Bound::Unbounded))
            .chain(self.handlers.iter())
            .filter(|(_, handler)| handler.running() < per_handler)
            .find_map(|(name, handler)| {
                let (host, place) = handler.next(&is_free)?;
                Some((name.clone(), host, place, ready(name)?))
            })?;
        let handler = self.handlers.get_mut(&name)?;
        let leased = handler.lanes.get_mut(&host)?.take(place)?;
        self.load.remove(Load::of(&leased.request));
        let order_key = leased.request.request.order_key.clone();
        handler.begin(&host, order_key.as_ref());
        let under_way = UnderWay {
            handler: name.clone(),
            host,
            order_key,
        };
        self.under_way.insert(leased.request.id, under_way);
        self.last_turn = Some(name);
        Some((leased, with))
    }

    /// The try of a request has ended.
    pub(in crate::outbox) fn ended(&mut self, request: RequestId, end: End) {
        let Some(ended) = self.under_way.remove(&request) else {
            return;
        };
        let handler = self.handlers.entry(ended.handler.clone()).or_default();
        handler.end(&ended.host, ended.order_key.as_ref());
        match end {
            End::Over => {}
            End::Due(due) => handler.lane(&ended.host).remainder.due_at(due),
            End::Unknown => handler.lane(&ended.host).remainder.left_behind(),
        }
        self.forget_idle(&ended.handler);
    }

    /// Drops requests that were cancelled. Tries that are under way go on.
    pub(in crate::outbox) fn cancel(&mut self, ids: &HashSet<RequestId>) {
        let lanes = self
            .handlers
            .values_mut()
            .flat_map(|one| one.lanes.values_mut());
        for lane in lanes {
            self.load.remove(lane.drop_all(ids));
        }
    }

    /// Drops the lanes of handlers that are not present. Their requests go on when they return.
    pub(in crate::outbox) fn keep_present(&mut self, present: impl Fn(&HandlerName) -> bool) {
        let load = &mut self.load;
        self.handlers.retain(|name, handler| {
            if !present(name) {
                let lanes = std::mem::take(&mut handler.lanes);
                lanes.values().for_each(|lane| load.remove(lane.load()));
            }
            !handler.forget_idle()
        });
    }

    /// The next claim to make at `now`, for a handler that is present. Lanes take turns. From here
    /// on the claim counts as begun.
    pub(in crate::outbox) fn next_claim(
        &mut self,
        now: SteadyTime,
        present: impl Fn(&HandlerName) -> bool,
    ) -> Option<Wanted> {
        let wanted = |(name, host, lane): (&HandlerName, &RequestHost, &Lane)| {
            let share = self.share_of(name);
            let wanted = lane.wants_claim(now, share) && present(name);
            let free = lane.load().free_of(share).min(MOST_PER_CLAIM);
            wanted.then(|| Wanted {
                handler: name.clone(),
                host: host.clone(),
                limit: free.requests.max(1),
                max_bytes: free.bytes,
            })
        };
        let is_later = |(name, host, _): &(&HandlerName, &RequestHost, &Lane)| {
            let last = self.last_claim.as_ref();
            last.is_none_or(|(handler, last)| (*name, *host) > (handler, last))
        };
        let found = self
            .iter()
            .filter(is_later)
            .find_map(wanted)
            .or_else(|| self.iter().find_map(wanted))?;
        self.lane(&found.handler, &found.host)
            .remainder
            .claim_begins();
        self.last_claim = Some((found.handler.clone(), found.host.clone()));
        Some(found)
    }

    /// Takes in the requests that a claim has leased.
    pub(in crate::outbox) fn claimed(&mut self, wanted: &Wanted, claimed: ClaimedRequests) {
        let remainder = &mut self.lane(&wanted.handler, &wanted.host).remainder;
        remainder.claim_ended(claimed.more, claimed.next);
        for leased in claimed.leased {
            self.push(leased);
        }
        self.make_room();
        self.forget_idle(&wanted.handler);
    }

    /// A claim has failed.
    pub(in crate::outbox) fn claim_failed(&mut self, wanted: &Wanted) {
        self.left_behind(&wanted.handler, &wanted.host);
    }

    /// The next due time after `now` of requests in the ledger, for handlers that are present.
    pub(in crate::outbox) fn next_due(
        &self,
        now: SteadyTime,
        present: impl Fn(&HandlerName) -> bool,
    ) -> Option<SteadyTime> {
        let next = |(name, handler): (&HandlerName, &HandlerLanes)| {
            let due = handler.next_due(now)?;
            present(name).then_some(due)
        };
        self.handlers.iter().filter_map(next).min()
    }

    fn iter(&self) -> impl Iterator<Item = (&HandlerName, &RequestHost, &Lane)> {
        self.handlers.iter().flat_map(|(name, handler)| {
            let lanes = handler.lanes.iter();
            lanes.map(move |(host, lane)| (name, host, lane))
        })
    }

    fn lane(&mut self, handler: &HandlerName, host: &RequestHost) -> &mut Lane {
        self.handlers.entry(handler.clone()).or_default().lane(host)
    }

    fn push(&mut self, leased: LeasedRequest) {
        let request = &leased.request;
        let (handler, host) = (request.handler.clone(), request.host.clone());
        self.arrivals += 1;
        let number = self.arrivals;
        let load = self.lane(&handler, &host).push(leased, number);
        self.load.add(load);
    }

    /// The share of each lane of a handler.
    fn share_of(&self, handler: &HandlerName) -> Load {
        let lanes = self.handlers.get(handler).map_or(1, |one| one.lanes.len());
        let all = self.bounds.all.part(self.handlers.len());
        all.part(lanes).min(self.bounds.lane)
    }

    /// If memory holds too much, makes lanes give back the requests that exceed their share.
    fn make_room(&mut self) {
        if !self.load.exceeds(self.bounds.all) {
            return;
        }
        let names: Vec<_> = self.handlers.keys().cloned().collect();
        for name in names {
            let share = self.share_of(&name);
            let lanes = self.handlers.get_mut(&name).into_iter();
            for lane in lanes.flat_map(|one| one.lanes.values_mut()) {
                self.load.remove(lane.shrink(share));
            }
        }
    }

    fn forget_idle(&mut self, handler: &HandlerName) {
        let lanes = self.handlers.get_mut(handler);
        if lanes.is_some_and(HandlerLanes::forget_idle) {
            self.handlers.remove(handler);
        }
    }
}
