//! A listener: accepts connections within a cap, and ends them in order.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::budget::Budget;
use super::connection::serve_connection;
use super::context::Context;
use super::http1;
use super::idle::Activity;
use super::layers::{Layers, LayersOf};
use super::limits::Limits;
use super::peers::{Connection, Peers};
use super::refusal::Refusal;
use super::service::Service;

/// The first and the longest wait after an `accept` that failed for lack of a resource.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// How often a connection that waits for a place looks for one that may leave.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Serves `service` on `listener` until `shutdown` resolves. Then it accepts nothing more, lets the
/// requests under way end, for `limits.shutdown_timeout` at most, and returns. When it returns,
/// every connection is closed and every task of this listener has ended. `layers` says what each
/// new connection has below HTTP.
pub async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    limits: Limits,
    layers: LayersOf,
    shutdown: impl Future<Output = ()>,
) {
    let (ending, ended) = watch::channel(false);
    let context = Arc::new(Context {
        service,
        http1: http1::builder(&limits),
        limits: limits.clone(),
        layers,
        peers: Peers::new(Budget::new(limits.memory), limits.connections_per_address),
        ending: ended,
    });
    let mut connections = JoinSet::new();
    {
        let mut shutdown = pin!(shutdown);
        let permits = Arc::new(Semaphore::new(limits.connections));
        // Kept over the rounds of the loop: a connection may wait in it for its permit.
        let mut next = pin!(accept(&listener, &permits, &context));
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                (stream, connection, layers, permit) = &mut next => {
                    next.set(accept(&listener, &permits, &context));
                    let serving =
                        serve_connection(context.clone(), stream, connection, layers, permit);
                    connections.spawn(serving);
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

/// The next connection, with a permit. If no permit is free, an open connection without a request
/// makes room; if each carries a request, this connection waits until one ends. Continues after
/// errors of `accept`. If the future is dropped while it waits for a permit, the connection is
/// closed.
async fn accept<S: Service>(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    context: &Context<S>,
) -> (TcpStream, Connection, Layers, OwnedSemaphorePermit) {
    let Context { peers, service, .. } = context;
    let (stream, peer, layers) = loop {
        let (stream, peer) = next_connection(listener).await;
        let layers = (context.layers)();
        // Connections of a proxy count as those of the client that the proxy tells.
        if layers.proxies.is_some() || !peers.is_full(peer) {
            break (stream, peer, layers);
        }
        service.refused(peer, Refusal::Connections);
    };
    let permit = place(permits, peers).await;
    let activity = Arc::new(Activity::new());
    let entry = peers.enter(peer, activity.clone());
    let connection = Connection {
        peer,
        activity,
        entry,
        secured: None,
    };
    (stream, connection, layers, permit)
}

/// A place for a connection. Waits until one is free.
async fn place(permits: &Arc<Semaphore>, peers: &Peers) -> OwnedSemaphorePermit {
    loop {
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return permit;
        }
        peers.make_room();
        // A connection that carries a request now may be silent soon, without giving its permit
        // back.
        let acquired = timeout(LOOK_AGAIN, permits.clone().acquire_owned()).await;
        if let Ok(permit) = acquired {
            return permit.expect("the semaphore is never closed");
        }
    }
}

async fn next_connection(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut wait = BACKOFF.0;
    loop {
        match listener.accept().await {
            Ok(connection) => return connection,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept a connection; trying again in {wait:?}");
                sleep(wait).await;
                wait = (wait * 2).min(BACKOFF.1);
            }
        }
    }
}

/// Whether the error is about one connection that ended before it was accepted. Other errors are
/// a lack of file descriptors or memory, which may end after a wait.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
