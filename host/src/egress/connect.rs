//! HTTP clients of the destinations that outbound requests go to.
//!
//! Each connection resolves its host name once, checks the addresses and connects to an
//! address that the check admitted: there is no second look-up between check and use. Each
//! destination (origin and admitted networks) has connections of its own, so a connection that
//! was made under one `allow` entry never serves an entry that admits less.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::addresses::Destination;
use super::paced::Paced;
use tollgate_base::origin::Origin;

/// The `User-Agent` of every outbound request, unless the request brings its own.
pub(crate) const USER_AGENT: &str = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
/// How long one address may take to accept a connection. Then the next address is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: less than the minute after which servers and
/// middleboxes commonly drop an idle connection.
const IDLE: Duration = Duration::from_secs(30);
/// The most destinations that have a client. One more drops all clients, and they are made
/// again when they are needed.
const DESTINATIONS: usize = 1024;

/// A client of one destination.
pub(super) type Client = legacy::Client<HttpsConnector<Connector>, Full<Bytes>>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The request is for another origin than the destination of this client.
    #[error("this client is for {0}")]
    OtherOrigin(Origin),
    /// The host name cannot be resolved.
    #[error("cannot resolve {host}")]
    Unresolved {
        host: String,
        #[source]
        source: io::Error,
    },
    /// The host name has addresses, but the destination admits none.
    #[error(
        "{host} resolves to {found}, which is not public: list it in `addresses` of the `allow` entry"
    )]
    NotAdmitted { host: String, found: IpAddr },
    /// The host name has no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// No address accepted the connection; this is the error of the last address.
    #[error("cannot connect to {address}")]
    Refused {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// HTTP clients by destination.
pub(crate) struct Clients {
    tls: Arc<ClientConfig>,
    by_destination: Mutex<HashMap<Destination, Client>>,
}

impl Clients {
    /// No clients yet. `tls` says whom `https` origins must be certified by.
    pub(crate) fn new(tls: ClientConfig) -> Self {
        Self {
            tls: Arc::new(tls),
            by_destination: Mutex::default(),
        }
    }

    /// The client of a destination; a new one if the destination has none.
    pub(super) fn get(&self, destination: &Destination) -> Client {
        let mut clients = self.by_destination.lock();
        if let Some(client) = clients.get(destination) {
            return client.clone();
        }
        if clients.len() >= DESTINATIONS {
            clients.clear();
        }
        let client = self.client(destination.clone());
        clients.insert(destination.clone(), client.clone());
        client
    }

    fn client(&self, destination: Destination) -> Client {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(&self.tls))
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector(Arc::new(destination)));
        legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector)
    }
}

/// Connects to the addresses that its destination admits.
#[derive(Clone)]
pub(super) struct Connector(Arc<Destination>);

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Paced<TcpStream>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let destination = self.0.clone();
        Box::pin(async move {
            if Origin::of(&uri).ok().as_ref() != Some(&destination.origin) {
                return Err(ConnectError::OtherOrigin(destination.origin.clone()).into());
            }
            Ok(TokioIo::new(Paced::new(connect(&destination).await?)))
        })
    }
}

async fn connect(destination: &Destination) -> Result<TcpStream, ConnectError> {
    let mut failed = None;
    for address in resolve(destination).await? {
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        match connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // Sends each request at once. If the option fails, only time is lost.
                _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(source) => failed = Some(ConnectError::Refused { address, source }),
        }
    }
    Err(failed.unwrap_or_else(|| ConnectError::NoAddress(destination.origin.host.clone())))
}

/// The admitted addresses of the origin's host: at least one.
async fn resolve(destination: &Destination) -> Result<Vec<SocketAddr>, ConnectError> {
    let Origin { host, port, .. } = &destination.origin;
    let found: Vec<SocketAddr> = match destination.origin.address() {
        Some(address) => vec![(address, *port).into()],
        None => tokio::net::lookup_host((host.as_str(), *port))
            .await
            .map_err(|source| ConnectError::Unresolved {
                host: host.clone(),
                source,
            })?
            .collect(),
    };
    let Some(first) = found.first().map(SocketAddr::ip) else {
        return Err(ConnectError::NoAddress(host.clone()));
    };
    let admitted: Vec<_> = found
        .into_iter()
        .filter(|address| destination.admits(address.ip()))
        .collect();
    if admitted.is_empty() {
        return Err(ConnectError::NotAdmitted {
            host: host.clone(),
            found: first,
        });
    }
    Ok(admitted)
}
