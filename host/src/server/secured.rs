//! What TLS found out about a peer.

use std::future::pending;
use std::sync::Arc;

use crate::tls::Shown;

/// What TLS found out about a peer.
#[derive(Debug, Clone, Default)]
pub struct Secured {
    /// The certificate of the peer, which was checked. `None` if the peer showed none.
    pub(super) certificate: Option<Arc<Shown>>,
}

impl Secured {
    /// The memory that the certificate takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.certificate.as_ref().map_or(0, |shown| shown.size())
    }

    /// Whether the peer has shown a certificate that no longer counts.
    pub(super) fn is_stale(&self) -> bool {
        let shown = self.certificate.as_ref();
        shown.is_some_and(|shown| !shown.counts())
    }

    /// Resolves when the certificate that the peer has shown no longer counts.
    pub(super) async fn becomes_stale(&self) {
        match &self.certificate {
            Some(shown) => shown.counts_no_more().await,
            None => pending().await,
        }
    }
}
