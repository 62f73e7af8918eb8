//! What operators ask for: lists and details, in statements that look at a bounded number of rows.

mod attempts;
mod deliveries;
mod events;
mod recorded;
mod rejections;
mod requests;
mod resolutions;
mod state;
mod walk;

pub(crate) use deliveries::{deliveries, delivery};
pub(crate) use events::{event, event_to_run, events, ids_between};
pub(crate) use recorded::recorded;
pub(crate) use rejections::rejections;
pub(crate) use requests::{request, requests};
pub(crate) use state::{state, state_changes, state_value};
