//! Requests that wait: for others of their key, for their host, for their handler, for memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::harness::*;
use crate::outbox::Tally;
use crate::outbox::memory::{Bounds, Load};
use crate::settings::HostLimit;
use tollgate_base::rate::Rate;
use tollgate_ledger::OutboxState::{Sent, Waiting};

test! {
    async fn what_waited_before_the_start_goes_out() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        setup.queue("h", vec![post(&receiver.url("/"), "a", Some("k"))]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "b", Some("k"))]);
        setup.until_state(Sent, 2).await;
        assert_eq!(receiver.keys(), ["a", "b"]);
        outbox.stop(PATIENCE).await;
    }
}

test! {
    /// A head that fails holds up its own key, and nothing else.
    async fn a_key_keeps_its_order() {
        let setup = Setup::new();
        let failing = AtomicU32::new(2);
        let receiver = Receiver::new(move |request| {
            let fails = request.key() == "a1"
                && failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
            Reply::Status(if fails { 500 } else { 200 })
        }).await;
        setup.allow("h", vec![allow(&receiver.origin())]);
        setup.allow("i", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        let request = |key, order| post(&receiver.url("/"), key, order);
        setup.queue("h", vec![
            request("a1", Some("a")),
            request("a2", Some("a")),
            request("b1", Some("b")),
            request("free", None),
        ]);
        setup.queue("h", vec![request("a3", Some("a")), request("b2", Some("b"))]);
        setup.queue("i", vec![request("i1", Some("a"))]);
        setup.until_state(Sent, 4).await;
        let mut others = receiver.keys();
        others.sort();
        assert_eq!(others, ["a1", "b1", "b2", "free", "i1"]);
        setup.advance(&outbox, FIRST);
        until("the second try", || receiver.keys().len() == 6).await;
        until("its record", || setup.list(Some(Waiting)).iter().any(|entry| entry.request.tries == 2)).await;
        setup.advance(&outbox, 2 * FIRST);
        setup.until_state(Sent, 7).await;
        let of_a: Vec<_> = receiver.keys().into_iter().filter(|key| key.starts_with('a')).collect();
        assert_eq!(of_a, ["a1", "a1", "a1", "a2", "a3"]);
        let of_b: Vec<_> = receiver.keys().into_iter().filter(|key| key.starts_with('b')).collect();
        assert_eq!(of_b, ["b1", "b2"]);
    }
}

test! {
    /// Requests without a key, and heads of different keys, are under way together; one
    /// handler leaves room for others.
    async fn keys_do_not_wait_for_each_other() {
        let setup = Setup::new();
        let slow = Receiver::new(|_| Reply::Hang).await;
        let fast = Receiver::answering(200).await;
        setup.allow("slow", vec![allow(&slow.origin())]);
        setup.allow("fast", vec![allow(&fast.origin())]);
        let outbox = setup.start();
        let requests = (0..40).map(|n| post(&slow.url("/"), &n.to_string(), Some(&n.to_string())));
        setup.queue("slow", requests.collect());
        // There are 16 places. One handler takes 12 at most.
        until("the slow ones are under way", || slow.keys().len() == 12).await;
        setup.queue("fast", vec![post(&fast.url("/"), "x", None)]);
        setup.until_state(Sent, 1).await;
        assert_eq!(slow.keys().len(), 12);
        slow.go_on();
        until("the next ones are under way", || slow.keys().len() == 24).await;
        drop(outbox);
    }
}

test! {
    /// The limit counts the requests of all handlers. Requests to other hosts pass by.
    async fn a_host_has_no_more_under_way_than_it_bears() {
        let setup = Setup::new();
        let slow = Receiver::new(|_| Reply::Hang).await;
        let fast = Receiver::answering(200).await;
        let host = slow.address.to_string();
        let mut limits = (*bears(16, None)).clone();
        limits.named.insert(host, HostLimit { concurrency: 2, rate: None });
        setup.manifest.settings.lock().hosts = Arc::new(limits);
        for handler in ["a", "b"] {
            setup.allow(handler, vec![allow(&slow.origin()), allow(&fast.origin())]);
        }
        let outbox = setup.start();
        for handler in ["a", "b"] {
            let keyed = |n: u32| (format!("{handler}{n}"), if n < 3 { "key" } else { "other" });
            let requests = (0..6).map(keyed).map(|(id, key)| post(&slow.url("/"), &id, Some(key)));
            setup.queue(handler, requests.collect());
            let passing = (0..5).map(|n| post(&fast.url("/"), &format!("{handler}{n}f"), None));
            setup.queue(handler, passing.collect());
        }
        setup.until_state(Sent, 10).await;
        until("two are under way", || slow.keys().len() == 2).await;
        until("all have gone", || {
            slow.go_on();
            setup.count(Sent) == 22
        }).await;
        assert_eq!(slow.most_under_way(), 2);
        assert_eq!(outbox.tally(), Tally { sent: 22, ..Tally::default() });
        for handler in ["a", "b"] {
            for range in [0..3, 3..6] {
                let own: Vec<_> = range.map(|n| format!("{handler}{n}")).collect();
                let seen: Vec<_> = slow.keys().into_iter().filter(|key| own.contains(key)).collect();
                assert_eq!(seen, own, "in order");
            }
        }
    }
}

test! {
    /// A rate is kept by the clock that tells when requests are due.
    async fn a_host_gets_no_more_in_a_time_than_it_bears() {
        let setup = Setup::new();
        let (limited, other) = (Receiver::answering(200).await, Receiver::answering(200).await);
        let rate = Rate { count: 2, per: Duration::from_secs(1) };
        let mut limits = (*bears(16, None)).clone();
        let limit = HostLimit { concurrency: 16, rate: Some(rate) };
        limits.named.insert(limited.address.to_string(), limit);
        setup.manifest.settings.lock().hosts = Arc::new(limits);
        setup.allow("h", vec![allow(&limited.origin()), allow(&other.origin())]);
        let outbox = setup.start();
        let requests = (0..5).map(|n| post(&limited.url("/"), &n.to_string(), None));
        setup.queue("h", requests.collect());
        let passing = || setup.queue("h", vec![post(&other.url("/"), "passing", None)]);
        let mut passed = 0;
        for sent in 1..=5 {
            until("the next went", || limited.keys().len() == sent).await;
            setup.advance(&outbox, ms(499));
            // Whoever overtakes has been looked for among all that waits.
            passing();
            passed += 1;
            setup.until_state(Sent, sent + passed).await;
            assert_eq!(limited.keys().len(), sent);
            setup.advance(&outbox, ms(1));
        }
        assert_eq!(limited.keys(), ["0", "1", "2", "3", "4"]);
    }
}

test! {
    /// One answer is enough: the others wait for as long as the receiver asks, and burn no
    /// tries. Then one of them finds out.
    async fn a_receiver_that_asks_for_time_gets_it_from_all() {
        let setup = Setup::new();
        let wanted = Arc::new(AtomicU32::new(2));
        let left = wanted.clone();
        let limited = Receiver::new(move |_| {
            match left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                Ok(_) => Reply::Header(503, "retry-after", "60".to_owned()),
                Err(_) => Reply::Status(200),
            }
        }).await;
        let other = Receiver::answering(200).await;
        // One at a time, so that the first answer comes before the second try.
        setup.manifest.settings.lock().hosts = bears(1, None);
        for handler in ["a", "b"] {
            setup.allow(handler, vec![allow(&limited.origin()), allow(&other.origin())]);
        }
        let outbox = setup.start();
        let requests = |handler| {
            let to_limited = (0..10).map(|n| post(&limited.url("/"), &format!("{handler}{n}"), None));
            to_limited.chain([post(&other.url("/"), "passing", None)]).collect()
        };
        setup.queue("a", requests("a"));
        setup.queue("b", requests("b"));
        setup.until_state(Sent, 2).await;
        until("the receiver has asked", || limited.keys().len() == 1).await;
        let held = || outbox.handle().held();
        until("all are held", || !held().is_empty()).await;
        assert_eq!(held(), [(limited.address.to_string(), NOW + ms(60_000))]);
        setup.advance(&outbox, ms(59_999));
        setup.queue("a", vec![post(&other.url("/"), "passing", None)]);
        setup.until_state(Sent, 3).await;
        assert_eq!(limited.keys().len(), 1);

        setup.advance(&outbox, ms(1));
        until("it asked again", || held() == [(limited.address.to_string(), NOW + ms(120_000))]).await;
        assert_eq!(limited.keys().len(), 2);
        setup.advance(&outbox, ms(60_000));
        setup.until_state(Sent, 23).await;
        assert!(held().is_empty());
        let tries: u32 = setup.list(None).iter().map(|entry| entry.request.tries).sum();
        assert_eq!(tries, 25, "none in vain but the two that were sent away");
    }
}

test! {
    /// A status that speaks of the request holds back the request alone.
    async fn a_request_may_be_asked_to_wait_alone() {
        let setup = Setup::new();
        let receiver = Receiver::new(|request| match request.key() {
            "locked" => Reply::Header(500, "retry-after", "60".to_owned()),
            _ => Reply::Status(200),
        }).await;
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "locked", None)]);
        setup.until_tries(1).await;
        assert_eq!(setup.only().request.due, STEADY + ms(60_000));
        setup.queue("h", vec![post(&receiver.url("/"), "other", None)]);
        setup.until_state(Sent, 1).await;
        assert!(outbox.handle().held().is_empty());
    }
}

test! {
    async fn requests_of_an_absent_handler_wait_for_it() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        setup.queue("gone", vec![post(&receiver.url("/"), "gone", Some("k"))]);
        setup.queue("h", vec![post(&receiver.url("/"), "here", Some("k"))]);
        setup.until_state(Sent, 1).await;
        assert_eq!(receiver.keys(), ["here"]);
        setup.allow("gone", vec![allow(&receiver.origin())]);
        outbox.handle().wake();
        setup.until_state(Sent, 2).await;
        assert_eq!(setup.list(None).iter().map(|entry| entry.request.tries).max(), Some(1));
    }
}

test! {
    /// More requests wait than memory holds, of two handlers that are present and of an absent one.
    async fn memory_is_bounded_and_nothing_is_lost() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("a", vec![allow(&receiver.origin())]);
        setup.allow("b", vec![allow(&receiver.origin())]);
        let request = |n: usize| {
            let order = n.is_multiple_of(2).then_some("even");
            post(&receiver.url("/"), &n.to_string(), order)
        };
        for batch in 0..5 {
            let requests = |from: usize| (from..from + 20).map(request).collect();
            setup.queue("absent", requests(batch * 20));
            setup.queue("a", requests(1000 + batch * 20));
            setup.queue("b", requests(2000 + batch * 20));
        }
        let load = |requests| Load { requests, bytes: 1 << 20 };
        let bounds = Bounds { all: load(14), lane: load(7) };
        let outbox = setup.start_with(no_tls(), bounds);
        for batch in 0..5 {
            setup.queue("a", (1100 + batch * 20..1120 + batch * 20).map(request).collect());
        }
        setup.until_state(Sent, 300).await;
        setup.allow("absent", vec![allow(&receiver.origin())]);
        outbox.handle().wake();
        setup.until_state(Sent, 400).await;
        let mut keys: Vec<usize> = receiver.keys().iter().map(|key| key.parse().unwrap()).collect();
        for (from, to) in [(0, 100), (1000, 1200), (2000, 2100)] {
            let of: Vec<_> = keys.iter().copied().filter(|n| (from..to).contains(n) && n % 2 == 0).collect();
            assert!(of.is_sorted(), "{of:?}");
        }
        keys.sort_unstable();
        let all: Vec<_> = (0..100).chain(1000..1200).chain(2000..2100).collect();
        assert_eq!(keys, all);
    }
}

test! {
    /// Stopping waits for the tries under way and their records, and starts no more.
    async fn stopping_ends_what_is_under_way() {
        let setup = Setup::new();
        let receiver = Receiver::new(|_| Reply::Hang).await;
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        let request = |key| post(&receiver.url("/"), key, Some("k"));
        setup.queue("h", vec![request("first"), request("second")]);
        until("under way", || receiver.keys().len() == 1).await;
        let stopping = tokio::spawn(outbox.stop(PATIENCE));
        tokio::task::yield_now().await;
        receiver.go_on();
        stopping.await.unwrap();
        assert_eq!(receiver.keys(), ["first"]);
        assert_eq!((setup.count(Sent), setup.count(Waiting)), (1, 1));
        // With a deadline it cuts off; the request goes again after the next start.
        let outbox = setup.start();
        until("under way", || receiver.keys().len() == 2).await;
        outbox.stop(Duration::from_millis(20)).await;
        assert_eq!((setup.count(Sent), setup.count(Waiting)), (1, 1));
        assert_eq!(setup.list(Some(Waiting))[0].request.tries, 0);
    }
}
