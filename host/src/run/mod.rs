//! The running gateway: starts its parts in order, holds the parts that others share, and ends
//! them in order.

mod admin_calls;
mod alerts;
mod attention;
mod backlog;
mod certificates;
mod core;
mod data_folder;
mod disk_watch;
mod exclusion;
mod figures;
mod first_generation;
mod gateway;
mod handler_view;
mod housekeeping;
mod ingress;
mod latency;
mod listeners;
mod log_watch;
mod notices;
mod pause;
mod rejections;
mod resolving;
mod restored;
pub mod schedule;
mod source_gauges;
mod start;
mod status;
mod work_router;

pub(crate) use attention::attention;
pub(crate) use core::Core;
pub(crate) use exclusion::Exclusion;
pub use gateway::Gateway;
pub(crate) use handler_view::{HandlerStatus, PauseView};
pub(crate) use ingress::metadata;
pub(crate) use latency::Latency;
pub(crate) use pause::PauseError;
pub use start::{Options, StartError};
pub(crate) use status::counts_json;
