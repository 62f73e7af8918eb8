//! HTTP/1.1 on one connection.

use std::pin::Pin;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::budget::Share;
use super::context::{ConnectionError, Context, Ended, GOODBYE, HEADER_BYTES};
use super::heads::Heads;
use super::limits::Limits;
use super::peers::Connection;
use super::service::Service;
use super::watched::{Watch, Watched};

/// The settings of HTTP/1.1 for all connections of a listener.
pub(super) fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // This time includes the wait for a head. `Activity` watches how long a head takes.
        .header_read_timeout(limits.idle_timeout)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(HEADER_BYTES)
        // A sender may close its half once it has sent the request; it still gets the response.
        // (`pipeline_flush` stays off: while bytes are left to read, the option holds back the
        // response to a request that cannot be parsed, and the responses before it.)
        .half_close(true);
    builder
}

/// Serves one connection to its end. `share` is its memory.
pub(super) async fn serve<S: Service>(
    context: &Context<S>,
    stream: TcpStream,
    connection: &Connection,
    share: Share,
) -> Result<(), ConnectionError> {
    let activity = &connection.activity;
    let service = service_fn(|request| {
        let begun = context.begin(connection, request);
        context.respond(activity, begun)
    });
    let stream = Watched {
        stream,
        activity: activity.clone(),
        watch: Watch::Heads(Heads::new(share)),
    };
    let mut http = context
        .http1
        .serve_connection(TokioIo::new(stream), service);
    let ended = context
        .drive(activity, Pin::new(&mut http), |http| {
            http.graceful_shutdown();
        })
        .await;
    let is_late = match &ended {
        Ended::HeadIsLate => true,
        Ended::Closed(Err(error)) => error.is_timeout(),
        _ => false,
    };
    if is_late {
        let parts = http.into_parts();
        // Before the first byte of a request there is no request to answer.
        if !parts.read_buf.is_empty() {
            header_timeout(parts.io.into_inner().stream).await;
        }
        return Ok(());
    }
    match ended {
        Ended::Closed(ended) => ended.map_err(ConnectionError::from),
        Ended::Idle | Ended::HeadIsLate => Err(ConnectionError::Idle),
        Ended::MadeRoom => Err(ConnectionError::MadeRoom),
    }
}

/// Answers 408 to a peer whose headers took too long. hyper itself would only close the connection.
async fn header_timeout(mut stream: TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let answer = async {
        // If the write fails, the connection is closed without a response.
        if stream.write_all(ANSWER).await.is_ok() {
            _ = stream.shutdown().await;
        }
    };
    _ = timeout(GOODBYE, answer).await;
}
