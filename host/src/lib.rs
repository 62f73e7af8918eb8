//! Tollgate: a gateway for payment webhooks whose business logic ships as WebAssembly
//! plugins.
//!
//! The way of an event: [`server`] takes a request in, its source's [`scheme`] verifies
//! it, the [`ledger`] records it with its deliveries, and only then is it answered.
//! [`dispatch`] runs each delivery's handler in the [`sandbox`] and hands the end and the
//! effects back to the ledger in one transaction; the [`outbox`] sends what was queued.

mod api;
mod backlog;
pub mod cli;
pub mod clock;
mod components;
pub mod dispatch;
pub mod event;
mod failpoint;
mod files;
pub mod fixtures;
mod gateway;
pub mod generation;
mod housekeeping;
pub mod json;
mod key_cache;
mod last_good;
pub mod ledger;
mod machine;
pub mod manifest;
pub mod outbox;
mod pause;
mod rate;
pub mod reload;
mod rfc3339;
mod roll_back;
pub mod sandbox;
pub mod schedule;
pub mod scheme;
pub mod secret;
mod secret_uses;
pub mod serve;
pub mod server;
mod shadow;
mod suggest;
mod telemetry;
mod trials;
