//! What the dashboard needs of the gateway.

use std::sync::Arc;

use tokio::sync::watch;

use super::api::Api;
use super::changes::Changes;
use super::session::Sessions;
use super::trends::Trends;
use crate::settings::AdminToken;

/// What the dashboard needs of the gateway.
#[derive(Clone)]
pub(crate) struct Dashboard {
    /// The admin API.
    pub(crate) api: Api,
    /// The tokens of which one signs in; none: everybody who reaches the listener is an operator.
    pub(crate) tokens: Arc<dyn Fn() -> Arc<[AdminToken]> + Send + Sync>,
    /// What happened lately, for the charts.
    pub(crate) trends: Arc<Trends>,
    /// Tells open pages of changes.
    pub(crate) changes: Arc<Changes>,
    /// Turns true when the listener ends.
    pub(crate) ended: watch::Receiver<bool>,
    /// Who is signed in.
    pub(crate) sessions: Arc<Sessions>,
}
