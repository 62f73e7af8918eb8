//! `tls` of `[server]`: the certificates of the listener that providers post to.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::RootCertStore;

use super::acme::Acme;
use crate::certificates::{Certificate, Names};

/// `tls` in `[server]`: the certificates of the listener that providers post to.
#[derive(Debug, Default)]
pub struct Tls {
    /// `cert` and `key`, or `certificates`: the certificates in files. A peer that names no host,
    /// or one that none of them is for, gets the first.
    pub certificates: Vec<CertificateFile>,
    /// `acme`: one more certificate, from an authority.
    pub acme: Option<Arc<Acme>>,
    /// `client_ca`: the authorities of the peers' certificates. `None`: no peer is asked for one.
    pub client_ca: Option<ClientAuthorities>,
}

/// A certificate that was read from a file.
#[derive(Debug)]
pub struct CertificateFile {
    /// `cert`: the file of the chain.
    pub path: PathBuf,
    /// The certificate with its key.
    pub certificate: Arc<Certificate>,
}

/// The authorities whose certificates peers may show.
#[derive(Debug, Clone)]
pub struct ClientAuthorities {
    /// The certificates of the authorities.
    pub roots: Arc<RootCertStore>,
    /// The SHA-256 of the file. With another file, no session from before is resumed.
    pub digest: [u8; 32],
}

/// `client_certificate` of a source: which certificate of `client_ca` a peer must show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificate {
    /// `"required"`: any.
    Any,
    /// A list of names: one whose owner has one of them.
    Of(Vec<String>),
}

impl ClientCertificate {
    /// Whether a peer that shows a certificate with these names may send to the source.
    pub(crate) fn admits(&self, shown: &Names) -> bool {
        match self {
            Self::Any => true,
            Self::Of(names) => names.iter().any(|name| shown.has(name)),
        }
    }
}
