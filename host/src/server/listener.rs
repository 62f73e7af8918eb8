//! Connections: accepting them, speaking HTTP on them, ending them.
//!
//! A connection whose first bytes are `PRI` speaks HTTP/2 by prior knowledge, every
//! other one HTTP/1.1. That is looked up once, in the socket's own buffer, so that
//! HTTP/1.1 runs on the bare socket afterwards.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::idle::Activity;
use super::{Limits, Request, Response, Service};

/// Bytes of a request's line and headers together; beyond, and beyond hyper's own 100
/// headers, the answer is 431.
const HEADER_BYTES: usize = 64 * 1024;
/// Streams open at once on an HTTP/2 connection.
const H2_STREAMS: u32 = 128;
/// What a peer may send on a stream before anything of it is taken off: the protocol's
/// default, enough for the usual event without a round trip.
const H2_STREAM_WINDOW: u32 = 65_535;
/// The same for all streams of a connection; bounds what one peer can make us hold
/// beyond what requests take off.
const H2_CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that a peer may have reset before we took them up. Beyond it the connection
/// is ended: the guard against reset floods (CVE-2023-44487).
const H2_PENDING_RESETS: usize = 20;
/// Streams that we may have to reset for a peer's mistakes before the connection is ended.
const H2_LOCAL_RESETS: usize = 128;
/// How long a connection that has been told to end may take over it when no request
/// is under way.
const GOODBYE: Duration = Duration::from_secs(2);
/// The first and the longest pause after an `accept` that failed for want of something.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Serves `service` on `listener` until `shutdown` resolves; then accepts nothing more,
/// lets the requests under way end, for `limits.shutdown_timeout` at most, and returns.
/// By then every connection is closed and every task of this listener has ended.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let (ending, ended) = watch::channel(false);
    let shared = Arc::new(Shared {
        service,
        http1: http1_builder(&limits),
        limits: limits.clone(),
        ending: ended,
    });
    let mut connections = JoinSet::new();
    {
        let mut shutdown = pin!(shutdown);
        let permits = Arc::new(Semaphore::new(limits.connections));
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                (stream, peer, permit) = accept(&listener, &permits) => {
                    connections.spawn(connection(shared.clone(), stream, peer, permit));
                }
            }
        }
    }
    // From here on, the system refuses new connections.
    drop(listener);
    ending.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.shutdown_timeout, all).await.is_err() {
        warn!(
            connections = connections.len(),
            "requests are still under way at the shutdown deadline: cut off"
        );
        connections.shutdown().await;
    }
}

/// What all connections of a listener share.
struct Shared<S> {
    service: Arc<S>,
    http1: http1::Builder,
    limits: Limits,
    ending: watch::Receiver<bool>,
}

/// The next connection, taken only when there is room for it. Outlasts errors of
/// `accept`; may be dropped while it waits.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let permit = permits
        .clone()
        .acquire_owned()
        .await
        .expect("the semaphore is never closed");
    let mut pause = BACK_OFF.0;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept a connection; trying again in {pause:?}");
                sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF.1);
            }
        }
    }
}

/// Whether the error tells of a connection that ended before it was accepted, rather
/// than of a lack of file descriptors or memory, which a pause may cure.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Serves one connection to its end.
async fn connection<S: Service>(
    shared: Arc<Shared<S>>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    // Answers are small and whole: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "the connection ended at once");
        return;
    }
    let mut ending = shared.ending.clone();
    let version = tokio::select! {
        _ = ending.wait_for(|ending| *ending) => return,
        version = timeout(shared.limits.header_timeout, version(&stream)) => version,
    };
    let ended = match version {
        Ok(Ok(Version::Http1)) => serve_http1(&shared, stream, peer).await,
        Ok(Ok(Version::Http2)) => serve_http2(&shared, stream, peer).await,
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("nothing came before the header timeout".to_owned()),
    };
    if let Err(error) = ended {
        debug!(%peer, error, "the connection ended with an error");
    }
    drop(permit);
}

enum Version {
    Http1,
    Http2,
}

/// Looks at what the peer says first, without taking it off the socket.
async fn version(stream: &TcpStream) -> io::Result<Version> {
    const PREFACE: &[u8] = b"PRI";
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        match &first[..seen] {
            PREFACE => return Ok(Version::Http2),
            // The peer has closed; HTTP/1.1 notices that as the end of the connection.
            [] => return Ok(Version::Http1),
            some if PREFACE.starts_with(some) => sleep(Duration::from_millis(10)).await,
            _ => return Ok(Version::Http1),
        }
    }
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(HEADER_BYTES)
        // A sender may close its half once it has sent all; it still gets its answer.
        // (`pipeline_flush` stays off: it holds back the answer to a request that cannot
        // be parsed, and those before it, while bytes are left to read.)
        .half_close(true);
    builder
}

async fn serve_http1<S: Service>(
    shared: &Shared<S>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<(), String> {
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| respond(shared, &activity, peer, request));
    let mut http = shared.http1.serve_connection(TokioIo::new(stream), service);
    let ended = drive(shared, &activity, Pin::new(&mut http), |http| {
        http.graceful_shutdown();
    })
    .await;
    match ended {
        Some(Err(error)) if error.is_timeout() => {
            let parts = http.into_parts();
            // Without a byte of a request there is nothing to answer.
            if !parts.read_buf.is_empty() {
                header_timeout(parts.io.into_inner()).await;
            }
            Ok(())
        }
        Some(ended) => ended.map_err(|error| error.to_string()),
        None => Err("ended for idleness".to_owned()),
    }
}

/// Tells the peer that its headers took too long. hyper only closes the connection then.
async fn header_timeout(mut stream: TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let answer = async {
        // The connection closes all the same when this fails.
        if stream.write_all(ANSWER).await.is_ok() {
            _ = stream.shutdown().await;
        }
    };
    _ = timeout(GOODBYE, answer).await;
}

async fn serve_http2<S: Service>(
    shared: &Arc<Shared<S>>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<(), String> {
    let activity = Arc::new(Activity::default());
    let service = {
        let (shared, activity) = (shared.clone(), activity.clone());
        service_fn(move |request| {
            let (shared, activity) = (shared.clone(), activity.clone());
            async move { respond(&shared, &activity, peer, request).await }
        })
    };
    let streams = StreamsGuard::default();
    let http = http2::Builder::new(streams.0.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_header_list_size(HEADER_BYTES as u32)
        .max_pending_accept_reset_streams(H2_PENDING_RESETS)
        .max_local_error_reset_streams(H2_LOCAL_RESETS)
        .keep_alive_interval(shared.limits.idle_timeout)
        .keep_alive_timeout(shared.limits.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let ended = drive(shared, &activity, pin!(http), |http| {
        http.graceful_shutdown();
    })
    .await;
    ended.unwrap_or(Ok(())).map_err(|error| error.to_string())
}

/// Hands one request to the service and counts it meanwhile.
async fn respond<S: Service>(
    shared: &Shared<S>,
    activity: &Arc<Activity>,
    peer: SocketAddr,
    request: Request,
) -> Result<Response, Infallible> {
    let _in_flight = activity.begin();
    Ok(shared.service.call(peer, request).await)
}

/// Polls a connection to its end. Says goodbye when the listener ends or nothing
/// happens; `None` when the peer then does not let go.
async fn drive<S, C, E>(
    shared: &Shared<S>,
    activity: &Activity,
    mut connection: Pin<&mut C>,
    goodbye: impl Fn(Pin<&mut C>),
) -> Option<Result<(), E>>
where
    C: Future<Output = Result<(), E>>,
{
    let mut ending = shared.ending.clone();
    {
        let mut over = pin!(async {
            tokio::select! {
                _ = ending.wait_for(|ending| *ending) => {}
                () = idle(activity, shared.limits.idle_timeout) => {}
            }
        });
        tokio::select! {
            biased;
            ended = connection.as_mut() => return Some(ended),
            () = &mut over => goodbye(connection.as_mut()),
        }
    }
    tokio::select! {
        biased;
        ended = connection.as_mut() => Some(ended),
        // Requests under way may end in their own time: whoever shuts down sets the deadline.
        () = idle(activity, GOODBYE) => None,
    }
}

/// Resolves when no request began, was under way or ended for `period`.
async fn idle(activity: &Activity, period: Duration) {
    let mut before = activity.at_rest();
    loop {
        sleep(period).await;
        let now = activity.at_rest();
        if now.is_some() && now == before {
            return;
        }
        before = now;
    }
}

/// The tasks of one HTTP/2 connection's streams.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut tasks = self.0.lock();
        // What has ended is let go here, so the set holds about as many tasks as
        // there are streams open.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}

/// Ends the streams with their connection. (Each holds the set that it is in, so the
/// set alone would not.)
#[derive(Default)]
struct StreamsGuard(Streams);

impl Drop for StreamsGuard {
    fn drop(&mut self) {
        self.0.0.lock().abort_all();
    }
}
