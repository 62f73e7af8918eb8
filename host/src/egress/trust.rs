//! The certificate authorities that outbound connections and providers' certificates are
//! checked against: those of the system.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt;
use rustls::{ClientConfig, RootCertStore};
use tracing::warn;

/// TLS that trusts the system's certificate store, or the file that `SSL_CERT_FILE` names.
/// If the store has no certificate, the function logs a warning and no `https` request can be
/// sent.
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

/// The root certificates of the system's store. If the store has none, the function logs a
/// warning and returns an empty store.
pub(crate) fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        warn!("no root certificates found: no certificate of a provider can be trusted");
    }
    roots
}
