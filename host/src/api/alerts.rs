//! Alerts: those that last, and the last notices about alerts.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Answer, ApiError, ReadErrors};
use super::calls::Calls;
use crate::alerts::About;
use crate::run::Core;
use crate::settings::AlertReceiver;
use tollgate_base::time::WallTime;
use tollgate_ledger::{LastingAlert, ListOrder, Millis, Page, RequestFilter, RequestSummary};

/// The most notices of one receiver.
const NOTICES: usize = 20;

/// Alerts, as the gateway tells them by itself.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct Alerts {
    /// The alerts that last, the oldest first.
    pub(crate) lasting: Vec<AlertView>,
    /// The last notices to each receiver, the newest first: twenty at most, as far back as one look
    /// at the outbox reaches.
    pub(crate) notices: Vec<NoticeView>,
}

/// An alert that lasts.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct AlertView {
    /// What identifies the alert until it is over.
    pub(crate) key: String,
    /// When it started.
    #[schema(value_type = Millis)]
    pub(crate) since_ms: WallTime,
    #[serde(flatten)]
    pub(crate) about: About,
}

/// A notice to a receiver: a request of the outbox.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct NoticeView {
    /// The receiver.
    pub(crate) receiver: String,
    #[serde(flatten)]
    pub(crate) request: RequestSummary,
}

impl AlertView {
    fn of(alert: &LastingAlert) -> Self {
        Self {
            key: alert.key.clone(),
            since_ms: alert.since,
            // An older gateway may have written another text.
            about: serde_json::from_str(&alert.text).unwrap_or_default(),
        }
    }
}

/// The alerts that last, and the last notices.
#[utoipa::path(
    get,
    path = "/api/alerts",
    tag = "status",
    responses((status = 200, description = "The alerts.", body = Alerts), ReadErrors),
)]
pub(super) async fn show(State(calls): State<Calls>) -> Answer<Alerts> {
    calls.answer(alerts).await
}

fn alerts(core: &Core) -> Result<Alerts, ApiError> {
    let mut lasting: Vec<_> = core.alerts.lock().iter().map(AlertView::of).collect();
    lasting.sort_by_key(|alert| alert.since_ms);
    let generation = core.current.load_full();
    let mut notices = Vec::new();
    for receiver in &generation.manifest.alerts.receivers {
        notices.extend(notices_to(core, receiver)?);
    }
    notices.sort_by_key(|notice| std::cmp::Reverse(notice.request.request.queued_ms));
    Ok(Alerts { lasting, notices })
}

fn notices_to(core: &Core, receiver: &AlertReceiver) -> Result<Vec<NoticeView>, ApiError> {
    let filter = RequestFilter {
        handler: Some(AlertReceiver::outbox_name(&receiver.name)),
        ..RequestFilter::default()
    };
    let page = Page {
        after: None,
        until: None,
        limit: NOTICES,
        order: ListOrder::Newest,
    };
    let listed = core.records.requests(&filter, &page)?;
    let notices = listed.items.into_iter().map(|request| NoticeView {
        receiver: receiver.name.clone(),
        request,
    });
    Ok(notices.collect())
}
