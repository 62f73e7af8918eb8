//! Strangers: memory that they hold, floods, and the limits of each address.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Frame};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tollgate_base::rate::Rate;

use super::*;

/// A body that never comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

/// A connection from another address of loopback.
pub(super) async fn connect_from(address: &str, server: &Server) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(format!("{address}:0").parse().unwrap())
        .unwrap();
    Client(socket.connect(server.address).await.unwrap())
}

impl Setup {
    async fn posts_from(&self, address: &str, n: u32) -> Answer {
        let mut client = connect_from(address, &self.server).await;
        client.send(signed(&event(n))).await;
        client.answer().await
    }

    pub(super) fn count(&self, code: &str) -> u64 {
        let found = self.codes().into_iter().find(|(found, _)| *found == code);
        found.map_or(0, |(_, count)| count)
    }
}

#[tokio::test]
async fn heads_of_strangers_take_no_more_than_the_budget() {
    let limits = Limits {
        memory: 8 << 20,
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    // 800 heads of 12 KB that wait for their bodies: 400 of them would be more than 4 MiB.
    let (mut senders, mut answers) = (Vec::new(), JoinSet::new());
    for _ in 0..8 {
        let stream = TokioIo::new(connect_from("127.0.0.2", &setup.server).await.0);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream);
        let (mut send, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        for _ in 0..100 {
            let url = format!("http://{}/hooks/stripe", setup.server.address);
            let request = hyper::Request::post(url)
                .header("x-filler", "x".repeat(12_000))
                .body(Never)
                .unwrap();
            answers.spawn(send.send_request(request));
        }
        senders.push(send);
    }
    for _ in 0..400 {
        let answer = timeout(PATIENCE, answers.join_next()).await;
        let answer = answer
            .expect("heads are refused")
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    assert!(setup.count("memory") >= 400);
    assert_eq!(setup.posts_from("127.0.0.1", 1).await.status, 200);
    // The memory comes back with the end of the connections.
    drop((senders, answers));
    for n in 2.. {
        assert!(n < 2000, "the memory does not come back");
        let mut client = connect_from("127.0.0.2", &setup.server).await;
        client.send(signed(&event(n))).await;
        if client.rest_starts_with(b"HTTP/1.1 200").await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Client {
    /// Whether the next bytes are these; false if the server closes first.
    async fn rest_starts_with(&mut self, expected: &[u8]) -> bool {
        let mut read = vec![0; expected.len()];
        let reading = timeout(PATIENCE, self.0.read_exact(&mut read)).await;
        reading.expect("bytes or an end").is_ok() && read == expected
    }
}

#[tokio::test]
async fn long_heads_without_memory_end_their_connections() {
    let limits = Limits {
        memory: 2 << 20,
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let part = format!("POST /hooks/stripe HTTP/1.1\r\nx: {}", "x".repeat(50_000));
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = connect_from("127.0.0.2", &setup.server).await;
        // The server may end the connection before it has read everything.
        _ = client.0.write_all(part.as_bytes()).await;
        clients.push(client);
    }
    let mut tries = 0;
    while setup.count("memory") == 0 {
        tries += 1;
        assert!(tries < 2000, "all heads are held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(setup.posts_from("127.0.0.1", 1).await.status, 200);
}

/// An HTTP/2 frame without flags on stream 0.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, 0, 0, 0, 0, 0], payload].concat()
}

#[tokio::test]
async fn floods_of_frames_without_a_request_end_the_connection() {
    let setup = Setup::new().await;
    let window = 1_u32.to_be_bytes();
    for (index, flood) in [
        frame(6, &[0; 8]),    // PING
        frame(4, &[]),        // SETTINGS
        frame(8, &window),    // WINDOW_UPDATE
        frame(0xfa, &[0; 5]), // a kind that nobody knows
    ]
    .iter()
    .enumerate()
    {
        let mut client = setup.server.connect().await;
        client
            .send([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, &[])].concat())
            .await;
        let many = flood.repeat(100);
        let flooding = async {
            let (mut read, mut write) = client.0.split();
            let sending = async { while write.write_all(&many).await.is_ok() {} };
            let mut some = vec![0; 1 << 16];
            let reading = async { while matches!(read.read(&mut some).await, Ok(1..)) {} };
            tokio::join!(sending, reading);
        };
        timeout(PATIENCE, flooding)
            .await
            .expect("the server ends it");
        let mut tries = 0;
        while setup.count("flood") <= index as u64 {
            tries += 1;
            assert!(tries < 2000, "{:?}", setup.codes());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more() {
    let limits = Limits {
        connections_per_address: Some(2),
        ..limits()
    };
    let setup = Setup::with(fake(), limits).await;
    let mut open = Vec::new();
    for n in 1..=2 {
        let mut client = connect_from("127.0.0.2", &setup.server).await;
        client.send(signed(&event(n))).await;
        assert_eq!(client.answer().await.status, 200);
        open.push(client);
    }
    let mut third = connect_from("127.0.0.2", &setup.server).await;
    assert_eq!(third.rest().await, b"");
    assert_eq!(setup.count("address_connections"), 1);
    assert_eq!(setup.posts_from("127.0.0.1", 3).await.status, 200);
    drop(open.pop());
    let mut tries = 0;
    loop {
        let mut client = connect_from("127.0.0.2", &setup.server).await;
        _ = client.0.write_all(&signed(&event(4))).await;
        if client.rest_starts_with(b"HTTP/1.1 200").await {
            break;
        }
        tries += 1;
        assert!(tries < 2000, "the place does not come back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn per_second(count: u32) -> Option<Rate> {
    let per = Duration::from_secs(1);
    Some(Rate { count, per })
}

#[tokio::test]
async fn an_address_sends_so_many_requests_and_no_more() {
    let per_address = PerAddress {
        requests: per_second(5),
        ..PerAddress::default()
    };
    let setup = Setup::limited(fake(), limits(), per_address).await;
    // The clock stands still.
    for n in 1..=5 {
        assert_eq!(setup.posts_from("127.0.0.2", n).await.status, 200);
    }
    let over = setup.posts_from("127.0.0.2", 6).await;
    assert_eq!((over.status, over.header("retry-after")), (429, Some("1")));
    assert_eq!(over.header("connection"), Some("close"));
    assert_eq!(setup.count("address_requests"), 1);
    assert_eq!(setup.posts_from("127.0.0.1", 7).await.status, 200);
    assert_eq!(setup.fake.recorded.lock().len(), 6);
}

#[tokio::test]
async fn failures_close_strangers_out_and_no_proven_sender() {
    let per_address = PerAddress {
        failures: per_second(3),
        ..PerAddress::default()
    };
    let setup = Setup::limited(fake(), limits(), per_address).await;
    let forged = request("POST /hooks/stripe", "", b"{}");
    assert_eq!(setup.posts_from("127.0.0.1", 1).await.status, 200);
    for (address, statuses) in [
        ("127.0.0.1", [400, 400, 400, 400, 400]),
        ("127.0.0.2", [400, 400, 400, 429, 429]),
    ] {
        for status in statuses {
            let mut client = connect_from(address, &setup.server).await;
            client.send(&forged).await;
            assert_eq!(client.answer().await.status, status, "{address}");
        }
    }
    assert_eq!(setup.posts_from("127.0.0.2", 2).await.status, 429);
    assert_eq!(setup.posts_from("127.0.0.1", 3).await.status, 200);
    assert_eq!(setup.count("address_failures"), 3);
}
