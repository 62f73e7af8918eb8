//! HTTP/2 on one connection.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::context::{ConnectionError, Context, Ended, HEADER_BYTES};
use super::idle::Activity;
use super::service::Service;

/// The most streams that are open at once.
const STREAMS: u32 = 128;
/// Bytes that a peer may send on a stream before a request reads them: the default of the
/// protocol, enough for the usual event without a round trip.
const STREAM_WINDOW: u32 = 65_535;
/// The same for all streams of a connection together. Bounds the memory of one peer beyond the
/// bytes that requests read.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// The most streams that a peer may have reset before they were accepted. One more ends the
/// connection: the guard against reset floods (CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// The most streams that this side resets for a peer's mistakes before it ends the connection.
const LOCAL_RESETS: usize = 128;

/// Serves one connection to its end.
pub(super) async fn serve<S: Service>(
    context: &Arc<Context<S>>,
    stream: TcpStream,
    peer: SocketAddr,
    activity: &Arc<Activity>,
) -> Result<(), ConnectionError> {
    let service = {
        let (context, activity) = (context.clone(), activity.clone());
        service_fn(move |request| {
            let (context, activity) = (context.clone(), activity.clone());
            async move { context.respond(&activity, peer, request).await }
        })
    };
    let streams = StreamsGuard::default();
    let http = http2::Builder::new(streams.0.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_BYTES as u32)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(context.limits.idle_timeout)
        .keep_alive_timeout(context.limits.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    let ended = context
        .drive(activity, pin!(http), |http| {
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
