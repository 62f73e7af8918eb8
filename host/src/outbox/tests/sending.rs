//! The outbox whole: a real ledger, real sockets, a clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::harness::*;
use crate::outbox::Tally;
use crate::outbox::room::Bounds;
use crate::settings::HostLimit;
use tollgate_base::event::HandlerName;
use tollgate_base::rate::Rate;
use tollgate_ledger::OutboxState::{Dead, Sent, Waiting};

macro_rules! test {
    ($(#[$doc:meta])* async fn $name:ident() $body:block) => {
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() $body
    };
}

test! {
    async fn a_request_goes_out_as_it_was_queued() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(204).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        let mut request = post(&receiver.url("/orders?a=b%20c"), "key-1", None);
        request.headers.extend([
            ("X-Own".to_owned(), "1".to_owned()),
            ("x-own".to_owned(), "2".to_owned()),
            ("Host".to_owned(), "evil.example".to_owned()),
            ("Content-Length".to_owned(), "1".to_owned()),
            ("Transfer-Encoding".to_owned(), "chunked".to_owned()),
            ("Idempotency-Key".to_owned(), "other".to_owned()),
            ("tollgate-event-id".to_owned(), "other".to_owned()),
        ]);
        let event = setup.queue("h", vec![request]);
        setup.until_state(Sent, 1).await;
        let received = receiver.received().remove(0);
        assert_eq!(received.method, "POST");
        assert_eq!(received.target, "/orders?a=b%20c");
        assert_eq!(received.body, "body of key-1");
        for (name, value) in [
            ("host", Some(receiver.address.to_string())),
            ("content-length", Some("13".to_owned())),
            ("transfer-encoding", None),
            ("content-type", Some("text/plain".to_owned())),
            ("idempotency-key", Some("key-1".to_owned())),
            ("tollgate-event-id", Some(event.to_string())),
            ("user-agent", Some(format!("tollgate/{}", env!("CARGO_PKG_VERSION")))),
        ] {
            assert_eq!(received.header(name).map(str::to_owned), value, "{name}");
            assert!(received.headers.get_all(name).iter().count() <= 1, "{name}");
        }
        let own: Vec<_> = received.headers.get_all("x-own").iter().collect();
        assert_eq!(own, ["1", "2"]);
        let entry = setup.only();
        assert_eq!((entry.status, &*entry.error, entry.request.tries), (Some(204), "", 1));
        assert_eq!(outbox.tally(), Tally { sent: 1, ..Tally::default() });
    }
}

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
    async fn every_try_has_the_same_key_and_waits_longer() {
        let setup = Setup::new();
        let tries = AtomicU32::new(0);
        let receiver = Receiver::new(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Status(500),
            1 => Reply::Status(408),
            _ => Reply::Status(200),
        }).await;
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
        setup.until_tries(1).await;
        let entry = setup.only();
        assert_eq!((entry.state, entry.status, &*entry.error), (Waiting, Some(500), "answered 500"));
        assert_eq!(entry.request.due, STEADY + FIRST);
        setup.advance(&outbox, FIRST);
        setup.until_tries(2).await;
        assert_eq!(setup.only().request.due, STEADY + FIRST + 2 * FIRST);
        setup.advance(&outbox, 2 * FIRST);
        setup.until_state(Sent, 1).await;
        assert_eq!(receiver.keys(), ["key-1", "key-1", "key-1"]);
        assert_eq!(outbox.tally(), Tally { sent: 1, again: 2, dead: 0 });
    }
}

test! {
    async fn after_the_last_try_a_request_is_dead() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(503).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
        for tries in 1..=4 {
            setup.until_tries(tries).await;
            assert_eq!(setup.only().state, if tries < 4 { Waiting } else { Dead });
            setup.advance(&outbox, ms(3_600_000));
        }
        assert_eq!(receiver.keys().len(), 4);
        assert_eq!(setup.only().error, "answered 503");
    }
}

test! {
    async fn a_receiver_may_ask_for_time() {
        let setup = Setup::new();
        let answers = AtomicU32::new(0);
        let receiver = Receiver::new(move |_| {
            let wait = match answers.fetch_add(1, Ordering::Relaxed) {
                0 => "120",
                // 17 min 40 s after NOW.
                1 => "Tue, 14 Nov 2023 22:31:00 GMT",
                2 => "99999999",
                _ => return Reply::Status(200),
            };
            Reply::Header(429, "retry-after", wait.to_owned())
        }).await;
        setup.allow("h", vec![allow(&receiver.origin())]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
        let day = Duration::from_secs(24 * 3600);
        let mut now = STEADY;
        for (tries, due) in [(1, STEADY + ms(120_000)), (2, STEADY + ms(1_060_000)), (3, STEADY + ms(1_060_000) + day)] {
            setup.until_tries(tries).await;
            assert_eq!(setup.only().request.due, due);
            setup.advance(&outbox, due.since(now));
            now = due;
        }
        setup.until_state(Sent, 1).await;
    }
}

test! {
    async fn other_answers_end_a_request() {
        let (setup, outbox_receivers) = (Setup::new(), [400, 404, 409, 422, 301, 307]);
        let mut receivers = vec![];
        for status in outbox_receivers {
            let answer = Reply::Header;
            receivers.push(Receiver::new(move |_| answer(status, "location", "http://127.0.0.1:1/".into())).await);
        }
        setup.allow("h", receivers.iter().map(|receiver| allow(&receiver.origin())).collect());
        let _outbox = setup.start();
        for receiver in &receivers {
            setup.queue("h", vec![post(&receiver.url("/"), "key", None)]);
        }
        setup.until_state(Dead, receivers.len()).await;
        let mut errors: Vec<_> = setup.list(None).into_iter().map(|entry| entry.error).collect();
        errors.sort();
        assert_eq!(errors, [
            "answered 301: redirects are not followed",
            "answered 307: redirects are not followed",
            "answered 400",
            "answered 404",
            "answered 409",
            "answered 422",
        ]);
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
        // 16 places, of which one handler takes 12 at most.
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
    /// Over all handlers, without trying in vain; what goes elsewhere passes by.
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
    async fn a_hanging_receiver_is_given_up_in_time() {
        let setup = Setup::new();
        setup.manifest.settings.lock().timeout = Duration::from_millis(50);
        let receiver = Receiver::new(|_| Reply::Hang).await;
        setup.allow("h", vec![allow(&receiver.origin())]);
        let _outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
        setup.until_tries(1).await;
        let entry = setup.only();
        assert_eq!((entry.state, entry.status), (Waiting, None));
        assert_eq!(entry.error, "no whole answer within 50ms");
    }
}

test! {
    async fn broken_connections_are_tried_again() {
        let setup = Setup::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        setup.allow("h", vec![allow(&origin)]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&origin, "key-1", None)]);
        let (mut stream, _) = listener.accept().await.unwrap();
        _ = stream.read_u8().await.unwrap();
        drop(stream);
        setup.until_tries(1).await;
        let entry = setup.only();
        assert_eq!((entry.state, entry.status), (Waiting, None));
        assert!(!entry.error.is_empty());
        drop(listener);
        setup.advance(&outbox, FIRST);
        setup.until_tries(2).await;
        let error = setup.only().error;
        assert!(error.contains("refused"), "{error}");
    }
}

test! {
    async fn private_addresses_are_refused_unless_listed() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        let origin = format!("http://localhost:{}", receiver.address.port());
        setup.allow("h", vec![allow(&origin)]);
        let outbox = setup.start();
        setup.queue("h", vec![post(&origin, "key-1", None)]);
        setup.until_tries(1).await;
        let entry = setup.only();
        assert_eq!(entry.state, Waiting);
        assert!(entry.error.contains("not public"), "{}", entry.error);
        assert!(receiver.received().is_empty());
        // Another handler that may go there makes a connection that this one cannot use.
        let mut listed = allow(&origin);
        listed.addresses = vec!["127.0.0.0/8".parse().unwrap()];
        setup.allow("other", vec![listed.clone()]);
        setup.queue("other", vec![post(&origin, "key-2", None)]);
        setup.until_state(Sent, 1).await;
        setup.advance(&outbox, FIRST);
        until("the second try", || setup.list(Some(Waiting))[0].request.tries == 2).await;
        assert_eq!(receiver.keys(), ["key-2"]);
        // Once it is listed for this one, too, the request goes.
        setup.allow("h", vec![listed]);
        setup.advance(&outbox, 2 * FIRST);
        setup.until_state(Sent, 2).await;
    }
}

test! {
    async fn what_is_no_longer_allowed_is_dead() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("h", vec![allow("https://crm.example.com")]);
        let _outbox = setup.start();
        setup.queue("h", vec![post(&receiver.url("/"), "key-1", None)]);
        setup.until_state(Dead, 1).await;
        let error = setup.only().error;
        let expected = format!("the manifest's `allow` list of the handler has no {}", receiver.origin());
        assert_eq!(error, expected);
        assert!(receiver.received().is_empty());
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
    /// A secret goes to its origin, in place of what the guest set, and nowhere else:
    /// not to other origins, not into the ledger, not into an error.
    async fn a_secret_stays_with_its_origin() {
        let setup = Setup::new();
        let (crm, mail) = (Receiver::answering(200).await, Receiver::answering(400).await);
        let secret = "Bearer hush-hush";
        let entry = with_secret(allow(&crm.origin()), "Authorization", secret);
        assert!(!format!("{entry:?}").contains("hush"));
        setup.allow("h", vec![entry, allow(&mail.origin())]);
        let outbox = setup.start();
        let mut forged = post(&crm.url("/"), "a", None);
        forged.headers.push(("authorization".to_owned(), "guest".to_owned()));
        setup.queue("h", vec![forged, post(&mail.url("/"), "b", None)]);
        setup.until_state(Sent, 1).await;
        setup.until_state(Dead, 1).await;
        let received = crm.received().remove(0);
        let values: Vec<_> = received.headers.get_all("authorization").iter().collect();
        assert_eq!(values, [secret]);
        assert_eq!(mail.received()[0].header("authorization"), None);
        outbox.stop(PATIENCE).await;
        assert!(!format!("{:?}", setup.list(None)).contains("hush"));
        setup.ledger.close();
        for file in std::fs::read_dir(setup.folder.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(4).any(|part| part == b"hush"));
        }
    }
}

test! {
    /// More waits than memory holds, of handlers that can go and of one that cannot.
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
        let bounds = Bounds { requests: 7, bytes: 1 << 20, shares: 2 };
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
    async fn connections_are_used_again() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        let _outbox = setup.start();
        let requests = (0..200).map(|n| post(&receiver.url("/"), &n.to_string(), Some("one")));
        setup.queue("h", requests.collect());
        setup.until_state(Sent, 200).await;
        assert!(receiver.connections() <= 3, "{}", receiver.connections());
    }
}

test! {
    /// Stopping waits for what is under way and its record, and starts nothing more.
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

test! {
    async fn requests_that_cannot_be_sent_are_dead() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        let _outbox = setup.start();
        let good = || post(&receiver.url("/"), "key", None);
        let mut bad = vec![good(); 5];
        bad[0].url = "no url".to_owned();
        bad[1].url = format!("http://user:hush@{}/", receiver.address);
        bad[2].method = "PO ST".to_owned();
        bad[3].method = "CONNECT".to_owned();
        bad[4].headers.push(("x".to_owned(), "a\r\nhost: evil".to_owned()));
        setup.queue("h", bad);
        setup.until_state(Dead, 5).await;
        assert!(receiver.received().is_empty());
        assert!(!setup.list(None).iter().any(|entry| entry.error.contains("hush")));
        assert_eq!(setup.manifest.handlers.lock().len(), 1);
        assert!(setup.manifest.handlers.lock().contains_key(&HandlerName::new("h")));
    }
}
