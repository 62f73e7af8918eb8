//! The context that all connections of a listener share, and the life of a connection in it.

use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use hyper::server::conn::http1;
use tokio::sync::watch;
use tracing::debug;

use super::budget::NoMemory;
use super::idle::Activity;
use super::layers::LayersOf;
use super::limits::Limits;
use super::peers::{Connection, Peers};
use super::refusal::Refusal;
use super::response::try_later;
use super::secured::Secured;
use super::service::{Caller, Request, Response, Service};
use super::{body, head};

/// The most bytes of a request line and its headers together in HTTP/1.1. A longer head, or one
/// with more than hyper's own 100 headers, is answered with 431.
pub(super) const HEADER_BYTES: usize = 64 * 1024;
/// How long a connection that was told to end may stay open without a request under way.
pub(super) const GOODBYE: Duration = Duration::from_secs(2);

/// The context of a listener's connections.
pub(super) struct Context<S> {
    pub(super) service: Arc<S>,
    pub(super) http1: http1::Builder,
    pub(super) limits: Limits,
    /// The layers below HTTP.
    pub(super) layers: LayersOf,
    /// The open connections.
    pub(super) peers: Arc<Peers>,
    /// Becomes true when the listener ends.
    pub(super) ending: watch::Receiver<bool>,
}

/// Why a connection ended otherwise than by an end of both sides.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    /// The listener refuses the peer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The listener has no memory for the connection.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer broke the protocol or off.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The peer sent nothing before the header timeout.
    #[error("nothing came before the header timeout")]
    NoRequest,
    /// The connection was idle, and the peer did not close it when it was told to.
    #[error("ended because it was idle")]
    Idle,
    /// The connection carried no request, and others need its place.
    #[error("ended because it carried no request and others need its place")]
    MadeRoom,
}

impl ConnectionError {
    /// Whether hyper refused the head of a request.
    pub(super) fn is_malformed_head(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_parse())
    }
}

impl<S: Service> Context<S> {
    /// Notes that a connection of a proxy comes from this address: limits and memory are those of
    /// the address from now on.
    ///
    /// # Errors
    /// The address has all connections that it may have.
    pub(super) fn comes_from(
        &self,
        connection: &mut Connection,
        client: SocketAddr,
    ) -> Result<(), Refusal> {
        connection.peer = client;
        if self.peers.is_full(client) {
            return Err(Refusal::Connections);
        }
        connection.entry = self.peers.enter(client, connection.activity.clone());
        Ok(())
    }

    /// Takes a request in: counts it as under way, and takes its memory from the budget. Returns
    /// `None` if there is no memory for it.
    pub(super) fn begin(&self, connection: &Connection, request: Request) -> Option<Begun> {
        let Connection {
            peer,
            activity,
            entry,
            secured,
        } = connection;
        if secured.as_ref().is_some_and(Secured::is_stale) {
            debug!(%peer, "the connection ends: the certificate of the peer no longer counts");
        }
        let in_flight = activity.begin(head::announced(&request));
        match entry.allowance.share(head::memory(&request)) {
            Ok(share) => {
                let address = *peer;
                Some(Begun {
                    caller: Caller {
                        address,
                        secured: secured.clone(),
                        share,
                        in_flight,
                    },
                    request,
                })
            }
            Err(_) => {
                self.service.refused(*peer, Refusal::Memory);
                // HTTP/2 resets the stream instead.
                if request.version() < Version::HTTP_2 {
                    body::linger(request.into_body(), None);
                }
                None
            }
        }
    }

    /// Passes a request to the service. The request counts as under way until it is answered, or
    /// until the service says that it has ended. Notes whether the answer is a 2xx.
    pub(super) async fn respond(
        &self,
        activity: &Activity,
        begun: Option<Begun>,
    ) -> Result<Response<S::Body>, Infallible> {
        let Some(Begun { caller, request }) = begun else {
            return Ok(try_later());
        };
        let response = self.service.call(caller, request).await;
        if response.status().is_success() {
            activity.prove();
        }
        Ok(response)
    }

    /// Polls a connection to its end. Tells the peer to close (`goodbye`) when the listener ends,
    /// the connection is idle, or the certificate of the peer no longer counts.
    pub(super) async fn drive<C, E>(
        &self,
        of: &Connection,
        mut connection: Pin<&mut C>,
        goodbye: impl Fn(Pin<&mut C>),
    ) -> Ended<E>
    where
        C: Future<Output = Result<(), E>>,
    {
        let activity = &of.activity;
        let mut ending = self.ending.clone();
        let becomes_stale = async {
            match &of.secured {
                Some(secured) => secured.becomes_stale().await,
                None => pending().await,
            }
        };
        let must_leave = async {
            activity.must_leave().await;
            Ended::MadeRoom
        };
        let head_is_late = async {
            activity.head_is_late(self.limits.header_timeout).await;
            Ended::HeadIsLate
        };
        let mut cut = pin!(async {
            tokio::select! {
                ended = must_leave => ended,
                ended = head_is_late => ended,
            }
        });
        {
            let mut over = pin!(async {
                tokio::select! {
                    _ = ending.wait_for(|ending| *ending) => {}
                    () = activity.idle_for(self.limits.idle_timeout) => {}
                    () = becomes_stale => {}
                }
            });
            tokio::select! {
                biased;
                ended = connection.as_mut() => return Ended::Closed(ended),
                ended = &mut cut => return ended,
                () = &mut over => goodbye(connection.as_mut()),
            }
        }
        tokio::select! {
            biased;
            ended = connection.as_mut() => Ended::Closed(ended),
            ended = &mut cut => ended,
            // Requests under way may take their time: the listener has a deadline for its end.
            () = activity.idle_for(GOODBYE) => Ended::Idle,
        }
    }
}

/// A request that was taken in.
pub(super) struct Begun {
    caller: Caller,
    request: Request,
}

/// How a connection ended.
pub(super) enum Ended<E> {
    /// Both sides closed it, or it failed.
    Closed(Result<(), E>),
    /// It was idle, and the peer did not close it when it was told to.
    Idle,
    /// The head of a request took longer than the header timeout.
    HeadIsLate,
    /// It carried no request, and others need its place.
    MadeRoom,
}
