//! One connection: finds its HTTP version and serves it to its end.
//!
//! A connection whose first bytes are `PRI` speaks HTTP/2 by prior knowledge, every other
//! connection HTTP/1.1. The first bytes stay in the buffer of the socket, so that HTTP/1.1 runs on
//! the bare socket afterwards.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};
use tracing::debug;

use super::context::{ConnectionError, Context};
use super::peers::Connection;
use super::refusal::Refusal;
use super::service::Service;
use super::strict::Breach;
use super::{http1, http2};

/// The memory of a connection beside its requests: its task, and the buffers of hyper.
const MEMORY: usize = 16 * 1024;

/// Serves one connection to its end, or until others need its place. Holds `permit` until then.
pub(super) async fn serve_connection<S: Service>(
    context: Arc<Context<S>>,
    stream: TcpStream,
    connection: Connection,
    permit: OwnedSemaphorePermit,
) {
    let Connection { peer, activity, .. } = &connection;
    let Ok(share) = connection.entry.allowance.share(MEMORY) else {
        context.peers.make_room();
        return context.service.refused(*peer, Refusal::Memory);
    };
    // Responses are small and whole: to wait until a packet is full would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "the connection ended at once");
        return;
    }
    let mut ending = context.ending.clone();
    let version = tokio::select! {
        () = activity.must_leave() => return,
        _ = ending.wait_for(|ending| *ending) => return,
        version = timeout(context.limits.header_timeout, version(&stream)) => version,
    };
    let ended = match version {
        Ok(Ok(Version::Http1)) => http1::serve(&context, stream, &connection, share).await,
        Ok(Ok(Version::Http2)) => http2::serve(&context, stream, &connection, share).await,
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(ConnectionError::NoRequest),
    };
    if let Some(refusal) = activity.refusal() {
        context.service.refused(*peer, refusal);
    } else if let Err(error) = ended {
        if error.is_malformed_head() {
            let refusal = Refusal::Head(Breach::Malformed);
            context.service.refused(*peer, refusal);
        }
        debug!(%peer, %error, "the connection ended with an error");
    }
    drop(permit);
}

enum Version {
    Http1,
    Http2,
}

/// The version that the first bytes of the peer stand for. The bytes stay in the socket.
async fn version(stream: &TcpStream) -> io::Result<Version> {
    const PREFACE: &[u8] = b"PRI";
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        match &first[..seen] {
            PREFACE => return Ok(Version::Http2),
            // The peer has closed its side; HTTP/1.1 sees the end of the connection.
            [] => return Ok(Version::Http1),
            some if PREFACE.starts_with(some) => sleep(Duration::from_millis(10)).await,
            _ => return Ok(Version::Http1),
        }
    }
}
