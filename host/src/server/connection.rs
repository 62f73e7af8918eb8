//! One connection: opens it, then serves it to its end.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use super::context::{ConnectionError, Context};
use super::layers::Layers;
use super::opening::{self, Opened, Version};
use super::peers::Connection;
use super::refusal::Refusal;
use super::service::Service;
use super::strict::Breach;
use super::{http1, http2};

/// Serves one connection to its end, or until others need its place. Holds `permit` until then.
pub(super) async fn serve_connection<S: Service>(
    context: Arc<Context<S>>,
    stream: TcpStream,
    mut connection: Connection,
    layers: Layers,
    permit: OwnedSemaphorePermit,
) {
    let ended = serve(&context, stream, &mut connection, layers).await;
    let Connection { peer, activity, .. } = &connection;
    match (activity.refusal(), ended) {
        (Some(refusal), _) | (None, Err(ConnectionError::Refused(refusal))) => {
            context.service.refused(*peer, refusal);
        }
        (None, Err(ConnectionError::NoMemory(_))) => {
            context.peers.make_room();
            context.service.refused(*peer, Refusal::Memory);
        }
        (None, Err(error)) if error.is_malformed_head() => {
            context
                .service
                .refused(*peer, Refusal::Head(Breach::Malformed));
        }
        (None, Err(error)) => debug!(%peer, %error, "the connection ended with an error"),
        (None, Ok(())) => {}
    }
    drop(permit);
}

async fn serve<S: Service>(
    context: &Arc<Context<S>>,
    mut stream: TcpStream,
    connection: &mut Connection,
    layers: Layers,
) -> Result<(), ConnectionError> {
    // Responses are small and whole: to wait until a packet is full would only delay them.
    stream.set_nodelay(true)?;
    let activity = connection.activity.clone();
    let deadline = Instant::now() + context.limits.header_timeout;
    let mut ending = context.ending.clone();
    let opening = async {
        if let Some(client) =
            opening::client(&mut stream, connection.peer, &layers, deadline).await?
        {
            context.comes_from(connection, client)?;
        }
        opening::open(stream, &connection.entry.allowance, &layers, deadline).await
    };
    let opened = tokio::select! {
        () = activity.must_leave() => return Ok(()),
        _ = ending.wait_for(|ending| *ending) => return Ok(()),
        opened = timeout_at(deadline, opening) => opened,
    };
    let Opened {
        stream,
        version,
        secured,
        share,
    } = opened.unwrap_or(Err(ConnectionError::NoRequest))?;
    connection.secured = secured;
    match version {
        Version::Http1 => http1::serve(context, stream, connection, share).await,
        Version::Http2 => http2::serve(context, stream, connection, share).await,
    }
}
