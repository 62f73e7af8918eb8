//! What providers get as answers, and what is recorded meanwhile.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use std::sync::atomic::Ordering;

use super::*;
use crate::server::Rejected;

#[tokio::test]
async fn a_signed_event_is_recorded_as_it_is_and_acknowledged() {
    let setup = Setup::new().await;
    let answer = setup.exchange(signed(&event(1))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("tollgate-event-id"),
        Some(&*id(1).to_string())
    );
    assert_eq!(*setup.fake.recorded.lock(), [event(1)]);
    assert_eq!(setup.codes(), []);
}

#[tokio::test]
async fn a_duplicate_is_acknowledged_with_the_first_ones_id() {
    let setup = Setup::new().await;
    let duplicate = Recorded::Duplicate {
        first: Some(id(7)),
        same_bytes: true,
    };
    setup.fake.answers.lock().push_back(Ok(vec![duplicate]));
    let answer = setup.exchange(signed(&event(1))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("tollgate-event-id"),
        Some(&*id(7).to_string())
    );
}

#[tokio::test]
async fn a_batch_names_its_events_up_to_a_number() {
    let setup = Setup::new().await;
    let recorded = vec![Recorded::New(id(1)), Recorded::New(id(2))];
    setup.fake.answers.lock().push_back(Ok(recorded));
    let many = vec![Recorded::New(id(1)); 1000];
    setup.fake.answers.lock().push_back(Ok(many));
    setup.fake.answers.lock().push_back(Ok(vec![]));
    let answer = setup.exchange(signed(&event(1))).await;
    let both = format!("{},{}", id(1), id(2));
    assert_eq!(answer.header("tollgate-event-id"), Some(&*both));
    let answer = setup.exchange(signed(&event(1))).await;
    let ids = answer.header("tollgate-event-id").unwrap();
    assert_eq!(ids.split(',').count(), 50);
    let answer = setup.exchange(signed(&event(1))).await;
    assert_eq!(
        (answer.status, answer.header("tollgate-event-id")),
        (200, None)
    );
}

#[tokio::test]
async fn a_forged_event_is_refused_without_a_reason() {
    let setup = Setup::new().await;
    let forged = request("POST /hooks/stripe", &signature(&event(1)), &event(2));
    let answer = setup.exchange(forged).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("tollgate-event-id"), None);
    for telling in ["signature", "secret", "timestamp", KEY] {
        assert!(!answer.body.contains(telling), "{}", answer.body);
    }
    let unsigned = setup
        .exchange(request("POST /hooks/stripe", "", &event(1)))
        .await;
    assert_eq!(unsigned.status, 400);
    assert_eq!(unsigned.body, answer.body);
    assert!(setup.fake.recorded.lock().is_empty());
    let source = Some(SourceName::new("stripe"));
    let expected = ["missing_header", "signature_mismatch"].map(|code| Rejected {
        source: source.clone(),
        code,
        count: 1,
    });
    assert_eq!(setup.rejections.snapshot(), expected);
}

#[tokio::test]
async fn only_the_exact_path_leads_to_a_source() {
    let setup = Setup::new().await;
    for target in [
        "/",
        "/hooks",
        "/hooks/stripe/",
        "/hooks//stripe",
        "/Hooks/stripe",
        "/hooks/%73tripe",
        "/hooks/stripe/x",
        "/hooks/./stripe",
        "//x/hooks/stripe",
    ] {
        let request = request(&format!("POST {target}"), &signature(&event(1)), &event(1));
        assert_eq!(setup.exchange(request).await.status, 404, "{target}");
    }
    assert_eq!(
        setup
            .exchange("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .status,
        404
    );
    assert!(setup.fake.recorded.lock().is_empty());
    assert_eq!(setup.codes(), [("unknown_path", 10)]);
    for target in [
        "/hooks/stripe?a=b",
        "http://x/hooks/stripe",
        "http://X:80/hooks/stripe?a",
    ] {
        let request = request(&format!("POST {target}"), &signature(&event(1)), &event(1));
        assert_eq!(setup.exchange(request).await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn other_methods_are_told_which_one_is_right() {
    let setup = Setup::new().await;
    for method in [
        "GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "post", "BREW",
    ] {
        let line = format!("{method} /hooks/stripe");
        let answer = setup.exchange(request(&line, &signature(b""), b"")).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
    }
    let mut client = setup.server.connect().await;
    client
        .send("HEAD /hooks/stripe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let answer = String::from_utf8(client.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(setup.codes(), [("method", 9)]);
}

#[tokio::test]
async fn a_challenge_is_answered_and_recorded_nowhere() {
    let settings = tollgate_scheme::Settings {
        secrets: vec![Secret::new("integration_private_key").into()],
        params: [("public_key".to_owned(), "pub".to_owned())].into(),
        ..tollgate_scheme::Settings::default()
    };
    let mut fake = fake();
    let source = Arc::get_mut(&mut fake.source).unwrap();
    source.verifier = tollgate_scheme::build("braintree", settings).unwrap();
    let setup = Setup::with(fake, limits()).await;
    let asked = "GET /hooks/stripe?bt_challenge=20f9f8ed05f77439fe955c977e4c8a53";
    let answer = setup.exchange(request(asked, "", b"")).await;
    // From Braintree's own library, with this private key.
    let expected = "pub|d9b899556c966b3f06945ec21311865d35df3ce4";
    assert_eq!((answer.status, answer.body.as_str()), (200, expected));
    assert!(setup.fake.recorded.lock().is_empty());
    assert_eq!(setup.codes(), []);
    let answer = setup.exchange(request("GET /hooks/stripe", "", b"")).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_taken_and_none_beyond() {
    let setup = Setup::new().await;
    let mut whole = event(1);
    whole.resize(BODY_LIMIT, b' ');
    assert_eq!(setup.exchange(signed(&whole)).await.status, 200);
    assert_eq!(*setup.fake.recorded.lock(), [whole.clone()]);
    whole.push(b' ');
    let answer = setup.exchange(signed(&whole)).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (413, Some("close"))
    );
    // Even a sender that writes megabytes before it reads gets to see the answer.
    let large = vec![b'x'; 6 * 1024 * 1024];
    assert_eq!(setup.exchange(signed(&large)).await.status, 413);
    assert_eq!(setup.fake.recorded.lock().len(), 1);
    assert_eq!(setup.codes(), [("body_too_large", 2)]);
}

#[tokio::test]
async fn a_chunked_body_is_held_to_the_same_limit() {
    let setup = Setup::new().await;
    let chunked = |body: &[u8], size: usize| {
        let signature = signature(body);
        let head = format!(
            "POST /hooks/stripe HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{signature}\r\n"
        );
        let mut request = head.into_bytes();
        for chunk in body.chunks(size) {
            request.extend(format!("{:x}\r\n", chunk.len()).bytes());
            request.extend(chunk);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\nx-trailer: y\r\n\r\n");
        request
    };
    let mut whole = event(1);
    whole.resize(BODY_LIMIT, b' ');
    assert_eq!(setup.exchange(chunked(&whole, 1000)).await.status, 200);
    assert_eq!(setup.exchange(chunked(&event(2), 1)).await.status, 200);
    assert_eq!(*setup.fake.recorded.lock(), [whole.clone(), event(2)]);
    whole.push(b' ');
    assert_eq!(setup.exchange(chunked(&whole, 1000)).await.status, 413);
    let endless = vec![b' '; 20 * BODY_LIMIT];
    assert_eq!(setup.exchange(chunked(&endless, 7000)).await.status, 413);
    assert_eq!(setup.fake.recorded.lock().len(), 2);
}

#[tokio::test]
async fn a_sender_may_ask_before_it_sends_the_body() {
    let setup = Setup::new().await;
    let head = |length: usize, body: &[u8]| {
        let signature = signature(body);
        format!(
            "POST /hooks/stripe HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n{signature}\r\n"
        )
    };
    let mut client = setup.server.connect().await;
    client.send(head(event(1).len(), &event(1))).await;
    assert_eq!(client.next_answer().await.status, 100);
    client.send(event(1)).await;
    assert_eq!(client.next_answer().await.status, 200);
    // One that would be refused is refused at once.
    let mut client = setup.server.connect().await;
    client.send(head(BODY_LIMIT + 1, b"")).await;
    assert_eq!(client.next_answer().await.status, 413);
}

#[tokio::test]
async fn encoded_bodies_are_left_as_they_are() {
    let setup = Setup::new().await;
    let body = event(1);
    let headers = format!("content-encoding: gzip\r\n{}", signature(&body));
    let answer = setup
        .exchange(request("POST /hooks/stripe", &headers, &body))
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(*setup.fake.recorded.lock(), [body]);
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_given_up() {
    let fake = Fake {
        body_timeout: Duration::from_millis(50),
        ..fake()
    };
    let setup = Setup::with(fake, limits()).await;
    let mut request = signed(&event(1));
    request.pop();
    let answer = setup.exchange(request).await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (408, Some("close"))
    );
    assert!(setup.fake.recorded.lock().is_empty());
    assert_eq!(setup.codes(), [("body_timeout", 1)]);
}

#[tokio::test]
async fn what_cannot_be_recorded_is_never_acknowledged() {
    let setup = Setup::new().await;
    let errors = [
        LedgerError::Busy,
        LedgerError::Unavailable("disk full".into()),
        LedgerError::Unreadable("?".into()),
        LedgerError::Closed,
    ];
    let count = errors.len();
    setup.fake.answers.lock().extend(errors.map(Err));
    for _ in 0..count {
        let answer = setup.exchange(signed(&event(1))).await;
        assert_eq!(answer.status, 503);
        let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=5).contains(&wait));
        assert_eq!(answer.header("tollgate-event-id"), None);
        assert!(!answer.body.contains("disk"));
    }
    // And it goes on when the ledger does.
    assert_eq!(setup.exchange(signed(&event(1))).await.status, 200);
}

#[tokio::test]
async fn too_much_that_waits_is_told_before_the_body_is_read() {
    let setup = Setup::new().await;
    setup.fake.refuses.store(true, Ordering::SeqCst);
    let answer = setup.exchange(signed(&event(1))).await;
    assert_eq!(answer.status, 503);
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((30..=60).contains(&wait), "{wait}");
    assert!(setup.fake.recorded.lock().is_empty());
    setup.fake.refuses.store(false, Ordering::SeqCst);
    assert_eq!(setup.exchange(signed(&event(1))).await.status, 200);
}

#[tokio::test]
async fn recording_goes_on_when_the_sender_hangs_up() {
    let setup = Setup::new().await;
    let mut client = setup.server.connect().await;
    client.send(signed(&event(1))).await;
    drop(client);
    let news = setup.fake.news.notified();
    timeout(PATIENCE, news).await.unwrap();
    assert_eq!(*setup.fake.recorded.lock(), [event(1)]);
}

#[tokio::test]
async fn ambiguous_framing_is_refused() {
    let setup = Setup::new().await;
    let signature = signature(&event(1));
    let length = event(1).len();
    for headers in [
        format!("content-length: {length}\r\ncontent-length: 1\r\n"),
        format!("content-length: +{length}\r\n"),
        "transfer-encoding: chunked, identity\r\n".to_owned(),
        "transfer-encoding: x\r\n".to_owned(),
    ] {
        let head = format!("POST /hooks/stripe HTTP/1.1\r\nhost: x\r\n{headers}{signature}\r\n");
        let answer = setup.exchange([head.as_bytes(), &event(1)].concat()).await;
        assert_eq!(answer.status, 400, "{headers}");
    }
    assert!(setup.fake.recorded.lock().is_empty());
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let setup = Setup::new().await;
    let many = "a: b\r\n".repeat(200);
    let large = format!("a: {}\r\n", "b".repeat(100_000));
    for headers in [many, large] {
        let answer = setup
            .exchange(request("POST /hooks/stripe", &headers, b""))
            .await;
        assert_eq!(
            answer.status,
            431,
            "{} bytes: {}",
            headers.len(),
            answer.body
        );
    }
}

/// Whatever a stranger sends, nothing is recorded, no 2xx is answered, and the server
/// lives.
#[test]
fn strangers_get_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let setup = runtime.block_on(Setup::new());
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&stranger(), |bytes| {
            let answers = runtime.block_on(async {
                let mut client = setup.server.connect().await;
                // The server may close before it has read all.
                _ = client.0.write_all(&bytes).await;
                _ = client.0.shutdown().await;
                client.rest().await
            });
            for (at, _) in answers
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'H')
            {
                prop_assert!(!answers[at..].starts_with(b"HTTP/1.1 2"), "{:?}", answers);
            }
            Ok(())
        })
        .unwrap();
    assert!(setup.fake.recorded.lock().is_empty());
    let answer = runtime.block_on(setup.exchange(signed(&event(1))));
    assert_eq!(answer.status, 200);
}

/// Noise, and requests that are nearly right.
fn stranger() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..300);
    let method = prop::sample::select(vec!["POST", "GET", "PRI", "\0", "PUT"]);
    let target = prop::sample::select(vec!["/hooks/stripe", "*", "/", "/hooks/stripe?x"]);
    let framing = prop_oneof![
        Just("transfer-encoding: chunked".to_owned()),
        any::<u16>().prop_map(|length| format!("content-length: {length}")),
        (0..300usize).prop_map(|length| format!("content-length: {length}")),
    ];
    let signature = prop_oneof![
        Just(signature(&event(1))),
        "stripe-signature: [ -~]{0,80}\r\n",
        "t=[0-9]{0,12},v1=[0-9a-f]{0,70}".prop_map(|v| format!("stripe-signature: {v}\r\n")),
    ];
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        Just(b"{\"id\":\"evt_1\"}".to_vec()),
        "([0-9a-f]{1,3}\r\n[a-z]{0,20}\r\n){0,4}0\r\n\r\n".prop_map(String::into_bytes),
    ];
    let nearly = (method, target, framing, signature, body).prop_map(
        |(method, target, framing, signature, body)| {
            let head =
                format!("{method} {target} HTTP/1.1\r\nhost: x\r\n{framing}\r\n{signature}\r\n");
            [head.as_bytes(), &body].concat()
        },
    );
    prop_oneof![1 => noise, 4 => nearly]
}

/// A Plaid source that fetches its keys, a request that names one, and that key.
fn plaid() -> (Arc<Source>, Vec<u8>, Arc<FetchedKey>) {
    let text = include_str!("../../../../tests/oracles/vectors/plaid.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    let vector = &file["vectors"][0];
    let settings = tollgate_scheme::Settings {
        secrets: vec![Secret::new("hush").into()],
        params: [("client_id".to_owned(), "c1".to_owned())].into(),
        // The request was signed long after these tests' present.
        tolerance: Some(Duration::from_secs(10_000 * 86_400)),
        ..tollgate_scheme::Settings::default()
    };
    let verifier = tollgate_scheme::build("plaid", settings.clone()).unwrap();
    let jwk = vector["secrets"][0].as_str().unwrap();
    let trust = tollgate_scheme::CertificateTrust::new(rustls::RootCertStore::empty());
    let key = verifier
        .read_key("kid-1", jwk.as_bytes(), &trust, NOW)
        .unwrap();
    let token = vector["headers"][1][1].as_str().unwrap();
    let headers = format!("plaid-verification: {token}\r\n");
    let body = vector["body"].as_str().unwrap().as_bytes();
    let mut source = Arc::into_inner(fake().source).unwrap();
    (source.verifier, source.settings) = (verifier, settings);
    (
        Arc::new(source),
        request("POST /hooks/stripe", &headers, body),
        Arc::new(key),
    )
}

#[tokio::test]
async fn a_request_whose_key_cannot_be_had_is_to_come_again() {
    let (source, request, key) = plaid();
    let setup = Setup::with(Fake { source, ..fake() }, limits()).await;
    let answer = setup.exchange(&request).await;
    assert_eq!(answer.status, 503, "neither accepted nor refused");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(setup.codes(), [("key_unavailable", 1)]);
    assert!(setup.fake.recorded.lock().is_empty());

    let (source, key) = (plaid().0, Some(key));
    let setup = Setup::with(
        Fake {
            source,
            key,
            ..fake()
        },
        limits(),
    )
    .await;
    assert_eq!(setup.exchange(&request).await.status, 200);
    assert_eq!(setup.fake.recorded.lock().len(), 1);
    let mut forged = request.clone();
    *forged.last_mut().unwrap() = b' ';
    assert_eq!(
        setup.exchange(&forged).await.status,
        400,
        "with the key at hand"
    );
    assert_eq!(setup.codes(), [("signature_mismatch", 1)]);
}
