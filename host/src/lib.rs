//! Tollgate: a gateway for payment webhooks whose business logic ships as WebAssembly
//! plugins.
//!
//! The way of an event: [`server`] takes a request in, its source's scheme
//! (`tollgate_scheme`) verifies it, the ledger (`tollgate_ledger`) records it with its
//! deliveries, and only then is it answered. [`dispatch`] runs each delivery's handler in the
//! sandbox (`tollgate_sandbox`) and hands the outcome and the effects back to the ledger in one
//! transaction; the [`outbox`] sends the requests that were queued.

mod api;
pub mod cli;
pub mod dispatch;
pub mod egress;
pub mod generation;
pub mod keys;
pub mod manifest;
pub mod outbox;
mod refill;
pub mod run;
pub mod server;
pub mod settings;
mod shadow;
mod telemetry;
