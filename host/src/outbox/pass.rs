//! A pass over the ledger's waiting requests, to take in what memory had to leave out.
//!
//! A pass walks the ledger in commit order, page by page, while requests go out and new
//! ones arrive. Why nothing is lost, sent twice or sent out of order by that:
//!
//! - A page may show a request that was settled after the page was read. Those settled
//!   since the pass began are remembered and skipped. Those in memory are recognised,
//!   since a lane in memory is a prefix: what is not after its tail is in it.
//! - Once a request is left out, all later ones of its lane are, for the rest of the pass.
//! - What arrives meanwhile for a handler that the pass covers is kept aside. The pass
//!   ends with an empty page, read after everything up to the last place that it saw
//!   (the watermark) had been committed, as places are given in the order of commits.
//!   So what was kept aside at or below the watermark has been seen, and what lies above
//!   it has not: that is taken in, if nothing of its handler was left out. What arrives
//!   late, after the pass, is told apart in the same way.
//!
//! A pass stops short once it can take in no more, so that a long queue is not read again
//! and again. While some host of a handler has room left, it reads on to look for requests
//! to that host behind those that wait for another; only for as long as that other has not
//! drained, since it is fast then, and should not idle meanwhile. What such a pass learns is
//! kept (`Left`): what arrives for a host of which nothing is left out needs no pass, and once
//! a crowded host has drained, the next one reads no further than to fill it up again.

use std::collections::{HashMap, HashSet};

use super::heads::{Host, host_of};
use super::queue::{Lane, Queue, SOON};
use super::room::Room;
use super::share::{Behind, Left};
use tollgate_base::event::HandlerName;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{OutboxRequest, OutboxSeq};

/// Arrivals that are kept aside at most.
const KEPT: usize = 8192;
/// Lanes of one handler that a pass remembers as left out, at 8 bytes each; beyond, it
/// leaves out all that follows.
const BLOCKED: usize = 1 << 20;

/// One pass under way.
pub(super) struct Pass {
    /// The place of the last request seen.
    cursor: OutboxSeq,
    /// Whether every handler is covered: the first pass.
    all: bool,
    members: HashMap<HandlerName, Member>,
    /// Requests that were settled since the pass began.
    pub(super) settled: HashSet<OutboxSeq>,
    /// Requests that were made due since.
    pub(super) hastened: HashMap<OutboxSeq, SteadyTime>,
    kept: Vec<OutboxRequest>,
    /// Whether what was left out may have become able to go.
    pub(super) look_again: bool,
}

/// What a pass knows of a handler.
#[derive(Debug, Default)]
struct Member {
    /// The first request that was left out or missed.
    first: Option<OutboxSeq>,
    more: bool,
    due: Option<SteadyTime>,
    left: Left,
    /// Nothing more is taken in.
    full: bool,
    /// If the pass is for these hosts alone: they, and what was left out before.
    again: Option<(Vec<Host>, Behind)>,
}

impl Pass {
    /// Whether arrivals of the handler are to be kept aside.
    pub(super) fn covers(&self, handler: &HandlerName) -> bool {
        self.all || self.members.contains_key(handler)
    }

    /// Keeps an arrival aside.
    pub(super) fn keep(&mut self, request: OutboxRequest) {
        if self.kept.len() < KEPT {
            self.kept.push(request);
        } else {
            self.miss(&request.handler, request.seq);
        }
    }

    fn hasten(&self, request: &mut OutboxRequest) {
        if let Some(due) = self.hastened.get(&request.seq) {
            request.due = *due;
        }
    }

    /// Notes that arrivals of a handler from `seq` on were lost.
    pub(super) fn miss(&mut self, handler: &HandlerName, seq: OutboxSeq) {
        let member = self.members.entry(handler.clone()).or_default();
        member.leave_out(seq);
        member.more = true;
    }
}

impl Member {
    fn leave_out(&mut self, seq: OutboxSeq) {
        self.first = Some(self.first.map_or(seq, |first| first.min(seq)));
    }
}

impl Queue {
    /// Begins a pass if one is worth its while; the place after which to read.
    pub(super) fn begin_pass(
        &mut self,
        now: SteadyTime,
        hosts: impl Fn(&HandlerName) -> usize,
    ) -> Option<OutboxSeq> {
        let all = self.first_pass.is_none();
        let wanted = self.wants_pass(now, &hosts);
        if !all && wanted.is_empty() {
            return None;
        }
        self.make_room(&wanted.keys().cloned().collect(), now, hosts);
        let from = wanted
            .keys()
            .filter_map(|handler| Some(self.shares.get(handler)?.behind.as_ref()?.from))
            .min()
            .filter(|_| !all)
            .unwrap_or_default();
        let members = wanted.into_iter().map(|(handler, drained)| {
            let share = self.shares.get_mut(&handler);
            let before = share.and_then(|share| share.behind.take());
            // What had to make room may be anywhere.
            let again = before.filter(|before| !drained.is_empty() && !before.more);
            let member = Member {
                again: again.map(|before| (drained, before)),
                ..Member::default()
            };
            (handler, member)
        });
        let cursor = OutboxSeq(from.0.saturating_sub(1));
        self.pass = Some(Pass {
            cursor,
            all,
            members: members.collect(),
            settled: HashSet::new(),
            hastened: HashMap::new(),
            kept: Vec::new(),
            look_again: false,
        });
        Some(cursor)
    }

    /// The place after which the pass under way reads on.
    pub(super) fn cursor(&self) -> Option<OutboxSeq> {
        self.pass.as_ref().map(|pass| pass.cursor)
    }

    /// Takes in what it can of the next page; the place after which to read on, `None`
    /// when the pass has ended.
    pub(super) fn page(
        &mut self,
        requests: Vec<OutboxRequest>,
        now: SteadyTime,
        hosts: impl Fn(&HandlerName) -> usize,
    ) -> Option<OutboxSeq> {
        let mut pass = self.pass.take()?;
        let at_end = requests.is_empty();
        for mut request in requests {
            pass.cursor = request.seq;
            pass.hasten(&mut request);
            if pass.covers(&request.handler) && !pass.settled.contains(&request.seq) {
                let hosts = hosts(&request.handler);
                self.offer(&mut pass, request, now, hosts);
            }
        }
        for (handler, member) in &mut pass.members {
            self.look_at(handler, member, now, hosts(handler));
        }
        // Reading on is for members that still have room.
        let idle = !pass.all && pass.members.values().all(|member| member.full);
        if at_end || idle {
            self.end(pass, at_end, hosts);
            return None;
        }
        let cursor = pass.cursor;
        self.pass = Some(pass);
        Some(cursor)
    }

    /// Takes in one request of a page, or leaves it out.
    fn offer(&mut self, pass: &mut Pass, request: OutboxRequest, now: SteadyTime, hosts: usize) {
        let lane = Lane::of(&request);
        let member = pass.members.entry(request.handler.clone()).or_default();
        let hash = self.hash(&lane);
        let (present, until) = (hosts > 0, now + SOON);
        let share = self.shares.get(&request.handler);
        let tail = share.and_then(|share| share.tail(&lane));
        if tail.is_some_and(|tail| request.seq <= tail) {
            return;
        }
        // What follows a head waits for what the head waits for.
        let known = share.and_then(|share| share.waits_for(&lane, until));
        let (host, soon) = known.unwrap_or_else(|| (host_of(&request), request.due <= until));
        let soon = soon && present;
        let room = self.room(&request.handler, &host, hosts, soon);
        let full = room == Room::Full
            && (soon || self.room(&request.handler, &host, hosts, true) == Room::Full);
        let blocked = member.left.has_lane(hash);
        if !member.full && !blocked && room == Room::Free {
            self.push(request);
            return;
        }
        member.leave_out(request.seq);
        if !blocked {
            member.left.host(host, soon && room == Room::Crowded);
            if soon && room != Room::Crowded {
                member.more = true;
            } else if present && !soon {
                member.due = Some(member.due.map_or(request.due, |due| due.min(request.due)));
            }
        }
        if matches!(lane, Lane::Key(_)) {
            member.left.lane(hash);
        }
        if full || member.left.lanes() >= BLOCKED {
            member.full = true;
            member.more |= present;
        }
    }

    /// Whether reading on is of use for a handler.
    fn look_at(&self, handler: &HandlerName, member: &mut Member, now: SteadyTime, hosts: usize) {
        let Some(share) = self.shares.get(handler).filter(|_| !member.full) else {
            return;
        };
        if let Some((wanted, _)) = &member.again
            && wanted.iter().all(|host| member.left.is_crowded(host))
        {
            member.full = true;
        } else if member.left.crowded().count() >= hosts.max(1)
            || member
                .left
                .crowded()
                .any(|host| self.has_drained(share, host, hosts, now))
        {
            member.full = true;
            member.more = true;
        }
    }

    /// `whole` says whether the pass has read to the end.
    fn end(&mut self, mut pass: Pass, whole: bool, hosts: impl Fn(&HandlerName) -> usize) {
        for (handler, mut member) in std::mem::take(&mut pass.members) {
            if member.full && !whole {
                // What has not been read begins behind.
                member.leave_out(pass.cursor);
            }
            if let Some((_, before)) = member.again
                && !whole
            {
                member.left.join(before.left);
                member.due = member.due.into_iter().chain(before.due).min();
            }
            member.left.shorten();
            let share = self.shares.entry(handler).or_default();
            share.seen = share.seen.max(pass.cursor);
            share.behind = member.first.map(|from| Behind {
                from,
                more: member.more || pass.look_again,
                due: member.due,
                left: member.left,
            });
        }
        self.first_pass.get_or_insert(pass.cursor);
        for mut request in std::mem::take(&mut pass.kept) {
            pass.hasten(&mut request);
            if request.seq > pass.cursor && !pass.settled.contains(&request.seq) {
                let hosts = hosts(&request.handler);
                self.arrive(request, hosts);
            }
        }
    }
}
