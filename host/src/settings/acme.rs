//! `acme` of `tls`: certificates that an authority issues by itself (RFC 8555).

use std::sync::Arc;

use rustls::RootCertStore;
use tollgate_base::secret::Secret;

/// `acme` of `tls` in `[server]`: one certificate, from an authority that speaks ACME.
#[derive(Debug, Clone)]
pub struct Acme {
    /// `domains`: the DNS names in lower case, sorted, each once.
    pub domains: Vec<String>,
    /// `contact`: whom the authority may write to, as URLs such as `mailto:ops@example.com`.
    pub contact: Vec<String>,
    /// `directory`: the URL of the authority. Default: Let's Encrypt.
    pub directory: String,
    /// `root`: the certificates by which the authority's own server is checked. Default: those of
    /// the system.
    pub roots: Option<Arc<RootCertStore>>,
    /// `challenge`: how the authority finds out that the domains lead here. Default: TLS-ALPN-01.
    pub challenge: Challenge,
    /// `external_account`: the account with the authority that orders go to.
    pub external_account: Option<ExternalAccount>,
}

/// How an authority finds out that a domain leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// By a handshake on port 443 (RFC 8737).
    TlsAlpn01,
    /// By a request on port 80 (RFC 8555, section 8.3), which `redirect` answers.
    Http01,
}

/// An account with the authority (external account binding, RFC 8555, section 7.3.4).
#[derive(Debug, Clone)]
pub struct ExternalAccount {
    /// `id`: the identifier of the key.
    pub id: String,
    /// `key`: the key itself, decoded.
    pub key: Secret,
}
