//! `[sources.NAME]`: an endpoint that a provider posts to.

use std::sync::Arc;

use tollgate_base::event::SourceName;
use tollgate_ledger::SourceRetention;
use tollgate_scheme::{Settings, Template, Verifier};

/// `[sources.NAME]`: an endpoint that a provider posts to.
#[derive(Debug)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// `path`: the URL path, from `/`, matched exactly. Unique.
    pub path: String,
    /// `scheme`, `secrets`, `tolerance` and the scheme's own settings, ready to verify with.
    pub verifier: Verifier,
    /// What `verifier` was built of, to explain refusals with.
    pub settings: Settings,
    /// What `[schemes.NAME]` says, if its scheme is one of the manifest's own.
    pub template: Option<Arc<Template>>,
    /// `body_limit` in bytes.
    pub body_limit: usize,
    /// `dedup`: how long keys are kept; for good by default where the scheme checks no time,
    /// 35 d where it does. `erase`: when payloads are erased.
    pub retention: SourceRetention,
}
