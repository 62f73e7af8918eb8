//! The load generator: keep-alive connections that write a prepared request, wait for the
//! response and take the next request. All contenders get the same load. The generator is
//! cheap, because it shares the machine with the contender.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio_rustls::TlsConnector;

use crate::payload::Batch;

/// The result of a round of requests. All responses had status 200.
pub(crate) struct Outcome {
    /// The time from the first request to the last response.
    pub(crate) elapsed: Duration,
    /// The time of each request from its writing to its response. With a pace, it starts at
    /// the time at which the request was due.
    pub(crate) latencies: Vec<Duration>,
}

/// Sends a batch over a number of connections: as fast as responses arrive or, with `pace`,
/// at that number of requests a second.
pub(crate) fn send(
    address: SocketAddr,
    batch: Batch,
    connections: usize,
    pace: Option<f64>,
) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(
        &runtime,
        send_all(address, Rc::new(batch), connections, pace, None),
    )
}

/// Sends a batch as fast as responses arrive, over TLS if there is a connector. The handshakes are
/// made before the first request.
pub(crate) fn send_over(
    address: SocketAddr,
    batch: Batch,
    connections: usize,
    tls: Option<TlsConnector>,
) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(
        &runtime,
        send_all(address, Rc::new(batch), connections, None, tls),
    )
}

/// A stream of bytes both ways.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

async fn connect(address: SocketAddr, tls: Option<&TlsConnector>) -> Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(tls.connect("localhost".try_into()?, stream).await?),
    })
}

/// The data that the connections share.
struct Shared {
    batch: Rc<Batch>,
    next: Cell<usize>,
    started: Instant,
    pace: Option<f64>,
}

async fn send_all(
    address: SocketAddr,
    batch: Rc<Batch>,
    connections: usize,
    pace: Option<f64>,
    tls: Option<TlsConnector>,
) -> Result<Outcome> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        streams.push(connect(address, tls.as_ref()).await?);
    }
    let shared = Rc::new(Shared {
        batch,
        next: Cell::new(0),
        started: Instant::now(),
        pace,
    });
    let workers: Vec<_> = streams
        .into_iter()
        .map(|stream| tokio::task::spawn_local(work(stream, shared.clone())))
        .collect();
    let mut latencies = Vec::with_capacity(shared.batch.len());
    for worker in workers {
        latencies.extend(worker.await??);
    }
    Ok(Outcome {
        elapsed: shared.started.elapsed(),
        latencies,
    })
}

async fn work(mut stream: Box<dyn Stream>, shared: Rc<Shared>) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let index = shared.next.get();
        if index >= shared.batch.len() {
            return Ok(latencies);
        }
        shared.next.set(index + 1);
        let mut begun = Instant::now();
        if let Some(pace) = shared.pace {
            // A late request counts from the time at which it was due.
            begun = shared.started + Duration::from_secs_f64(index as f64 / pace);
            tokio::time::sleep_until(begun.into()).await;
        }
        stream.write_all(shared.batch.get(index)).await?;
        stream.flush().await?;
        read_answer(&mut stream, &mut buffer).await?;
        latencies.push(begun.elapsed());
    }
}

/// Reads one whole response and checks that its status is 200.
async fn read_answer(stream: &mut Box<dyn Stream>, buffer: &mut Vec<u8>) -> Result<()> {
    buffer.clear();
    let (head, length) = loop {
        ensure!(
            stream.read_buf(buffer).await? > 0,
            "the connection was closed"
        );
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break (end + 4, content_length(&buffer[..end])?);
        }
    };
    while buffer.len() < head + length {
        ensure!(
            stream.read_buf(buffer).await? > 0,
            "the connection was closed"
        );
    }
    if buffer.get(9..12) != Some(b"200") {
        bail!("answered {}", String::from_utf8_lossy(buffer));
    }
    Ok(())
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    for line in head.split("\r\n").skip(1) {
        let (name, value) = line.split_once(':').context("a header without a colon")?;
        if name.eq_ignore_ascii_case("content-length") {
            return Ok(value.trim().parse()?);
        }
    }
    bail!("an answer without content-length: {head}")
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
