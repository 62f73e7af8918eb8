//! Commands that ask a running gateway over its admin API, or read its ledger.

mod args;
mod bulk;
mod client;
mod error;
mod filter;
mod lines;
mod list;

pub(super) use args::{Backend, GatewayArgs, NoGateway, open_ledger};
pub(super) use bulk::{BulkArgs, BulkCall, ItemsArgs, Operation, operator};
pub(super) use client::{Client, encode, port_of, reachable};
pub(super) use error::{AnswerError, ClientError};
pub(super) use filter::{FilterArgs, RecordFilterArgs, TimeRangeArgs, set_texts};
pub(super) use list::{List, ListArgs, read_pages};
