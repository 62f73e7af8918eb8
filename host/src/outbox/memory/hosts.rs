//! How much each host takes, over all handlers: its `concurrency`, its `rate`, and the time for
//! which it wants no requests.
//!
//! A receiver that answers 429 or 503 with `Retry-After` speaks of itself, not of the one request:
//! all requests to it wait, and no tries are burnt meanwhile. Afterwards one request goes alone,
//! the probe. The others follow once the probe got another answer.

use std::collections::HashMap;
use std::time::Duration;

use tracing::{info, warn};

use crate::settings::{HostLimit, HostLimits};
use tollgate_base::rate::Bucket;
use tollgate_base::time::SteadyTime;
use tollgate_ledger::RequestId;

/// The longest time for which an answer to one request holds back all others to its host: the
/// answer may have been meant for one account alone.
const LONGEST_HOLD: Duration = Duration::from_secs(10 * 60);

/// The hosts that have requests under way, or had some a moment ago.
#[derive(Debug, Default)]
pub(in crate::outbox) struct Hosts(HashMap<String, Host>);

#[derive(Debug, Default)]
struct Host {
    running: usize,
    bucket: Option<Bucket>,
    hold: Option<Hold>,
}

/// A host that asked for time.
#[derive(Debug)]
struct Hold {
    until: SteadyTime,
    /// The request that shows whether the others may go.
    probe: Option<RequestId>,
}

/// Until when no request goes to a host that asked for so much time at `at`.
pub(in crate::outbox) fn quiet_until(at: SteadyTime, asked: Duration) -> SteadyTime {
    at + asked.min(LONGEST_HOLD)
}

impl Hosts {
    /// Whether a request to this host and port may go now.
    pub(in crate::outbox) fn is_free(
        &self,
        host: &str,
        limits: &HostLimits,
        now: SteadyTime,
    ) -> bool {
        let (name, limit) = limits.of(host);
        let Some(host) = self.0.get(name) else {
            return true;
        };
        let held = host.hold.as_ref();
        held.is_none_or(|hold| hold.probe.is_none() && hold.until <= now)
            && host.running < limit.concurrency
            && (limit.rate.is_none() || host.opens_at() <= now)
    }

    /// Keeps to these limits from now on. Raised limits count at once.
    pub(in crate::outbox) fn follow(&mut self, limits: &HostLimits, now: SteadyTime) {
        for (name, host) in &mut self.0 {
            host.follow(limits.of(name).1, now);
        }
    }

    /// A request goes. Returns the name of the host under which the request counts.
    pub(in crate::outbox) fn started(
        &mut self,
        host: &str,
        request: RequestId,
        limits: &HostLimits,
        now: SteadyTime,
    ) -> String {
        let (name, limit) = limits.of(host);
        let host = self.0.entry(name.to_owned()).or_default();
        host.running += 1;
        host.follow(limit, now);
        if let Some(bucket) = &mut host.bucket {
            bucket.take(now);
        }
        if let Some(hold) = &mut host.hold {
            hold.probe = Some(request);
        }
        name.to_owned()
    }

    /// A request that counted under this name has ended. `quiet_until` is the time until which its
    /// receiver wants no requests, if the receiver said so.
    pub(in crate::outbox) fn ended(
        &mut self,
        name: &str,
        request: RequestId,
        quiet_until: Option<SteadyTime>,
    ) {
        let Some(host) = self.0.get_mut(name) else {
            return;
        };
        host.running = host.running.saturating_sub(1);
        let probed = host
            .hold
            .as_ref()
            .is_some_and(|hold| hold.probe == Some(request));
        match quiet_until {
            Some(until) => {
                if host.hold.is_none() {
                    warn!(
                        host = name,
                        until = until.as_millis(),
                        "a receiver asks for time: all requests to it wait"
                    );
                }
                let hold = host.hold.get_or_insert(Hold { until, probe: None });
                hold.until = hold.until.max(until);
                if probed {
                    hold.probe = None;
                }
            }
            None if probed => {
                info!(
                    host = name,
                    "a receiver that asked for time takes requests again"
                );
                host.hold = None;
            }
            None => {}
        }
    }

    /// Forgets hosts that nothing holds back at `now`, and hosts to which no request has gone for
    /// long after their time was over. Returns when the next host takes more.
    pub(in crate::outbox) fn look(&mut self, now: SteadyTime) -> Option<SteadyTime> {
        self.0
            .retain(|_, host| host.running > 0 || host.is_held(now) || !host.is_rested(now));
        let opens = self.0.values().map(Host::opens_at);
        opens.filter(|at| *at > now).min()
    }

    /// The hosts that asked for time, and until when; hosts with a probe under way included.
    pub(in crate::outbox) fn held(&self) -> impl Iterator<Item = (&str, SteadyTime)> {
        let held = |(name, host): (_, &Host)| Some((name, host.hold.as_ref()?.until));
        self.0
            .iter()
            .map(|(name, host)| (name.as_str(), host))
            .filter_map(held)
    }
}

impl Host {
    fn follow(&mut self, limit: &HostLimit, now: SteadyTime) {
        match (&mut self.bucket, limit.rate) {
            (Some(bucket), Some(rate)) => bucket.set_rate(rate, now),
            (bucket, rate) => *bucket = rate.map(Bucket::new),
        }
    }

    /// Whether the host wants no requests, or did a moment ago.
    fn is_held(&self, now: SteadyTime) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|hold| quiet_until(hold.until, LONGEST_HOLD) > now)
    }

    /// Whether the bucket of tokens is full again.
    fn is_rested(&self, now: SteadyTime) -> bool {
        let bucket = self.bucket.as_ref();
        bucket.is_none_or(|bucket| bucket.is_full(now))
    }

    fn opens_at(&self) -> SteadyTime {
        let bucket = self
            .bucket
            .as_ref()
            .map_or(SteadyTime::ZERO, Bucket::opens_at);
        let hold = self
            .hold
            .as_ref()
            .map_or(SteadyTime::ZERO, |hold| hold.until);
        bucket.max(hold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollgate_base::rate::Rate;

    const HOST: &str = "a.example:443";

    fn at(millis: u64) -> SteadyTime {
        SteadyTime::from_millis(millis)
    }

    fn id(n: i64) -> RequestId {
        RequestId(n)
    }

    fn limits() -> HostLimits {
        let limit = |concurrency, rate| HostLimit { concurrency, rate };
        let per_second = |count| Rate {
            count,
            per: Duration::from_secs(1),
        };
        HostLimits {
            default: limit(2, None),
            named: [
                ("slow.example".to_owned(), limit(100, Some(per_second(5)))),
                ("free.example:8443".to_owned(), limit(1000, None)),
            ]
            .into(),
        }
    }

    #[test]
    fn a_host_has_so_many_under_way() {
        let (mut hosts, limits) = (Hosts::default(), limits());
        let first = hosts.started(HOST, id(1), &limits, at(0));
        hosts.started(HOST, id(2), &limits, at(0));
        assert!(!hosts.is_free(HOST, &limits, at(0)));
        assert!(hosts.is_free("b.example:443", &limits, at(0)));
        assert!(
            hosts.is_free("a.example:80", &limits, at(0)),
            "another server"
        );
        hosts.ended(&first, id(1), None);
        assert!(hosts.is_free(HOST, &limits, at(0)));
        for n in 10..110 {
            hosts.started("free.example:8443", id(n), &limits, at(0));
        }
        assert!(hosts.is_free("free.example:8443", &limits, at(0)));
    }

    #[test]
    fn a_host_gets_so_many_in_a_time_whatever_its_port() {
        let (mut hosts, limits) = (Hosts::default(), limits());
        let name = hosts.started("slow.example:80", id(1), &limits, at(1_000));
        hosts.ended(&name, id(1), None);
        assert!(!hosts.is_free("slow.example:443", &limits, at(1_199)));
        assert_eq!(hosts.look(at(1_000)), Some(at(1_200)));
        assert!(hosts.is_free("slow.example:443", &limits, at(1_200)));
    }

    #[test]
    fn limits_that_are_raised_count_at_once() {
        let mut hosts = Hosts::default();
        let per = |seconds| Rate {
            count: 1,
            per: Duration::from_secs(seconds),
        };
        let of = |rate| {
            HostLimits::all(HostLimit {
                concurrency: 2,
                rate,
            })
        };
        let slow = of(Some(per(3600)));
        let name = hosts.started(HOST, id(1), &slow, at(1_000));
        hosts.ended(&name, id(1), None);
        hosts.follow(&slow, at(1_000));
        assert_eq!(hosts.look(at(1_000)), Some(at(3_601_000)));
        let raised = of(Some(per(1)));
        hosts.follow(&raised, at(2_000));
        assert_eq!(hosts.look(at(2_000)), Some(at(3_000)));
        assert!(hosts.is_free(HOST, &raised, at(3_000)));
        hosts.follow(&of(None), at(2_000));
        assert_eq!(hosts.look(at(2_000)), None);
    }

    #[test]
    fn hosts_that_nothing_holds_back_are_forgotten() {
        let (mut hosts, limits) = (Hosts::default(), limits());
        let names: Vec<_> = (0..1_000)
            .map(|n| hosts.started(&format!("h{n}.example:443"), id(n), &limits, at(0)))
            .collect();
        let slow = hosts.started("slow.example:443", id(2_000), &limits, at(0));
        hosts.ended(&slow, id(2_000), None);
        for (n, name) in (0..).zip(&names) {
            hosts.ended(name, id(n), None);
        }
        hosts.look(at(0));
        assert_eq!(hosts.0.len(), 1, "whose bucket is not full again");
        hosts.look(at(1_000));
        assert!(hosts.0.is_empty());
    }

    #[test]
    fn a_host_that_asks_for_time_is_left_alone_and_then_tried_by_one() {
        let (mut hosts, limits) = (Hosts::default(), limits());
        let ask = |then| Some(quiet_until(then, Duration::from_secs(5)));
        hosts.started(HOST, id(1), &limits, at(0));
        hosts.started(HOST, id(2), &limits, at(0));
        hosts.ended(HOST, id(1), ask(at(1_000)));
        // The end of a request that was under way then says nothing about it.
        hosts.ended(HOST, id(2), None);
        assert!(!hosts.is_free(HOST, &limits, at(5_999)));
        assert_eq!(hosts.look(at(1_500)), Some(at(6_000)));
        assert_eq!(hosts.held().collect::<Vec<_>>(), [(HOST, at(6_000))]);
        assert!(hosts.is_free("b.example:443", &limits, at(1_500)));

        assert!(hosts.is_free(HOST, &limits, at(6_000)));
        hosts.started(HOST, id(3), &limits, at(6_000));
        assert!(!hosts.is_free(HOST, &limits, at(6_000)), "one finds out");
        hosts.ended(HOST, id(3), ask(at(6_500)));
        assert!(!hosts.is_free(HOST, &limits, at(11_499)));
        hosts.started(HOST, id(4), &limits, at(11_500));
        hosts.ended(HOST, id(4), None);
        assert!(hosts.is_free(HOST, &limits, at(11_600)));
        assert_eq!(hosts.held().count(), 0);
        hosts.look(at(11_600));
        assert!(hosts.0.is_empty());
    }

    #[test]
    fn no_host_is_left_alone_for_ever() {
        let (mut hosts, limits) = (Hosts::default(), limits());
        let hour = at(3_600_000);
        let tick = Duration::from_millis(1);
        hosts.started(HOST, id(1), &limits, hour);
        hosts.ended(HOST, id(1), Some(quiet_until(hour, Duration::MAX)));
        assert!(!hosts.is_free(HOST, &limits, hour + LONGEST_HOLD - tick));
        assert!(hosts.is_free(HOST, &limits, hour + LONGEST_HOLD));
        // Nobody wants to go there any more.
        hosts.look(hour + 2 * LONGEST_HOLD - tick);
        assert_eq!(hosts.held().count(), 1);
        hosts.look(hour + 2 * LONGEST_HOLD);
        assert!(hosts.0.is_empty());
    }
}
