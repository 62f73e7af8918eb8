//! What operators ask for: lists and details, in statements that look at a bounded number of
//! rows each.
//!
//! A list walks the rows in the order of arrival from where the page before ended, and stops after
//! a bounded number of rows: then the page is short, and says where to go on. Finished deliveries
//! are in no index. Blocks of terms say which rows a filter need not look at
//! ([`search`]). Rows that are in no block yet are looked at one by one.

mod attempts;
mod deliveries;
mod due;
mod events;
mod filter;
mod last;
mod recorded;
mod rejections;
mod requests;
mod resolutions;
mod scan;
mod search;
mod state;
mod walk;

pub(crate) use deliveries::{deliveries, delivery};
pub(crate) use events::{deliveries_of, event, event_to_run, events, ids_between};
pub(crate) use last::last_cursor;
pub(crate) use recorded::recorded;
pub(crate) use rejections::rejections;
pub(crate) use requests::{request, requests};
pub(crate) use state::{state, state_changes, state_value};
