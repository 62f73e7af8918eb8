//! What every engine needs, whatever its database: the queue before the writer and its pace,
//! events that are ready to be recorded, what a commit hands to the sink, cursors of lists.

mod commit_gauge;
mod filter;
mod hand_over;
mod moment;
mod pace;
mod pass;
mod prepared;
mod queue;
mod span;
mod views;
mod weight;

pub(crate) use commit_gauge::CommitGauge;
pub(crate) use filter::{EventColumns, EventFilter, ROW_BYTES, has_delivery};
pub(crate) use hand_over::HandOver;
pub(crate) use moment::Moment;
pub(crate) use pace::Pace;
pub(crate) use pass::{PAGE, Pass, Verdict};
pub(crate) use prepared::{PreparedEvent, pairs_to_json};
pub(crate) use queue::{Queue, Refused, Weighted};
pub(crate) use span::{Span, cursor};
pub(crate) use views::{log_lines, payload_of};
pub(crate) use weight::completion_weight;

/// The weight of an operation beside its bodies: rows, keys and names.
pub(crate) const BASE_WEIGHT: usize = 512;

/// How many changes of operators to handlers' state are on record. Those before are forgotten.
pub(crate) const KEPT_STATE_CHANGES: i64 = if cfg!(debug_assertions) { 50 } else { 100_000 };
