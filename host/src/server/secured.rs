//! What TLS found out about a peer.

use std::sync::Arc;

use crate::certificates::Names;

/// What TLS found out about a peer.
#[derive(Debug, Clone, Default)]
pub struct Secured {
    /// The names in the certificate of the peer, which was checked. `None` if it showed none.
    pub(super) certificate: Option<Arc<Names>>,
}

impl Secured {
    /// The names in the certificate that the peer showed.
    pub(super) fn names(&self) -> Option<&Names> {
        self.certificate.as_deref()
    }
}
