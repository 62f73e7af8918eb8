//! The dashboard: pages for an operator, below `/ui`.
//!
//! A page is made by the server from answers of the admin API, which the dashboard calls within the
//! process as the operator who is signed in. So the dashboard can show and do nothing that the API
//! does not. A form posts to `/ui/do/…`, and its page comes back with what was said. A stream of
//! events tells an open page that something has changed, and the page fetches itself again.
//!
//! - `gate.rs` and `session.rs`: who may see a page; sign-in, cookies, and the token of each form.
//! - `api.rs` calls the admin API; `actions.rs` carries out what forms ask for.
//! - `layout.rs`, `parts.rs`, `chart.rs` and `pages/` make HTML; `assets/` has the style and the
//!   script. `trends.rs` counts for the charts, `live.rs` is the stream.

mod actions;
mod api;
mod changes;
mod chart;
mod gate;
mod layout;
mod live;
mod pages;
mod parts;
mod query;
mod refused;
mod routes;
mod session;
mod shared;
mod trends;

pub(crate) use self::api::Api;
pub(crate) use self::changes::Changes;
pub(crate) use self::live::seen;
pub(crate) use self::routes::routes;
pub(crate) use self::shared::Dashboard;
pub(crate) use self::trends::{Sample, Trends};
