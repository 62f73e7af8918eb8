//! The heads of a handler's lanes that are not under way, by the host that they go to:
//! where a host takes no more at present, those of others are found without a search.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::queue::Lane;
use tollgate_base::origin::Origin;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::{OutboxRequest, OutboxSeq};

/// Host and port that a request goes to; empty where its URL names none.
pub(super) type Host = Arc<str>;

/// When a head is due, and its place.
type Turn = (SteadyTime, OutboxSeq);

/// Lanes by host and by when their head is due.
#[derive(Debug, Default)]
pub(super) struct Heads(BTreeMap<Host, BTreeMap<Turn, Lane>>);

/// The host that a request goes to.
pub(super) fn host_of(request: &OutboxRequest) -> Host {
    let uri = request.request.url.parse().ok();
    let origin = uri.and_then(|uri| Origin::of(&uri).ok());
    origin
        .map_or_else(String::new, |origin| origin.host_and_port())
        .into()
}

impl Heads {
    /// Lets a lane's head go to `host` when it is due.
    pub(super) fn insert(&mut self, host: &Host, head: &OutboxRequest, lane: Lane) {
        let lanes = self.0.entry(host.clone()).or_default();
        lanes.insert((head.due, head.seq), lane);
    }

    /// Takes out the lane whose head goes next, of those that are due and whose host is free.
    pub(super) fn take(&mut self, now: SteadyTime, free: impl Fn(&str) -> bool) -> Option<Lane> {
        let (host, turn) = self.next(now, free)?;
        let host = host.clone();
        let lanes = self.0.get_mut(&host)?;
        let lane = lanes.remove(&turn);
        if lanes.is_empty() {
            self.0.remove(&host);
        }
        lane
    }

    /// Takes out this one; whether it was there.
    pub(super) fn remove(&mut self, host: &str, head: &OutboxRequest) -> bool {
        let Some(lanes) = self.0.get_mut(host) else {
            return false;
        };
        let removed = lanes.remove(&(head.due, head.seq)).is_some();
        if lanes.is_empty() {
            self.0.remove(host);
        }
        removed
    }

    /// Whether there is one.
    pub(super) fn has_next(&self, now: SteadyTime, free: impl Fn(&str) -> bool) -> bool {
        self.next(now, free).is_some()
    }

    fn next(&self, now: SteadyTime, free: impl Fn(&str) -> bool) -> Option<(&Host, Turn)> {
        self.0
            .iter()
            .filter_map(|(host, lanes)| Some((host, *lanes.first_key_value()?.0)))
            .filter(|(host, (due, _))| *due <= now && free(host))
            .min_by_key(|(_, turn)| *turn)
    }

    /// Whether a head is due, whatever its host.
    pub(super) fn is_due(&self, now: SteadyTime) -> bool {
        self.0.keys().any(|host| self.is_due_for(host, now))
    }

    /// Whether a head that goes to this host is due.
    pub(super) fn is_due_for(&self, host: &str, now: SteadyTime) -> bool {
        let first = self.0.get(host).and_then(BTreeMap::first_key_value);
        first.is_some_and(|((due, _), _)| *due <= now)
    }

    /// When the next head is due of those that are not due at `now`.
    pub(super) fn due_after(&self, now: SteadyTime) -> Option<SteadyTime> {
        let from = (now + Duration::from_millis(1), OutboxSeq(i64::MIN));
        let firsts = self
            .0
            .values()
            .filter_map(|lanes| lanes.range(from..).next());
        firsts.map(|((due, _), _)| *due).min()
    }

    /// Whether this request is one of them.
    pub(super) fn contains(&self, host: &str, head: &OutboxRequest) -> bool {
        let lanes = self.0.get(host);
        lanes.is_some_and(|lanes| lanes.contains_key(&(head.due, head.seq)))
    }

    /// Takes out those that are due at `from` or later, of hosts that are `meant`; their
    /// places and lanes.
    pub(super) fn split_off(
        &mut self,
        from: SteadyTime,
        meant: impl Fn(&str) -> bool,
    ) -> Vec<(OutboxSeq, Lane)> {
        let mut out = Vec::new();
        for (_, lanes) in self.0.iter_mut().filter(|(host, _)| meant(host)) {
            let late = lanes.split_off(&(from, OutboxSeq(i64::MIN)));
            out.extend(late.into_iter().map(|((_, seq), lane)| (seq, lane)));
        }
        self.0.retain(|_, lanes| !lanes.is_empty());
        out
    }
}
