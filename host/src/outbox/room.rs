//! How much memory may hold, and who may fill it.
//!
//! Each handler may fill only a share of the memory, what waits for one of the hosts that
//! it may send to only its part of that share, and requests that cannot go soon only half
//! of either. So others are not kept out by a handler with a million requests to a receiver
//! that is down, by the stuck half of its own requests, or by a host that takes few.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::heads::Host;
use super::queue::{Queue, SOON};
use super::share::{Load, Share};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;

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

/// Whether another request fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Too many wait for its host.
    Crowded,
    /// Too many wait.
    Full,
}

impl Queue {
    /// Whether another request of the handler fits, one that can go soon or one that
    /// cannot. The first to each host that can go soon always does, so that nobody waits
    /// for others to have less to do.
    pub(super) fn room(&self, handler: &HandlerName, host: &str, hosts: usize, soon: bool) -> Room {
        let part = if soon { 1 } else { 2 };
        let Some(share) = self.shares.get(handler) else {
            let free = soon || self.has_room_at_all(part);
            return if free { Room::Free } else { Room::Full };
        };
        let at_host = share.load_of(host);
        if soon && at_host.requests == 0 && share.hosts() < hosts.max(1) {
            Room::Free
        } else if !self.has_room_at_all(part) || !share.load.is_below(self.share().part(part)) {
            Room::Full
        } else if !at_host.is_below(self.part(hosts).part(part)) {
            Room::Crowded
        } else {
            Room::Free
        }
    }

    /// What one handler may fill.
    fn share(&self) -> Load {
        let Bounds {
            requests, bytes, ..
        } = self.bounds;
        Load { requests, bytes }
    }

    /// What one of a handler's hosts may fill.
    fn part(&self, hosts: usize) -> Load {
        self.share().part(hosts.max(1))
    }

    fn has_room_at_all(&self, part: usize) -> bool {
        let Load { requests, bytes } = self.share();
        let shares = self.bounds.shares;
        let all = Load {
            requests: requests * shares,
            bytes: bytes * shares,
        };
        self.load.is_below(all.part(part))
    }

    /// Whether half of what a host may fill is free again, or can be made free.
    pub(super) fn has_drained(
        &self,
        share: &Share,
        host: &str,
        hosts: usize,
        now: SteadyTime,
    ) -> bool {
        let load = share.load_of(host);
        let room = self.has_room_at_all(1) && load.is_below(self.part(hosts).part(2));
        load.requests == 0 || room || share.is_stuck_at(host, now)
    }

    /// Leaves out what cannot go soon of the handlers in `wanted` that have no room, and
    /// of all handlers if there is no room at all.
    pub(super) fn make_room(
        &mut self,
        wanted: &HashSet<HandlerName>,
        now: SteadyTime,
        hosts: impl Fn(&HandlerName) -> usize,
    ) {
        let all = !self.has_room_at_all(2);
        let handlers: Vec<_> = match all {
            true => self.shares.keys().cloned().collect(),
            false => wanted.iter().cloned().collect(),
        };
        for handler in handlers {
            let (Some(share), hosts) = (self.shares.get(&handler), hosts(&handler)) else {
                continue;
            };
            let late = if hosts > 0 {
                now + SOON + Duration::from_millis(1)
            } else {
                SteadyTime::ZERO
            };
            if all || !share.load.is_below(self.share().part(2)) {
                self.evict(&handler, late, |_| true);
                continue;
            }
            let part = self.part(hosts).part(2);
            let crowded = share.behind.iter().flat_map(|one| one.left.crowded());
            let stuck: HashSet<Host> = crowded
                .filter(|host| !share.load_of(host).is_below(part) && share.is_stuck_at(host, now))
                .cloned()
                .collect();
            self.evict(&handler, late, |host| stuck.contains(host));
        }
    }

    /// Leaves out a handler's lanes whose head is due from `late` on, to hosts that are
    /// `meant`.
    fn evict(&mut self, handler: &HandlerName, late: SteadyTime, meant: impl Fn(&str) -> bool) {
        let Some(share) = self.shares.get_mut(handler) else {
            return;
        };
        let (first, load) = share.evict(late, meant);
        self.load.remove(load);
        if let Some(first) = first {
            self.miss(handler, first);
        }
    }

    /// The handlers for which a pass is worth its while at `now`: something of them may
    /// go, and there is room, or room can be made. With the hosts whose requests alone can
    /// be what may go, none if that is not known.
    pub(super) fn wants_pass(
        &self,
        now: SteadyTime,
        hosts: impl Fn(&HandlerName) -> usize,
    ) -> HashMap<HandlerName, Vec<Host>> {
        let stuck = |name: &HandlerName, share: &Share| {
            share.load.requests > 0 && share.is_stuck(now, hosts(name) > 0)
        };
        let room_at_all =
            self.has_room_at_all(2) || self.shares.iter().any(|(name, share)| stuck(name, share));
        let wants = |(name, share): (&HandlerName, &Share)| {
            let behind = share.behind.as_ref()?;
            if behind.more || behind.due.is_some_and(|due| due <= now) {
                let part = self.part(hosts(name)).part(2);
                let half_free = share.load.leaves(part, self.share());
                let room = half_free && (room_at_all || share.load.requests == 0);
                return (room || stuck(name, share)).then(|| (name.clone(), Vec::new()));
            }
            let drained: Vec<Host> = behind
                .left
                .crowded()
                .filter(|_| hosts(name) > 0)
                .filter(|host| self.has_drained(share, host, hosts(name), now))
                .cloned()
                .collect();
            (!drained.is_empty()).then(|| (name.clone(), drained))
        };
        self.shares.iter().filter_map(wants).collect()
    }
}
