//! The settings of a whole manifest.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_base::event::{HandlerName, SourceName};
use tollgate_base::secret::Secret;
use tollgate_ledger::Retention;

use super::{
    AdminToken, Alerts, BacklogLimits, Handler, LedgerSettings, OutboxSettings, Plugins,
    RejectionSettings, Reload, Role, Route, Server, Source, Tls,
};

/// The settings of a manifest without mistakes.
///
/// A path in the text is relative to the manifest's folder. A path here is absolute, or relative
/// to the working folder if the manifest's own path was.
#[derive(Debug)]
pub struct Manifest {
    /// `[server]`
    pub server: Server,
    /// `admin_token` in `[server]`, named `admin`, and `[[server.admin_tokens]]`: the tokens of
    /// which the admin service asks for one. Default: none.
    pub admin_tokens: Arc<[AdminToken]>,
    /// `backlog` in `[server]`: how much may wait. Default: no limit.
    pub backlog: BacklogLimits,
    /// `tls` in `[server]`: the certificates of the ingress. Default: none, so no TLS.
    pub tls: Option<Arc<Tls>>,
    /// `[ledger]`
    pub ledger: LedgerSettings,
    /// `[ledger] retention` (default 35 d after an event ended), and `dedup` and `erase` of
    /// each source.
    pub retention: Arc<Retention>,
    /// `rejections` in `[ledger]`: which refused requests are kept.
    pub rejections: RejectionSettings,
    /// `[plugins]`
    pub plugins: Plugins,
    /// `[reload]`
    pub reload: Reload,
    /// `[outbox]`
    pub outbox: OutboxSettings,
    /// `[sources.NAME]`, by name.
    pub sources: BTreeMap<SourceName, Arc<Source>>,
    /// `[handlers.NAME]`, by name.
    pub handlers: BTreeMap<HandlerName, Arc<Handler>>,
    /// `[[routes]]`, in the manifest's order.
    pub routes: Vec<Route>,
    /// `[[alerts]]` and `[alert_receivers.NAME]`. Default: none.
    pub alerts: Arc<Alerts>,
    /// The files that secrets were read from. A change of such a file is a change of the manifest.
    pub secret_files: Vec<PathBuf>,
    /// Settings that are allowed but unwise, as texts for the operator.
    pub warnings: Vec<String>,
}

/// The name of the ledger's file of a gateway for one machine alone.
pub(crate) const LOCAL_LEDGER: &str = "tollgate.db";

impl Manifest {
    /// Keeps the gateway to this machine: all listeners are on loopback at their ports, without TLS
    /// and without a proxy in front, and the ledger is in `folder`.
    pub(crate) fn keep_local(&mut self, folder: &Path) {
        let server = &mut self.server;
        for address in [&mut server.listen, &mut server.admin] {
            if !address.ip().is_loopback() {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
        }
        server.redirect = None;
        server.require_https = false;
        server.proxy_protocol = false;
        self.tls = None;
        self.ledger.path = folder.join(LOCAL_LEDGER);
    }
}

impl Manifest {
    /// The token that commands on this machine present: the first that may operate, or the first
    /// one.
    pub(crate) fn token_of_commands(&self) -> Option<Secret> {
        let mut tokens = self.admin_tokens.iter();
        let first = tokens.clone().next();
        let operates = tokens.find(|token| token.role == Role::Operate);
        operates.or(first).map(|token| token.token.clone())
    }
}
