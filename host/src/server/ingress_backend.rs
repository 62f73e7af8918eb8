//! The seam between the ingress and the gateway behind it.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::keys::KeyUnavailable;
use crate::settings::{Network, Source};
use crate::telemetry::traces::TraceContext;
use tollgate_base::time::WallTime;
use tollgate_ledger::{LedgerError, Recorded};
use tollgate_scheme::{Accepted, FetchedKey, Visit};

/// The rules about the senders of requests.
#[derive(Debug, Clone)]
pub struct SenderRules {
    /// The proxies whose headers name the sender of a request.
    pub trusted_proxies: Arc<[Network]>,
    /// Whether requests that came by plain HTTP are refused.
    pub require_https: bool,
}

/// The sources of the serving generation and the ledger, as the ingress needs them.
pub trait IngressBackend: Send + Sync + 'static {
    /// A source. It keeps its generation alive: a request ends on the generation on which it
    /// began.
    type Source: Deref<Target = Source> + Send + Sync;

    /// The source with this path. The path is the text of the request line without the query;
    /// percent-encoding is kept.
    fn source(&self, path: &str) -> Option<Self::Source>;

    /// The rules about senders that hold now.
    fn sender_rules(&self) -> SenderRules;

    /// How long a body may take from the end of the headers.
    fn body_timeout(&self, source: &Self::Source) -> Duration;

    /// The key that a request names, fetched from the provider; or why there is none now.
    fn key(
        &self,
        source: &Self::Source,
        id: &str,
    ) -> impl Future<Output = Result<Arc<FetchedKey>, KeyUnavailable>> + Send;

    /// Visits a URL of the provider's before a request is acknowledged; or why that failed.
    fn visit(
        &self,
        source: &Self::Source,
        visit: Visit,
    ) -> impl Future<Output = Result<(), KeyUnavailable>> + Send;

    /// Whether new events are refused because the backlog is too large. Must not block.
    fn refuses(&self) -> bool {
        false
    }

    /// Notes that a request was acknowledged this long after its last byte had come. Must not
    /// block.
    fn acknowledged(&self, source: &Self::Source, took: Duration) {
        let _ = (source, took);
    }

    /// Routes the verified events and records them with their deliveries, and with their place in a
    /// trace. Returns the results in
    /// the order of the events. The first poll must pass the events to the ledger, so that they
    /// are recorded even if the sender hangs up and the future is dropped.
    fn accept(
        &self,
        source: &Self::Source,
        accepted: Accepted,
        now: WallTime,
        trace: Option<&TraceContext>,
    ) -> impl Future<Output = Result<Vec<Recorded>, LedgerError>> + Send;
}
