//! `[sources.NAME]`: an endpoint that a provider posts to.

use std::sync::Arc;

use tollgate_base::event::SourceName;
use tollgate_ledger::SourceRetention;
use tollgate_scheme::{Settings, Template, Verifier};

use super::allow_from::AllowFrom;
use super::resolve::Resolve;
use super::tls::ClientCertificate;

/// `[sources.NAME]`: an endpoint that a provider posts to.
#[derive(Debug)]
pub struct Source {
    /// The source's name.
    pub name: SourceName,
    /// `path`: the URL path. It begins with `/`, matches exactly, and is unique.
    pub path: String,
    /// The verifier for `scheme`, `secrets`, `tolerance` and the scheme's own settings.
    pub verifier: Verifier,
    /// The settings of `verifier`, to explain why a request is refused.
    pub settings: Settings,
    /// The description in `[schemes.NAME]`. `None` for a built-in scheme.
    pub template: Option<Arc<Template>>,
    /// `allow_from`: the addresses that may post. `None`: every address.
    pub allow_from: Option<AllowFrom>,
    /// `body_limit` in bytes.
    pub body_limit: usize,
    /// `client_certificate`: which certificate a peer must show. `None`: none is needed.
    pub client_certificate: Option<ClientCertificate>,
    /// `dedup`: how long the ledger keeps dedup keys. Default: 35 d if the scheme checks the time
    /// of a request, otherwise for ever. `erase`: when the ledger erases payloads.
    pub retention: SourceRetention,
    /// `twins` in `dedup`: whether a snapshot event and the thin event that names it count once.
    pub twins: bool,
    /// `resolve`: how the provider's API is asked for the objects of thin events. `None`: it is not
    /// asked.
    pub resolve: Option<Resolve>,
}
