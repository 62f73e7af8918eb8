//! The gates of all hosts.

use std::collections::HashMap;

use super::gate::Gate;
use crate::settings::{Mode, Resolve};
use tollgate_base::origin::Origin;
use tollgate_base::rate::Rate;
use tollgate_base::time::SteadyTime;

/// The requests that share a limit: those to one host, with keys of one mode.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct HostKey(Origin, Option<Mode>);

impl HostKey {
    /// The requests that go out with these settings.
    pub(super) fn of(resolve: &Resolve) -> Self {
        Self(resolve.origin.clone(), resolve.mode())
    }
}

/// The gates of all hosts that were ever asked.
#[derive(Debug, Default)]
pub(super) struct Gates(HashMap<HostKey, Gate>);

impl Gates {
    /// Gives each gate the least rate of the settings that share it.
    pub(super) fn follow<'r>(&mut self, all: impl Iterator<Item = &'r Resolve>, now: SteadyTime) {
        let mut rates: HashMap<HostKey, Rate> = HashMap::new();
        for resolve in all {
            let rate = rates.entry(HostKey::of(resolve)).or_insert(resolve.rate);
            if per_second(resolve.rate) < per_second(*rate) {
                *rate = resolve.rate;
            }
        }
        for (host, rate) in rates {
            let gate = self.0.entry(host);
            gate.or_insert_with(|| Gate::new(rate, now))
                .follow(rate, now);
        }
    }

    /// The gate of a host.
    pub(super) fn get(&mut self, host: &HostKey) -> Option<&mut Gate> {
        self.0.get_mut(host)
    }

    /// Until when a host rests, if it does.
    pub(super) fn rests_until(&self, host: &HostKey, now: SteadyTime) -> Option<SteadyTime> {
        self.0.get(host)?.rests_until(now)
    }
}

fn per_second(rate: Rate) -> f64 {
    f64::from(rate.count) / rate.per.as_secs_f64()
}
