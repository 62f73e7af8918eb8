//! Tollgate: a gateway for payment webhooks whose business logic ships as WebAssembly plugins.
//!
//! The way of an event: [`server`] reads a request, the scheme of its source (`tollgate_scheme`)
//! verifies the request, the ledger (`tollgate_ledger`) records the event with its deliveries, and
//! only then the request is answered. [`dispatch`] runs the handler of each delivery in the sandbox
//! (`tollgate_sandbox`) and commits the outcome and the effects to the ledger in one transaction.
//! The [`outbox`] sends the requests that were committed.

mod admin;
mod alerts;
mod api;
mod capture;
pub mod certificates;
pub mod cli;
mod dashboard;
pub mod dispatch;
pub mod egress;
pub mod generation;
mod immediate;
pub mod keys;
pub mod manifest;
pub mod metrics;
pub mod outbox;
#[cfg(test)]
mod prose;
mod refill;
mod resolve;
pub mod run;
pub mod server;
pub mod settings;
mod shadow;
mod telemetry;
pub mod tls;
