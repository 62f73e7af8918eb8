//! The TLS of one listener over all generations.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustls::crypto::ring;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ServerConfig, WebPkiClientVerifier,
};

use super::resolver::Resolver;
use crate::settings::{ClientAuthorities, Tls};

/// The protocols over TLS, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The TLS of one listener over all generations.
#[derive(Debug, Default)]
pub(crate) struct Front {
    config: ArcSwapOption<ServerConfig>,
    tickets: Mutex<Option<Tickets>>,
}

/// The keys of session tickets. A ticket carries the peer's certificate, so tickets count for the
/// authorities alone that were in force when the certificate was checked.
#[derive(Debug)]
struct Tickets {
    authorities: Option<[u8; 32]>,
    keys: Arc<dyn ProducesTickets>,
}

/// The TLS of a connection that begins now.
#[derive(Debug, Clone)]
pub struct TlsLayer {
    config: Arc<ServerConfig>,
}

impl TlsLayer {
    /// The configuration for a handshake.
    pub(crate) fn config(&self, _hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        self.config.clone()
    }
}

impl Front {
    /// Serves the certificates of a generation from now on. `None`: connections have no TLS.
    pub(crate) fn serve(&self, tls: Option<&Tls>) {
        self.config.store(tls.map(|tls| Arc::new(self.config(tls))));
    }

    /// The TLS for a connection that begins now; `None` if it has none.
    pub(crate) fn layer(&self) -> Option<TlsLayer> {
        let config = self.config.load_full()?;
        Some(TlsLayer { config })
    }

    fn config(&self, tls: &Tls) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the cipher suites of TLS 1.2 and 1.3");
        let builder = match &tls.client_ca {
            None => builder.with_no_client_auth(),
            Some(ClientAuthorities { roots, .. }) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider)
                    // A source says whether it needs a certificate.
                    .allow_unauthenticated()
                    .build()
                    .expect("the manifest has at least one authority, and no revocation list");
                builder.with_client_cert_verifier(verifier)
            }
        };
        let certificates = tls.certificates.iter().map(|file| &*file.certificate);
        let mut config = builder.with_cert_resolver(Arc::new(Resolver::new(certificates)));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        // Tickets hold the sessions, so nothing of a peer is kept here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(keys) = self.tickets(tls.client_ca.as_ref()) {
            config.ticketer = keys;
        }
        config
    }

    /// The keys of tickets. `None` if the system gives no random numbers: then no session is
    /// resumed.
    fn tickets(&self, authorities: Option<&ClientAuthorities>) -> Option<Arc<dyn ProducesTickets>> {
        let authorities = authorities.map(|of| of.digest);
        let mut tickets = self.tickets.lock();
        if let Some(kept) = &*tickets
            && kept.authorities == authorities
        {
            return Some(kept.keys.clone());
        }
        let keys = ring::Ticketer::new().ok()?;
        *tickets = Some(Tickets {
            authorities,
            keys: keys.clone(),
        });
        Some(keys)
    }
}
