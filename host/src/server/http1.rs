//! HTTP/1.1 on one connection.

use std::pin::Pin;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::budget::Share;
use super::context::{ConnectionError, Context, Ended, HEADER_BYTES};
use super::farewell::farewell;
use super::heads::Heads;
use super::limits::Limits;
use super::peers::Connection;
use super::refusal::Refusal;
use super::service::Service;
use super::transport::Transport;
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
    stream: Transport,
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
        watch: Watch::Heads(Heads::new(share, context.limits.strict)),
    };
    let mut http = context
        .http1
        .serve_connection(TokioIo::new(stream), service);
    let ended = context
        .drive(connection, Pin::new(&mut http), |http| {
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
            farewell(parts.io.into_inner().stream, "408 Request Timeout").await;
        }
        return Ok(());
    }
    if matches!(activity.refusal(), Some(Refusal::Head(_))) {
        let stream = http.into_parts().io.into_inner().stream;
        farewell(stream, "400 Bad Request").await;
        return Ok(());
    }
    match ended {
        Ended::Closed(ended) => ended.map_err(ConnectionError::from),
        Ended::Idle | Ended::HeadIsLate => Err(ConnectionError::Idle),
        Ended::MadeRoom => Err(ConnectionError::MadeRoom),
    }
}
