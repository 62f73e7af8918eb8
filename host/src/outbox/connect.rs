//! Connections to where outbox requests go.
//!
//! A name is resolved once for each connection, its addresses are checked, and exactly
//! one that was admitted is connected to: there is no second look-up between check and
//! use. Connections are kept apart by destination (origin and admitted networks), so
//! one that was made under one `allow` entry never serves another that admits less.

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
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::warn;

use super::addresses::Destination;
use tollgate_base::origin::Origin;

/// How long one address may take to answer a connection before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: less than the minute after which servers and
/// middle boxes commonly drop one.
const IDLE: Duration = Duration::from_secs(30);
/// Destinations whose connections are kept; beyond, all are let go and made anew.
const DESTINATIONS: usize = 1024;

/// A client of one destination.
pub(super) type Client = legacy::Client<HttpsConnector<Connector>, Full<Bytes>>;

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    /// The client asks for another origin than it was made for.
    #[error("this client is for {0}")]
    OtherOrigin(Origin),
    /// The name cannot be resolved.
    #[error("cannot resolve {host}")]
    Unresolved {
        host: String,
        #[source]
        source: io::Error,
    },
    /// The name has addresses, but none that may be used.
    #[error(
        "{host} resolves to {found}, which is not public: list it in `addresses` of the `allow` entry"
    )]
    NotAdmitted { host: String, found: IpAddr },
    /// The name has no address.
    #[error("{0} has no address")]
    NoAddress(String),
    /// No address could be connected to; this is what the last one said.
    #[error("cannot connect to {address}")]
    Refused {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Clients by destination.
pub(super) struct Clients {
    tls: Arc<ClientConfig>,
    by_destination: Mutex<HashMap<Destination, Client>>,
}

impl Clients {
    pub(super) fn new(tls: ClientConfig) -> Self {
        Self {
            tls: Arc::new(tls),
            by_destination: Mutex::default(),
        }
    }

    /// The client of a destination.
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

/// TLS as the system's certificate store (or `SSL_CERT_FILE`) has it. Without any
/// certificate there, which is logged, no `https` request can be sent.
pub fn system_tls() -> ClientConfig {
    let builder = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the cipher suites of the default versions")
    };
    let verifying = builder().with_native_roots().unwrap_or_else(|error| {
        warn!(%error, "no root certificates found: the outbox cannot send to https origins");
        builder().with_root_certificates(RootCertStore::empty())
    });
    verifying.with_no_client_auth()
}

/// The root certificates of the system's store; without any, which is logged, none.
pub(crate) fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        warn!("no root certificates found: no certificate of a provider can be trusted");
    }
    roots
}

/// Connects to addresses that its destination admits.
#[derive(Clone)]
pub(super) struct Connector(Arc<Destination>);

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
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
            Ok(TokioIo::new(connect(&destination).await?))
        })
    }
}

async fn connect(destination: &Destination) -> Result<TcpStream, ConnectError> {
    let mut failed = None;
    for address in resolve(destination).await? {
        let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
        match connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // Requests are written at once; not having it costs only time.
                _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(source) => failed = Some(ConnectError::Refused { address, source }),
        }
    }
    Err(failed.unwrap_or_else(|| ConnectError::NoAddress(destination.origin.host.clone())))
}

/// The admitted addresses of the origin's host; never none.
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
