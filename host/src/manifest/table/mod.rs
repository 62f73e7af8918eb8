//! Readers for the keys of one TOML table: each key with its type, bounds and default.
//!
//! A reader that finds a mistake adds it to the diagnostics and returns the default. So the parser
//! also finds the mistakes after it. The result is not used then.

mod context;
mod fields;
mod json;
mod names;
mod node;
mod quantities;
mod schema;
mod secrets;
mod words;

pub(crate) use context::Context;
pub(crate) use fields::{Fields, Variants};
pub(crate) use json::json;
pub(crate) use names::check_name;
pub(crate) use node::{expected, path, plain_text, string};
pub(crate) use schema::TableSchema;
pub(crate) use secrets::{ReadSecret, secret, source_secret};
pub(crate) use words::listed;
