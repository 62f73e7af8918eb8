//! HTTP/1.1 on one connection.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::context::{ConnectionError, Context, GOODBYE, HEADER_BYTES};
use super::idle::Activity;
use super::limits::Limits;
use super::service::Service;

/// The settings of HTTP/1.1 for all connections of a listener.
pub(super) fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(HEADER_BYTES)
        // A sender may close its half once it has sent the request; it still gets the response.
        // (`pipeline_flush` stays off: while bytes are left to read, the option holds back the
        // response to a request that cannot be parsed, and the responses before it.)
        .half_close(true);
    builder
}

/// Serves one connection to its end.
pub(super) async fn serve<S: Service>(
    context: &Context<S>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<(), ConnectionError> {
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| context.respond(&activity, peer, request));
    let mut http = context
        .http1
        .serve_connection(TokioIo::new(stream), service);
    let ended = context
        .drive(&activity, Pin::new(&mut http), |http| {
            http.graceful_shutdown();
        })
        .await;
    match ended {
        Some(Err(error)) if error.is_timeout() => {
            let parts = http.into_parts();
            // Before the first byte of a request there is no request to answer.
            if !parts.read_buf.is_empty() {
                header_timeout(parts.io.into_inner()).await;
            }
            Ok(())
        }
        Some(ended) => ended.map_err(ConnectionError::from),
        None => Err(ConnectionError::Idle),
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
