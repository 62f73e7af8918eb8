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

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::queue::{Behind, Lane, Queue, SOON};
use crate::event::{HandlerName, UnixMillis};
use crate::ledger::{OutboxRequest, OutboxSeq};

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
    kept: Vec<OutboxRequest>,
    /// Whether what was left out may have become able to go.
    pub(super) look_again: bool,
    hasher: RandomState,
}

/// What a pass knows of a handler.
#[derive(Debug, Default)]
struct Member {
    /// Lanes of which something was left out, by hash: a collision only delays.
    blocked: HashSet<u64>,
    /// The first request that was left out or missed.
    first: Option<OutboxSeq>,
    more: bool,
    due: Option<UnixMillis>,
    full: bool,
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
        now: UnixMillis,
        present: impl Fn(&HandlerName) -> bool,
    ) -> Option<OutboxSeq> {
        let all = self.first_pass.is_none();
        let wanted = self.wants_pass(now, &present);
        if !all && wanted.is_empty() {
            return None;
        }
        self.make_room(&wanted, now, present);
        let members: HashMap<_, _> = wanted
            .into_iter()
            .map(|handler| (handler, Member::default()))
            .collect();
        let from = members
            .keys()
            .filter_map(|handler| Some(self.shares.get(handler)?.behind?.from))
            .min()
            .filter(|_| !all)
            .unwrap_or_default();
        let cursor = OutboxSeq(from.0.saturating_sub(1));
        self.pass = Some(Pass {
            cursor,
            all,
            members,
            settled: HashSet::new(),
            kept: Vec::new(),
            look_again: false,
            hasher: RandomState::new(),
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
        now: UnixMillis,
        present: impl Fn(&HandlerName) -> bool,
    ) -> Option<OutboxSeq> {
        let mut pass = self.pass.take()?;
        let at_end = requests.is_empty();
        for request in requests {
            pass.cursor = request.seq;
            if pass.covers(&request.handler) && !pass.settled.contains(&request.seq) {
                let present = present(&request.handler);
                self.offer(&mut pass, request, now, present);
            }
        }
        // Reading on is for members that still have room.
        let idle = !pass.all && pass.members.values().all(|member| member.full);
        if at_end || idle {
            self.end(pass);
            return None;
        }
        let cursor = pass.cursor;
        self.pass = Some(pass);
        Some(cursor)
    }

    /// Takes in one request of a page, or leaves it out.
    fn offer(&mut self, pass: &mut Pass, request: OutboxRequest, now: UnixMillis, present: bool) {
        let lane = Lane::of(&request);
        let member = pass.members.entry(request.handler.clone()).or_default();
        let hash = pass.hasher.hash_one(&lane);
        let until = now + SOON;
        let mut soon = request.due <= until;
        if let Some(share) = self.shares.get(&request.handler)
            && let Some(known) = share.lane(&lane)
        {
            if known.back().is_some_and(|tail| request.seq <= tail.seq) {
                return;
            }
            // What follows a stuck head is stuck too.
            soon = share.goes_by(known, until);
        }
        soon &= present;
        if !member.full && !member.blocked.contains(&hash) && self.has_room(&request.handler, soon)
        {
            self.push(request);
            return;
        }
        member.leave_out(request.seq);
        if !member.blocked.contains(&hash) {
            if soon {
                member.more = true;
            } else if present {
                member.due = Some(member.due.map_or(request.due, |due| due.min(request.due)));
            }
        }
        if matches!(lane, Lane::Key(_)) {
            member.blocked.insert(hash);
        }
        if !self.has_room(&request.handler, true) || member.blocked.len() >= BLOCKED {
            member.full = true;
            member.more |= present;
        }
    }

    fn end(&mut self, mut pass: Pass) {
        for request in &pass.kept {
            if request.seq > pass.cursor
                && let Some(member) = pass.members.get_mut(&request.handler)
                && member.first.is_some()
            {
                // Left out, since something else of its handler is.
                member.leave_out(request.seq);
                member.more = true;
            }
        }
        for (handler, member) in pass.members {
            let share = self.shares.entry(handler).or_default();
            // Those that are behind get their watermark from the pass that catches up.
            share.seen = pass.cursor;
            share.behind = member.first.map(|from| Behind {
                from,
                more: member.more || pass.look_again,
                due: member.due,
            });
        }
        self.first_pass.get_or_insert(pass.cursor);
        // Those whose handler is behind are left out by `arrive`.
        for request in pass.kept {
            if request.seq > pass.cursor {
                self.arrive(request);
            }
        }
    }
}
