//! Alerts: which of them last, and the notices about them.

use super::{LedgerError, NewEvent, NewRequest};
use tollgate_base::event::HandlerName;
use tollgate_base::time::WallTime;

/// Keeps which alerts last. An alert starts and ends in one transaction with the notices about
/// that, so a notice is neither lost nor sent for a second time, whenever the process ends.
pub trait AlertStore: Send + Sync + 'static {
    /// The alerts that last, by key.
    fn alerts(&self) -> Result<Vec<LastingAlert>, LedgerError>;

    /// What the watcher of alerts has kept in mind; `None` if it has kept nothing yet.
    fn alert_memory(&self) -> Result<Option<String>, LedgerError>;

    /// Carries out the changes, and keeps `memory` in mind, in one transaction. Returns for each
    /// change whether it was carried out: an alert that lasts does not start, and an alert ends
    /// only if it has lasted since the given time. Blocks until that is durable. The sink receives
    /// the requests.
    fn change_alerts(
        &self,
        changes: Vec<AlertChange>,
        memory: String,
    ) -> Result<Vec<bool>, LedgerError>;
}

/// An alert that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastingAlert {
    /// What identifies the alert.
    pub key: String,
    /// When the alert started.
    pub since: WallTime,
    /// The text that the caller gave with the start.
    pub text: String,
}

/// The start or the end of an alert.
#[derive(Clone, Debug)]
pub struct AlertChange {
    /// The alert. `text` is kept from the start to the end.
    pub alert: LastingAlert,
    /// Whether the alert starts or ends.
    pub starts: bool,
    /// The change as an event. It has no handlers.
    pub event: NewEvent,
    /// The notices, with the name under which each of them waits in the outbox. Each notice is on
    /// record as the request of a delivery of the event that is done.
    pub notices: Vec<(HandlerName, NewRequest)>,
}
