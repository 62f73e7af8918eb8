//! The admin API: operators, the command line and a dashboard read and change a running gateway
//! with it. Each resource has a file, and each call a description: [`document`] serves them.
//!
//! Lists are pages: `{"items": […], "next": …}`, where `next` is the `after` of the next page. A
//! page may hold fewer items than its limit although more follow, because each call reads a bounded
//! number of rows. Errors are `{"error": "…"}`.

mod alerts;
mod answers;
mod bulk;
mod calls;
mod capture;
mod deliveries;
mod document;
mod events;
mod extract;
mod generation;
mod handlers;
mod intervention;
mod ledger;
mod metrics;
mod outbox;
#[cfg(test)]
mod page;
mod query;
mod record_filter;
mod rejections;
mod replay;
mod request_filter;
mod roll_back;
mod router;
mod routes;
mod schedule;
mod sources;
mod state;
mod status;

pub(crate) use alerts::{AlertView, Alerts, NoticeView};
pub(crate) use answers::ApiError;
pub(crate) use bulk::{BulkReport, BulkRequest, STEP};
pub(crate) use capture::CaptureRequest;
pub(crate) use handlers::offline as handlers_offline;
pub(crate) use query::{MAX_LIMIT, QueryFilter};
pub(crate) use replay::{ComponentOf, KeysOf, Onto, ReplayRequest};
pub(crate) use router::router;
pub(crate) use state::{ChangeRequest, MAX_CHANGES, StatePage, ValueChange};
