//! The limits of each address on requests and on failures.
//!
//! Failures count against addresses alone from which no event has been accepted: behind a proxy
//! all senders have one address, and a stranger among them must not keep the provider out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use super::network::Network;
use crate::settings::PerAddress;
use tollgate_base::rate::Rate;

/// The most networks that are remembered. While so many are active, further ones have no limit.
const NETWORKS: usize = 65_536;
/// How long an accepted event tells that the address is a provider's or a proxy's.
const PROVEN: Duration = Duration::from_secs(3600);
/// How often the networks that are at rest are forgotten, if there are too many.
const SWEEP: Duration = Duration::from_secs(1);

/// The address of a request has sent too much.
#[derive(Debug, thiserror::Error)]
pub(super) enum Over {
    /// More requests than `requests` allows.
    #[error("the address sends too many requests")]
    Requests {
        /// The time until the next request is admitted.
        wait: Duration,
    },
    /// More requests whose signature does not hold than `failures` allows.
    #[error("the address sends too many requests whose signature does not hold")]
    Failures {
        /// The time until the next request is admitted.
        wait: Duration,
    },
}

impl Over {
    /// The reason as a short word that never changes.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Requests { .. } => "address_requests",
            Self::Failures { .. } => "address_failures",
        }
    }

    /// The time until the next request is admitted, in whole seconds, at least one.
    pub(super) fn seconds(&self) -> u32 {
        let (Self::Requests { wait } | Self::Failures { wait }) = self;
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

/// What the addresses have sent lately. Times are those of [`Clock::uptime`].
///
/// [`Clock::uptime`]: tollgate_base::time::Clock::uptime
pub(super) struct PerAddressLimits {
    limits: PerAddress,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    networks: HashMap<Network, Sent>,
    swept: Duration,
}

#[derive(Default)]
struct Sent {
    requests: Window,
    failures: Window,
    /// Until when the address counts as one from which events are accepted.
    proven_until: Duration,
}

/// A count in a moving length of time: the moment at which nothing of it is left.
#[derive(Default)]
struct Window(Duration);

impl Window {
    /// Counts one, if the rate allows it.
    fn take(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        self.wait(rate, now)?;
        self.0 = self.0.max(now) + rate.per / rate.count;
        Ok(())
    }

    /// The error is the time until the rate allows one more.
    fn wait(&self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let after_next = self.0.max(now) + rate.per / rate.count;
        match after_next.checked_sub(now + rate.per) {
            None | Some(Duration::ZERO) => Ok(()),
            Some(wait) => Err(wait),
        }
    }
}

impl PerAddressLimits {
    pub(super) fn new(limits: PerAddress) -> Self {
        Self {
            limits,
            known: Mutex::default(),
        }
    }

    /// Counts a request. The error says which limit the address has passed.
    pub(super) fn admit(&self, address: IpAddr, now: Duration) -> Result<(), Over> {
        let mut known = self.known.lock();
        if self.limits.requests.is_none() && known.networks.is_empty() {
            return Ok(());
        }
        let network = Network::of(address);
        if let Some(rate) = self.limits.requests
            && let Some(sent) = known.of(network, now)
        {
            let taken = sent.requests.take(rate, now);
            taken.map_err(|wait| Over::Requests { wait })?;
        }
        if let Some(rate) = self.limits.failures
            && let Some(sent) = known.networks.get(&network)
            && sent.proven_until <= now
        {
            let allowed = sent.failures.wait(rate, now);
            allowed.map_err(|wait| Over::Failures { wait })?;
        }
        Ok(())
    }

    /// Counts a request whose signature did not hold.
    pub(super) fn failed(&self, address: IpAddr, now: Duration) {
        let Some(rate) = self.limits.failures else {
            return;
        };
        if let Some(sent) = self.known.lock().of(Network::of(address), now) {
            // Requests that were under way together may fail beyond the limit.
            _ = sent.failures.take(rate, now);
        }
    }

    /// Notes that an event was accepted.
    pub(super) fn accepted(&self, address: IpAddr, now: Duration) {
        if self.limits.failures.is_none() {
            return;
        }
        if let Some(sent) = self.known.lock().of(Network::of(address), now) {
            sent.proven_until = now + PROVEN;
        }
    }
}

impl Known {
    /// What a network has sent; `None` if no more networks can be remembered.
    fn of(&mut self, network: Network, now: Duration) -> Option<&mut Sent> {
        if self.networks.len() >= NETWORKS && !self.networks.contains_key(&network) {
            if now.saturating_sub(self.swept) < SWEEP {
                return None;
            }
            self.swept = now;
            self.networks.retain(|_, sent| !sent.is_at_rest(now));
            if self.networks.len() >= NETWORKS {
                return None;
            }
        }
        Some(self.networks.entry(network).or_default())
    }
}

impl Sent {
    fn is_at_rest(&self, now: Duration) -> bool {
        self.requests.0 <= now && self.failures.0 <= now && self.proven_until <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests: Option<u32>, failures: Option<u32>) -> PerAddressLimits {
        let rate = |count| Rate {
            count,
            per: Duration::from_secs(1),
        };
        PerAddressLimits::new(PerAddress {
            connections: None,
            requests: requests.map(rate),
            failures: failures.map(rate),
        })
    }

    fn address(n: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(n).into()
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(100_000 + millis)
    }

    #[test]
    fn requests_of_an_address_are_counted_by_themselves() {
        let limits = limits(Some(10), None);
        for _ in 0..10 {
            limits.admit(address(1), at(0)).unwrap();
        }
        let over = limits.admit(address(1), at(0)).unwrap_err();
        assert_eq!((over.code(), over.seconds()), ("address_requests", 1));
        limits.admit(address(2), at(0)).unwrap();
        limits.admit(address(1), at(100)).unwrap();
        assert!(limits.admit(address(1), at(100)).is_err());
        // A rest of a second allows all again, and no more.
        let admitted = (0..20).filter(|_| limits.admit(address(1), at(5000)).is_ok());
        assert_eq!(admitted.count(), 10);
    }

    #[test]
    fn failures_close_an_address_from_which_no_event_was_accepted() {
        let limits = limits(None, Some(5));
        for _ in 0..50 {
            limits.admit(address(1), at(0)).unwrap();
        }
        for peer in [1, 2] {
            for _ in 0..5 {
                limits.admit(address(peer), at(0)).unwrap();
                limits.failed(address(peer), at(0));
            }
            let over = limits.admit(address(peer), at(0)).unwrap_err();
            assert_eq!(over.code(), "address_failures");
        }
        limits.admit(address(2), at(200)).unwrap();
        limits.accepted(address(2), at(200));
        for _ in 0..50 {
            limits.admit(address(2), at(200)).unwrap();
            limits.failed(address(2), at(200));
        }
        assert!(limits.admit(address(1), at(100)).is_err());
    }

    #[test]
    fn the_number_of_networks_is_bounded() {
        let limits = limits(Some(1), Some(1));
        for n in 0..NETWORKS as u32 + 100 {
            limits.admit(address(n), at(0)).unwrap();
        }
        assert_eq!(limits.known.lock().networks.len(), NETWORKS);
        limits.admit(address(u32::MAX), at(2000)).unwrap();
        assert_eq!(limits.known.lock().networks.len(), 1);
        assert!(limits.admit(address(u32::MAX), at(2000)).is_err());
    }
}
