//! A lane: the requests of one handler to one host that are in memory.

use std::collections::{BTreeMap, HashSet};

use super::load::Load;
use crate::refill::Remainder;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{LeasedRequest, RequestId};

/// When a request was due, and its number in the order in which requests came into memory. Requests
/// of a lane go in this order.
pub(super) type Place = (SteadyTime, u64);

/// The requests of one handler to one host that are in memory, without those under way. All of them
/// are due. Dropping a request gives its lease back.
pub(super) struct Lane {
    waiting: BTreeMap<Place, LeasedRequest>,
    load: Load,
    /// The requests of the lane that the ledger holds beyond those in memory.
    pub(super) remainder: Remainder,
}

impl Lane {
    /// An empty lane. The ledger holds none of its requests, as far as is known.
    pub(super) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            load: Load::default(),
            remainder: Remainder::nothing(),
        }
    }

    /// The load of the requests in memory.
    pub(super) fn load(&self) -> Load {
        self.load
    }

    /// Takes a request in. Returns its load. No other request may have the number.
    pub(super) fn push(&mut self, leased: LeasedRequest, number: u64) -> Load {
        let load = Load::of(&leased.request);
        self.load.add(load);
        self.waiting.insert((leased.request.due, number), leased);
        load
    }

    /// The place of the next request, without requests whose order key is busy.
    pub(super) fn next(&self, is_busy: impl Fn(&str) -> bool) -> Option<Place> {
        let is_free = |leased: &LeasedRequest| {
            let key = leased.request.request.order_key.as_deref();
            !key.is_some_and(&is_busy)
        };
        let next = self.waiting.iter().find(|(_, leased)| is_free(leased));
        next.map(|(place, _)| *place)
    }

    /// Takes the request at a place out.
    pub(super) fn take(&mut self, place: Place) -> Option<LeasedRequest> {
        let leased = self.waiting.remove(&place)?;
        self.load.remove(Load::of(&leased.request));
        Some(leased)
    }

    /// Drops the requests with these ids. Returns their load.
    pub(super) fn drop_all(&mut self, ids: &HashSet<RequestId>) -> Load {
        let mut dropped = Load::default();
        self.waiting.retain(|_, leased| {
            let stays = !ids.contains(&leased.request.id);
            if !stays {
                dropped.add(Load::of(&leased.request));
            }
            stays
        });
        self.load.remove(dropped);
        dropped
    }

    /// Gives the last requests back to the ledger until the others fit into `share`, or one is
    /// left. Returns the load that was given back.
    pub(super) fn shrink(&mut self, share: Load) -> Load {
        let mut dropped = Load::default();
        while self.load.exceeds(share)
            && self.waiting.len() > 1
            && let Some((_, last)) = self.waiting.pop_last()
        {
            let load = Load::of(&last.request);
            self.load.remove(load);
            dropped.add(load);
            self.remainder.left_behind();
        }
        dropped
    }

    /// Whether another request fits. The first request always fits, so that no lane waits until
    /// others have less to do.
    pub(super) fn has_room(&self, share: Load) -> bool {
        self.waiting.is_empty() || self.load.is_below(share)
    }

    /// Whether there is something to claim at `now`, and room for it.
    pub(super) fn wants_claim(&self, now: SteadyTime, share: Load) -> bool {
        let has_room = |part| self.has_room(share.part(part));
        self.remainder.wants_claim(now, has_room)
    }

    /// Whether neither memory nor the ledger holds a request of the lane, as far as is known.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.remainder.is_nothing()
    }
}
