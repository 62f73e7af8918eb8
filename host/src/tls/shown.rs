//! The certificate that a peer has shown, for as long as its connection is open.
//!
//! A connection may be open for days. Meanwhile a reload may take the peer's authority away, and
//! the certificate may expire. So the certificate is checked again when the authorities change, and
//! the connection ends if the certificate no longer counts.

use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::sync::{Notify, watch};

use super::authorities::Authorities;
use crate::certificates::{Facts, Names};

/// The certificate that a peer has shown.
#[derive(Debug)]
pub struct Shown {
    chain: Vec<CertificateDer<'static>>,
    names: Names,
    /// The end of the certificate, in seconds since 1970.
    not_after: u64,
    authorities: watch::Receiver<Option<Arc<Authorities>>>,
    checked: Mutex<Checked>,
    /// Notified when a check has failed.
    failed: Notify,
}

/// The last check of a chain.
#[derive(Debug, Clone, Copy)]
struct Checked {
    /// The digest of the authorities; `None` without authorities.
    by: Option<[u8; 32]>,
    counts: bool,
}

impl Shown {
    /// A chain that a handshake has checked by the authorities of this digest. `authorities` are
    /// those of each moment from now on. `None` if the certificate cannot be read.
    pub(super) fn new(
        chain: &[CertificateDer<'_>],
        by: Option<[u8; 32]>,
        authorities: watch::Receiver<Option<Arc<Authorities>>>,
    ) -> Option<Self> {
        let facts = Facts::read(chain.first()?)?;
        Some(Self {
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
            names: facts.names,
            not_after: facts.not_after.as_millis() / 1000,
            authorities,
            checked: Mutex::new(Checked { by, counts: true }),
            failed: Notify::new(),
        })
    }

    /// The names in the certificate.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The memory of the chain in bytes.
    pub(crate) fn size(&self) -> usize {
        self.chain.iter().map(|der| der.len()).sum()
    }

    /// Whether the certificate counts now. If it does not, [`Shown::counts_no_more`] resolves.
    pub(crate) fn counts(&self) -> bool {
        self.counts_at(UnixTime::now())
    }

    fn counts_at(&self, now: UnixTime) -> bool {
        let counts = now.as_secs() <= self.not_after && self.is_of_authority(now);
        if !counts {
            self.failed.notify_one();
        }
        counts
    }

    /// Whether the chain leads to an authority of now.
    fn is_of_authority(&self, now: UnixTime) -> bool {
        let authorities = self.authorities.borrow().clone();
        let by = authorities.as_ref().map(|of| of.digest);
        let mut checked = self.checked.lock();
        if checked.by != by {
            let counts = authorities.is_some_and(|of| of.vouch_for(&self.chain, now));
            *checked = Checked { by, counts };
        }
        checked.counts
    }

    /// Resolves when the certificate no longer counts: at once after a change of the authorities,
    /// and after its end with the next request.
    pub(crate) async fn counts_no_more(&self) {
        let mut authorities = self.authorities.clone();
        // A change before this moment is seen as well.
        authorities.mark_changed();
        loop {
            tokio::select! {
                changed = authorities.changed() => {
                    if changed.is_err() {
                        // Nothing changes any more: the gateway ends.
                        return pending().await;
                    }
                }
                () = self.failed.notified() => return,
            }
            if !self.counts() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn an_open_connection_ends_with_the_certificate_of_its_peer() {
        let mut params = CertificateParams::new(vec!["psp.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        let signed = params.self_signed(&key).unwrap();
        let (_authorities, of_now) = watch::channel(None);
        let shown = Shown::new(&[signed.der().clone()], None, of_now).unwrap();
        let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        assert!(shown.counts_at(at(1_893_456_000)));
        assert!(!shown.counts_at(at(1_893_456_001)), "2030-01-01 is over");
    }
}
