//! The TLS of one listener over all generations.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ServerConfig};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::acme::{Challenges, Kept, Store, Tries};
use super::authorities::Authorities;
use super::resolver::Resolver;
use super::schedule::renewal_of;
use super::shown::Shown;
use crate::certificates::Certificate;
use crate::egress::error_chain;
use crate::settings::{Acme, Tls};
use tollgate_base::time::WallTime;

/// The protocols over TLS, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The TLS of one listener over all generations.
#[derive(Debug)]
pub(crate) struct Front {
    serving: ArcSwapOption<Serving>,
    authorities: watch::Sender<Option<Arc<Authorities>>>,
    tickets: Mutex<Option<Tickets>>,
    served: Mutex<Served>,
    pub(super) store: Store,
    pub(super) challenges: Arc<Challenges>,
}

/// What a handshake needs.
#[derive(Debug)]
struct Serving {
    config: Arc<ServerConfig>,
    /// The digest of the authorities that `config` checks peers by.
    checks_by: Option<[u8; 32]>,
}

/// What is served now.
#[derive(Debug, Default)]
struct Served {
    tls: Option<Arc<Tls>>,
    obtained: Option<Obtained>,
}

/// The certificate that serves for `acme`.
#[derive(Debug, Clone)]
pub(super) struct Obtained {
    pub(super) acme: Arc<Acme>,
    certificate: Arc<Certificate>,
    /// Whether the authority has issued it.
    is_issued: bool,
    pub(super) tries: Tries,
}

impl Obtained {
    fn is_for(&self, acme: &Acme) -> bool {
        self.acme.domains == acme.domains && self.acme.directory == acme.directory
    }

    /// When another one is ordered.
    fn next(&self) -> WallTime {
        let due = match self.is_issued {
            true => renewal_of(self.certificate.not_before(), self.certificate.not_after()),
            false => WallTime::EPOCH,
        };
        due.max(WallTime::from_millis(self.tries.next_ms))
    }
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
    serving: Arc<Serving>,
    authorities: watch::Receiver<Option<Arc<Authorities>>>,
    challenges: Arc<Challenges>,
}

impl TlsLayer {
    /// The configuration for a handshake: that of the listener, or the answer to a challenge.
    pub(crate) fn config(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let challenge = self.challenges.config(hello);
        challenge.unwrap_or_else(|| self.serving.config.clone())
    }

    /// The chain that a peer has shown in a handshake.
    pub(crate) fn shown(&self, chain: &[CertificateDer<'_>]) -> Option<Shown> {
        Shown::new(chain, self.serving.checks_by, self.authorities.clone())
    }
}

impl Front {
    /// No connection has TLS. `data` is the data folder, for certificates of an authority.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            serving: ArcSwapOption::empty(),
            authorities: watch::Sender::default(),
            tickets: Mutex::default(),
            served: Mutex::default(),
            store: Store::in_folder(data),
            challenges: Arc::default(),
        }
    }

    /// Serves the certificates of a generation from now on. `None`: connections have no TLS.
    pub(crate) fn serve(&self, tls: Option<Arc<Tls>>) {
        let mut served = self.served.lock();
        served.obtained = match tls.as_ref().and_then(|tls| tls.acme.clone()) {
            None => None,
            Some(acme) => match served.obtained.take() {
                Some(kept) if kept.is_for(&acme) => Some(Obtained { acme, ..kept }),
                _ => self.kept(acme),
            },
        };
        served.tls = tls;
        self.rebuild(&served);
    }

    /// The TLS for a connection that begins now; `None` if it has none.
    pub(crate) fn layer(&self) -> Option<TlsLayer> {
        Some(TlsLayer {
            serving: self.serving.load_full()?,
            authorities: self.authorities.subscribe(),
            challenges: self.challenges.clone(),
        })
    }

    /// The answers to the challenges of the authority.
    pub(crate) fn challenges(&self) -> Arc<Challenges> {
        self.challenges.clone()
    }

    /// The certificate of the authority and its next order, for the status; `None` without `acme`.
    pub(crate) fn acme_json(&self, now: WallTime) -> Option<Value> {
        let served = self.served.lock();
        let Obtained {
            acme,
            certificate,
            is_issued,
            tries,
        } = served.obtained.as_ref()?;
        let next = served.obtained.as_ref()?.next();
        Some(json!({
            "domains": acme.domains,
            "directory": acme.directory,
            "issued": is_issued,
            "not_after_ms": certificate.not_after(),
            "state": match is_issued {
                true => certificate.state(now).name(),
                false => "made by the gateway itself, until the authority issues one",
            },
            "next_order_ms": next,
            "failed": tries.failed,
            "error": tries.error,
        }))
    }

    /// The certificate of the authority, if it has issued one; for warnings.
    pub(crate) fn issued(&self) -> Option<Arc<Certificate>> {
        let served = self.served.lock();
        let obtained = served.obtained.as_ref()?;
        obtained.is_issued.then(|| obtained.certificate.clone())
    }

    /// The order that is due.
    pub(super) fn due(&self, now: WallTime) -> Option<Obtained> {
        let served = self.served.lock();
        let obtained = served.obtained.as_ref()?;
        (obtained.next() <= now).then(|| obtained.clone())
    }

    /// Serves a certificate that the authority has issued, if it is still wanted.
    pub(super) fn obtain(&self, acme: &Acme, certificate: Certificate) {
        let mut served = self.served.lock();
        if let Some(obtained) = &mut served.obtained
            && obtained.is_for(acme)
        {
            obtained.certificate = Arc::new(certificate);
            obtained.is_issued = true;
        }
        self.rebuild(&served);
    }

    /// Notes how the last order ended.
    pub(super) fn tried(&self, acme: &Acme, tries: Tries) {
        if let Err(error) = self.store.keep_tries(acme, &tries) {
            tracing::warn!(%error, "the tries of orders cannot be kept");
        }
        let mut served = self.served.lock();
        if let Some(obtained) = &mut served.obtained
            && obtained.is_for(acme)
        {
            obtained.tries = tries;
        }
    }

    /// The certificate that serves until the next order.
    fn kept(&self, acme: Arc<Acme>) -> Option<Obtained> {
        let (certificate, is_issued) = match self.store.certificate(&acme) {
            Ok(Kept::Issued(certificate)) => (certificate, true),
            Ok(Kept::SelfMade(certificate)) => {
                tracing::warn!(
                    domains = ?acme.domains,
                    "the authority has issued no certificate yet: one of the gateway's own serves, \
                     which no peer trusts"
                );
                (certificate, false)
            }
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(%error, "there is no certificate for the domains of `acme`");
                return None;
            }
        };
        let tries = self.store.tries(&acme);
        Some(Obtained {
            acme,
            certificate: Arc::new(certificate),
            is_issued,
            tries,
        })
    }

    fn rebuild(&self, served: &Served) {
        let authorities = self.trust(served.tls.as_deref());
        let serving = served.tls.as_ref().map(|tls| {
            let files = tls.certificates.iter().map(|file| &*file.certificate);
            let obtained = served.obtained.iter().map(|of| &*of.certificate);
            let resolver = Resolver::new(files.chain(obtained));
            Arc::new(Serving {
                config: Arc::new(self.config(authorities.as_deref(), resolver)),
                checks_by: authorities.as_ref().map(|of| of.digest),
            })
        });
        self.serving.store(serving);
    }

    /// Trusts the authorities of the settings from now on. If they change, each certificate that
    /// peers have shown is checked again.
    fn trust(&self, tls: Option<&Tls>) -> Option<Arc<Authorities>> {
        let wanted = tls.and_then(|tls| tls.client_ca.as_ref());
        self.authorities.send_if_modified(|trusted| {
            let is_same = trusted.as_ref().map(|of| of.digest) == wanted.map(|of| of.digest);
            if !is_same {
                *trusted = wanted.map(|of| Arc::new(Authorities::new(of)));
            }
            !is_same
        });
        self.authorities.borrow().clone()
    }

    fn config(&self, authorities: Option<&Authorities>, resolver: Resolver) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the ring provider has the cipher suites of TLS 1.2 and 1.3");
        let builder = match authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => builder.with_client_cert_verifier(authorities.verifier()),
        };
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        // Tickets hold the sessions, so nothing of a peer is kept here.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        if let Some(keys) = self.tickets(authorities) {
            config.ticketer = keys;
        }
        config
    }

    /// The keys of tickets. `None` if the system gives no random numbers: then no session is
    /// resumed.
    fn tickets(&self, authorities: Option<&Authorities>) -> Option<Arc<dyn ProducesTickets>> {
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
