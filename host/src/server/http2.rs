//! HTTP/2 on one connection.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use super::budget::Share;
use super::context::{ConnectionError, Context, Ended};
use super::frames::Frames;
use super::head;
use super::peers::Connection;
use super::refusal::Refusal;
use super::service::{Request, Service};
use super::transport::Transport;
use super::watched::{Watch, Watched};

/// The most streams that are open at once.
const STREAMS: u32 = 128;
/// Bytes that a peer may send on a stream before a request reads them: the default of the
/// protocol, enough for the usual event without a round trip.
const STREAM_WINDOW: u32 = 65_535;
/// The same for all streams of a connection together. Bounds the memory of one peer beyond the
/// bytes that requests read.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// The most bytes of a request's headers together, as HTTP/2 counts them: 32 for each field beside
/// its name and value. Twice what providers and proxies send. h2 holds the heads of all streams of
/// a connection before any service sees one.
const HEADER_BYTES: u32 = 16 * 1024;
/// The memory of a connection beside its window: a frame, a head that is arriving, the table of
/// HPACK, the frames that wait to be sent.
const MEMORY: usize = 64 * 1024;
/// A connection gets one out of so many parts of what is left of the budget as its window, so that
/// many connections have small windows.
const WINDOW_PARTS: usize = 1024;
/// The most streams that a peer may have reset before they were accepted. One more ends the
/// connection: the guard against reset floods (CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// The most streams that this side resets for a peer's mistakes before it ends the connection.
const LOCAL_RESETS: usize = 128;

/// Serves one connection to its end. `share` is its memory.
pub(super) async fn serve<S: Service>(
    context: &Arc<Context<S>>,
    stream: Transport,
    connection: &Connection,
    mut share: Share,
) -> Result<(), ConnectionError> {
    let activity = &connection.activity;
    let window = connection.entry.allowance.left() / WINDOW_PARTS;
    let window = (window as u32).clamp(STREAM_WINDOW, CONNECTION_WINDOW);
    if share.grow(MEMORY + window as usize).is_err() {
        activity.refuse(Refusal::Memory);
        return Ok(());
    }
    let service = service_fn(|mut request: Request| {
        // Now, and not when the stream's task runs: h2 hands over all heads that it holds at once.
        head::compact(&mut request);
        let begun = context.begin(connection, request);
        let (context, activity) = (context.clone(), activity.clone());
        async move { context.respond(&activity, begun).await }
    });
    let stream = Watched {
        stream,
        activity: activity.clone(),
        watch: Watch::Frames(Frames::new(Instant::now())),
    };
    let streams = StreamsGuard::default();
    let http = http2::Builder::new(streams.0.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(window)
        .max_header_list_size(HEADER_BYTES)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(context.limits.idle_timeout)
        .keep_alive_timeout(context.limits.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let ended = context
        .drive(connection, pin!(http), |http| {
            http.graceful_shutdown();
        })
        .await;
    match ended {
        Ended::Closed(ended) => Ok(ended?),
        Ended::MadeRoom => Err(ConnectionError::MadeRoom),
        Ended::Idle | Ended::HeadIsLate => Ok(()),
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
        // Ended tasks are removed here, so the set has about as many tasks as open streams.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(stream);
    }
}

/// Ends the streams with their connection. (Each stream holds the set that it is in, so the set
/// alone would not end them.)
#[derive(Default)]
struct StreamsGuard(Streams);

impl Drop for StreamsGuard {
    fn drop(&mut self) {
        self.0.0.lock().abort_all();
    }
}
