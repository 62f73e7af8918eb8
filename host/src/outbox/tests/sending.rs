//! Tries, over real sockets, with a clock that is moved by hand.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::harness::*;
use crate::outbox::Tally;
use tollgate_base::event::HandlerName;
use tollgate_ledger::OutboxState::{Dead, Sent, Waiting};

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
    async fn requests_that_cannot_be_sent_are_dead() {
        let (setup, receiver) = (Setup::new(), Receiver::answering(200).await);
        setup.allow("h", vec![allow(&receiver.origin())]);
        let _outbox = setup.start();
        let good = || post(&receiver.url("/"), "key", None);
        let mut bad = vec![good(); 6];
        bad[0].url = "no url".to_owned();
        bad[1].url = format!("http://user:hush@{}/", receiver.address);
        bad[2].method = "PO ST".to_owned();
        bad[3].method = "CONNECT".to_owned();
        bad[4].headers.push(("x".to_owned(), "a\r\nhost: evil".to_owned()));
        bad[5].method = "Trace".to_owned();
        setup.queue("h", bad);
        setup.until_state(Dead, 6).await;
        assert!(receiver.received().is_empty());
        assert!(!setup.list(None).iter().any(|entry| entry.error.contains("hush")));
        assert_eq!(setup.manifest.handlers.lock().len(), 1);
        assert!(setup.manifest.handlers.lock().contains_key(&HandlerName::new("h")));
    }
}
