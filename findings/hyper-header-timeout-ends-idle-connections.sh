#!/usr/bin/env bash
# hyper 1.12.0 (server, HTTP/1.1): `header_read_timeout` also ends idle keep-alive connections.
#
# The setting reads like a guard against peers that send the head of a request slowly. hyper starts
# the timer as soon as it waits for the next request, so the wait for the first byte counts too. A
# server with a short guard closes each kept connection that long after its last answer, and hyper
# has no second setting for the time between two requests. A proxy that keeps connections for longer
# (nginx, HAProxy and load balancers: 60 s and more) sends a POST into a connection that is being
# closed, gets no answer, and does not repeat a POST.
#
# Seen with hyper 1.12.0, hyper-util 0.1.21, tokio 1.54.1, rustc 1.95, with a guard of 1,000 ms:
#   no guard: after 2500 ms without a byte the connection is open
#   guard: after 2500 ms without a byte the connection is closed
#   guard: a request each 600 ms keeps the connection open: true
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "seen"
version = "0.0.0"
edition = "2024"

[dependencies]
bytes = "=1.12.1"
http-body-util = "=0.1.4"
hyper = { version = "=1.12.0", features = ["http1", "server"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
tokio = { version = "=1.54.1", features = ["io-util", "macros", "net", "rt", "time"] }
TOML
cat > src/main.rs <<'RUST'
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Answers "ok" on one connection, with this guard.
async fn serve(guard: Option<Duration>) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let answer = service_fn(|_| async {
        Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from_static(b"ok"))))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(guard);
    let stream = TokioIo::new(accepted.unwrap().0);
    tokio::spawn(async move { http.serve_connection(stream, answer).await });
    client.unwrap()
}

async fn ask(stream: &mut TcpStream) -> bool {
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut answer = [0; 512];
    stream.write_all(request).await.is_ok()
        && matches!(stream.read(&mut answer).await, Ok(read) if answer[..read].ends_with(b"ok"))
}

/// Whether the server has closed the connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    matches!(timeout(Duration::from_millis(50), stream.read(&mut byte)).await, Ok(Ok(0)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let guard = Duration::from_millis(1000);
    let mut seen = Vec::new();
    for (name, guard) in [("no guard", None), ("guard", Some(guard))] {
        let mut stream = serve(guard).await;
        assert!(ask(&mut stream).await);
        sleep(Duration::from_millis(2500)).await;
        let closed = is_closed(&mut stream).await;
        let state = if closed { "closed" } else { "open" };
        println!("{name}: after 2500 ms without a byte the connection is {state}");
        seen.push(closed);
    }
    let mut stream = serve(Some(guard)).await;
    let mut kept = true;
    for _ in 0..5 {
        kept &= ask(&mut stream).await;
        sleep(Duration::from_millis(600)).await;
    }
    println!("guard: a request each 600 ms keeps the connection open: {kept}");
    assert!(seen == [false, true] && kept, "hyper behaves otherwise now");
}
RUST
cargo run --quiet
