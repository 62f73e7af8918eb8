//! The lanes of one handler, and its tries that are under way.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::lane::{Lane, Place};
use tollgate_base::time::SteadyTime;
use tollgate_ledger::RequestHost;

/// The lanes of one handler, and its tries that are under way.
#[derive(Default)]
pub(super) struct HandlerLanes {
    pub(super) lanes: BTreeMap<RequestHost, Lane>,
    /// How many tries are under way.
    running: usize,
    /// The same for each host that has some.
    running_to: HashMap<RequestHost, usize>,
    /// The order keys of requests that are under way. If an operator cancels such a request, the
    /// ledger hands out the next one of its key, which has to wait for the end of the try.
    busy_keys: HashSet<String>,
}

impl HandlerLanes {
    /// The lane for this host.
    pub(super) fn lane(&mut self, host: &RequestHost) -> &mut Lane {
        self.lanes.entry(host.clone()).or_insert_with(Lane::new)
    }

    /// How many tries are under way.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// The host and the place of the next request whose host is free. The host with the fewest
    /// tries under way goes first: otherwise hosts that do not answer would take every place for as
    /// long as they have older requests than others.
    pub(super) fn next(
        &self,
        is_free: impl Fn(&RequestHost) -> bool,
    ) -> Option<(RequestHost, Place)> {
        self.lanes
            .iter()
            .filter(|(host, _)| is_free(host))
            .filter_map(|(host, lane)| {
                let place = lane.next(|key| self.busy_keys.contains(key))?;
                Some((host, place))
            })
            .min_by_key(|(host, place)| (self.running_to.get(*host), *place))
            .map(|(host, place)| (host.clone(), place))
    }

    /// The next due time after `now` of requests in the ledger.
    pub(super) fn next_due(&self, now: SteadyTime) -> Option<SteadyTime> {
        let due = self.lanes.values().filter_map(|lane| lane.remainder.next());
        due.filter(|due| *due > now).min()
    }

    /// A try begins of a request to this host with this order key.
    pub(super) fn begin(&mut self, host: &RequestHost, key: Option<&String>) {
        self.running += 1;
        *self.running_to.entry(host.clone()).or_default() += 1;
        self.busy_keys.extend(key.cloned());
    }

    /// The try of a request to this host with this order key has ended.
    pub(super) fn end(&mut self, host: &RequestHost, key: Option<&String>) {
        self.running -= 1;
        if let Some(running) = self.running_to.get_mut(host) {
            *running -= 1;
            if *running == 0 {
                self.running_to.remove(host);
            }
        }
        if let Some(key) = key {
            self.busy_keys.remove(key);
        }
    }

    /// Forgets idle lanes. Returns whether nothing is left.
    pub(super) fn forget_idle(&mut self) -> bool {
        self.lanes.retain(|_, lane| !lane.is_idle());
        self.lanes.is_empty() && self.running == 0
    }
}
