//! How connections begin, wait and end.

use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let setup = Setup::new().await;
    let ids = (1..=3).map(|n| Ok(vec![Recorded::New(id(n))]));
    setup.fake.answers.lock().extend(ids);
    let mut client = setup.server.connect().await;
    let requests: Vec<_> = (1..=3).flat_map(|n| signed(&event(n))).collect();
    client.send(requests).await;
    for n in 1..=3 {
        let answer = client.answer().await;
        assert_eq!(
            answer.header("tollgate-event-id"),
            Some(&*id(n).to_string())
        );
    }
    assert_eq!(*setup.fake.recorded.lock(), [event(1), event(2), event(3)]);
}

#[tokio::test]
async fn what_came_before_a_broken_request_is_answered() {
    let setup = Setup::new().await;
    let mut client = setup.server.connect().await;
    client
        .send([signed(&event(1)), b"\0 broken\r\n\r\nx".to_vec()].concat())
        .await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 400);
}

#[tokio::test]
async fn a_connection_is_kept_after_a_refusal_whose_body_was_read() {
    let setup = Setup::new().await;
    let mut client = setup.server.connect().await;
    client.send(request("POST /hooks/stripe", "", b"x")).await;
    assert_eq!(client.answer().await.status, 400);
    client.send(request("POST /nowhere", "", b"x")).await;
    assert_eq!(client.answer().await.status, 404);
    client.send(signed(&event(1))).await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn headers_that_drip_are_cut_off() {
    let limits = Limits {
        header_timeout: Duration::from_millis(100),
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let mut client = setup.server.connect().await;
    client.send("POST /hooks/stripe HTTP/1.1\r\nhost:").await;
    assert_eq!(client.answer().await.status, 408);
    assert_eq!(client.rest().await, b"");
    // After a request, the time begins with the first byte of the next head.
    let mut client = setup.server.connect().await;
    for n in 1..=3 {
        client.send(signed(&event(n))).await;
        assert_eq!(client.answer().await.status, 200);
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    for byte in ["P", "O", "S"] {
        client.send(byte).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(client.answer().await.status, 408);
    assert_eq!(client.rest().await, b"");
    // A peer that sends nothing from the beginning is not answered.
    let mut client = setup.server.connect().await;
    assert_eq!(client.rest().await, b"");
    let mut client = setup.server.connect().await;
    client.send("P").await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn a_part_of_a_head_behind_a_request_is_cut_off_too() {
    let limits = Limits {
        header_timeout: Duration::from_millis(100),
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let mut client = setup.server.connect().await;
    client
        .send([signed(&event(1)), b"POST /ho".to_vec()].concat())
        .await;
    assert_eq!(client.answer().await.status, 200);
    let late = timeout(PATIENCE / 2, client.answer()).await;
    assert_eq!(late.expect("an answer before the idle timeout").status, 408);
    assert_eq!(client.rest().await, b"");
    // The part comes while the request runs.
    let hold = Arc::new(Notify::new());
    *setup.fake.hold.lock() = Some(hold.clone());
    let mut client = setup.server.connect().await;
    client.send(signed(&event(2))).await;
    setup.fake.news.notified().await;
    setup.fake.news.notified().await;
    client.send("POST /ho").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    hold.notify_waiters();
    assert_eq!(client.answer().await.status, 200);
    let late = timeout(PATIENCE / 2, client.answer()).await;
    assert_eq!(late.expect("an answer before the idle timeout").status, 408);
}

#[tokio::test]
async fn a_connection_without_requests_is_kept_for_the_idle_timeout() {
    let limits = Limits {
        header_timeout: Duration::from_millis(50),
        idle_timeout: Duration::from_millis(600),
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let mut client = setup.server.connect().await;
    client.send(signed(&event(1))).await;
    assert_eq!(client.answer().await.status, 200);
    let kept = tokio::time::timeout(Duration::from_millis(400), client.rest()).await;
    assert!(kept.is_err(), "closed before the idle timeout");
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn http2_is_spoken_by_prior_knowledge() {
    let setup = Setup::new().await;
    let (mut send, connection) = http2(&setup.server).await;
    let connection = tokio::spawn(connection);
    let answers = (0..100).map(|n| {
        let answer = send.send_request(h2_signed(&setup.server, n));
        tokio::spawn(async move { answer.await.unwrap().status() })
    });
    for answer in answers.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap(), 200);
    }
    assert_eq!(setup.fake.recorded.lock().len(), 100);
    let large = hyper::Request::post(format!("http://{}/hooks/stripe", setup.server.address))
        .body(Full::from(vec![0; BODY_LIMIT + 1]))
        .unwrap();
    let answer = send.send_request(large).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(
        answer.into_body().collect().await.unwrap().to_bytes(),
        "the body is too large\n"
    );
    drop(send);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(50),
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let (mut send, connection) = http2(&setup.server).await;
    let connection = tokio::spawn(connection);
    let answer = send
        .send_request(h2_signed(&setup.server, 1))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    timeout(PATIENCE, connection)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn shutting_down_lets_requests_end() {
    let mut setup = Setup::new().await;
    let hold = Arc::new(Notify::new());
    *setup.fake.hold.lock() = Some(hold.clone());
    let mut busy = setup.server.connect().await;
    busy.send(signed(&event(1))).await;
    setup.fake.news.notified().await;
    let (mut send, connection) = http2(&setup.server).await;
    let connection = tokio::spawn(connection);
    let answer = tokio::spawn(send.send_request(h2_signed(&setup.server, 2)));
    setup.fake.news.notified().await;
    let mut idle = setup.server.connect().await;
    idle.send(request("POST /nowhere", "", b"")).await;
    assert_eq!(idle.answer().await.status, 404);
    let unread = setup.server.connect().await;

    setup.server.shut_down();
    // Connections without a request under way end at once; no new one is accepted.
    assert_eq!(idle.rest().await, b"");
    let mut unread = unread;
    assert_eq!(unread.rest().await, b"");
    let late = TcpStream::connect(setup.server.address).await;
    assert!(late.is_err(), "{late:?}");

    hold.notify_waiters();
    let answer1 = busy.answer().await;
    assert_eq!(
        (answer1.status, answer1.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(busy.rest().await, b"");
    assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    setup.server.ended().await;
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn shutting_down_has_a_deadline() {
    let limits = Limits {
        shutdown_timeout: Duration::from_millis(50),
        ..limits()
    };
    let mut setup = Setup::with(fake(), limits).await;
    *setup.fake.hold.lock() = Some(Arc::new(Notify::new()));
    let mut client = setup.server.connect().await;
    client.send(signed(&event(1))).await;
    setup.fake.news.notified().await;
    setup.server.shut_down();
    setup.server.ended().await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn beyond_the_cap_connections_wait_while_each_has_a_request() {
    let limits = Limits {
        connections: 2,
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let (begun, end) = (signed(&event(1)), signed(&event(2)));
    let mut busy = [setup.server.connect().await, setup.server.connect().await];
    for client in &mut busy {
        // The body is not complete, so the request is under way.
        client.send(&begun[..begun.len() - 1]).await;
    }
    let mut third = setup.server.connect().await;
    third.send(end).await;
    let waits = tokio::time::timeout(Duration::from_millis(300), third.answer()).await;
    assert!(waits.is_err(), "there is no place for it");
    let [mut first, mut second] = busy;
    first.send(&begun[begun.len() - 1..]).await;
    assert_eq!(first.answer().await.status, 200);
    // Now the first connection is silent, and its place is needed.
    assert_eq!(third.answer().await.status, 200);
    assert_eq!(first.rest().await, b"");
    second.send(&begun[begun.len() - 1..]).await;
    assert_eq!(second.answer().await.status, 200);
}

#[tokio::test]
async fn silent_connections_beyond_the_cap_keep_no_sender_out() {
    let limits = Limits {
        connections: 8,
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let mut sender = setup.server.connect().await;
    let mut silent = Vec::new();
    for n in 1..=20 {
        // Some send nothing, some a part of a head, and some a request that is refused.
        let mut client = setup.server.connect().await;
        match n % 3 {
            0 => client.send("POST /hooks").await,
            1 => {
                client.send(request("POST /nowhere", "", b"x")).await;
                assert_eq!(client.answer().await.status, 404);
            }
            _ => {}
        }
        silent.push(client);
        sender.send(signed(&event(n))).await;
        assert_eq!(sender.answer().await.status, 200, "its connection is kept");
    }
    drop(silent);
}

#[tokio::test]
async fn a_sender_may_close_its_half() {
    let setup = Setup::new().await;
    let mut client = setup.server.connect().await;
    client.send(signed(&event(1))).await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.rest().await, b"");
}

type H2 = (
    hyper::client::conn::http2::SendRequest<Full<Bytes>>,
    hyper::client::conn::http2::Connection<TokioIo<TcpStream>, Full<Bytes>, TokioExecutor>,
);

async fn http2(server: &Server) -> H2 {
    let stream = TokioIo::new(server.connect().await.0);
    hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap()
}

fn h2_signed(server: &Server, n: u32) -> hyper::Request<Full<Bytes>> {
    let signature = signature(&event(n));
    let (name, value) = signature.trim_end().split_once(": ").unwrap();
    hyper::Request::post(format!("http://{}/hooks/stripe", server.address))
        .header(name, value)
        .body(Full::from(event(n)))
        .unwrap()
}
