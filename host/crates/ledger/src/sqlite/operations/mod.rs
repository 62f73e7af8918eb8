//! The kinds of writes, one file each. Pruning and erasing are in `keep`.
//!
//! A file has the type of the request and, beside it, the code that applies it. A new kind of
//! write is a new file and a line here.

mod audit;
mod change_alerts;
mod complete;
mod delivery_row;
mod equal_bytes;
mod fire;
mod give_up;
mod insert_event;
mod intervene;
mod keep_rejections;
mod order;
mod pause;
mod queue_requests;
mod record;
mod release_keys;
mod release_restore;
mod request_order;
mod resolve;
mod retry_uncounted;
mod schedule;
mod serve;
mod set_state;
mod settle;
mod span;
mod start_alone;
mod state;
mod twins;
mod waiting;

pub(super) use change_alerts::ChangeAlerts;
pub(super) use complete::Complete;
pub(super) use fire::Fire;
pub(super) use give_up::GiveUp;
pub(super) use intervene::Intervene;
pub(super) use keep_rejections::KeepRejections;
#[cfg(test)]
pub(super) use order::FIRST;
pub(super) use pause::SetPause;
pub(super) use record::Record;
pub(super) use release_keys::ReleaseKeys;
pub(super) use release_restore::ReleaseRestore;
#[cfg(test)]
pub(super) use request_order::FIRST as FIRST_REQUEST;
pub(super) use resolve::{Hasten, Resolve};
pub(super) use retry_uncounted::{Cursor, RetryUncounted};
#[cfg(test)]
pub(super) use serve::PENDING;
pub(super) use serve::{Serve, ServeStep};
pub(super) use settle::Settle;
pub(super) use start_alone::StartAlone;
pub(super) use waiting::forget as forget_resolution;
