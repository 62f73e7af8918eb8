//! A sender that speaks TLS by rustls.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::{Authority, Connection, connect};

/// A sender that trusts one authority.
pub(crate) struct TlsClient {
    config: Arc<ClientConfig>,
}

impl TlsClient {
    /// Makes a sender of these versions.
    pub(crate) fn new(
        authority: &Authority,
        versions: &[&'static SupportedProtocolVersion],
        identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.root_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain, key).unwrap(),
            None => builder.with_no_client_auth(),
        };
        Self {
            config: Arc::new(config),
        }
    }

    /// Makes a sender of TLS 1.3 without a certificate.
    pub(crate) fn trusting(authority: &Authority) -> Self {
        Self::new(authority, &[&rustls::version::TLS13], None)
    }

    /// Connects to a host and shakes hands.
    pub(crate) fn connect(&self, address: SocketAddr, host: &str) -> io::Result<Connection> {
        Ok(Connection::over(self.stream(connect(address)?, host)?))
    }

    /// Shakes hands on a socket.
    pub(crate) fn stream(
        &self,
        mut socket: TcpStream,
        host: &str,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let session = ClientConnection::new(self.config.clone(), name);
        let mut session = session.map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(session, socket))
    }
}
